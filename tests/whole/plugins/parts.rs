//! Transforms, predicates and converters out of a library, in the worker and in processes of their own.

use naru_tests::{Worker, until, with};
use serde_json::{Value as Json, json};

use super::{committed, numbers, worker_with_doubles};

const ISOLATIONS: [&str; 2] = ["none", "process"];

fn source(topic: &str, isolation: &str, more: Json) -> Json {
    with(json!({ "connector.class": "DoubleSource", "topic": topic, "connector.isolation": isolation }), more)
}

fn sink(topic: &str, isolation: &str, more: Json) -> Json {
    with(json!({ "connector.class": "DoubleSink", "topics": topic, "connector.isolation": isolation }), more)
}

/// A transform that goes wrong in a call.
fn trouble(trouble: &str) -> Json {
    json!({ "transforms": "x", "transforms.x.type": "DoubleTransform", "transforms.x.trouble": trouble })
}

fn values(worker: &Worker, topic: &str) -> Vec<String> {
    worker.topics().values(topic)
}

#[test]
fn records_go_through_transforms_predicates_and_converters_of_a_library_and_of_a_process() {
    let worker = worker_with_doubles(&["offset.flush.interval.ms=200"]);
    let rest = worker.rest();
    for isolation in ISOLATIONS {
        let topic = format!("parts-{isolation}");
        let chain = json!({
            "transforms": "thin, raise", "predicates": "odd",
            "transforms.thin.type": "DoubleTransform", "transforms.thin.drop": "5",
            "transforms.raise.type": "DoubleTransform", "transforms.raise.add": "1000",
            "transforms.raise.trouble": "apply:retry:10:3", "transforms.raise.predicate": "odd",
            "predicates.odd.type": "DoublePredicate",
            "value.converter": "MarkConverter", "key.converter": "MarkConverter",
            "errors.retry.timeout": "60000", "errors.retry.delay.max.ms": "10",
        });
        rest.create(&topic, source(&topic, isolation, chain));
        let thinned: Vec<i64> = (0..100).filter(|n| n % 5 != 0).collect();
        until("all is there", || values(&worker, &topic).len() >= thinned.len());
        let raised = thinned.iter().map(|n| if n % 2 == 1 { n + 1000 } else { *n });
        assert_eq!(values(&worker, &topic), raised.map(|n| format!("value!{{\"n\":{n}}}")).collect::<Vec<_>>());
        let chain = json!({
            "transforms": "picky", "transforms.picky.type": "DoubleTransform", "transforms.picky.trouble": "apply:odd:1:0",
            "transforms.picky.drop": "8", "value.converter": "MarkConverter", "key.converter": "MarkConverter",
            "errors.tolerance": "all", "errors.deadletterqueue.topic.name": format!("dead-{isolation}"),
        });
        let name = format!("sink-{isolation}");
        rest.create(&name, sink(&topic, isolation, chain));
        until("all is committed", || committed(&worker, &name) == 80);
        let odd = thinned.iter().filter(|n| *n % 2 == 1).map(|n| format!("value!{{\"n\":{}}}", n + 1000));
        assert_eq!(values(&worker, &format!("dead-{isolation}")), odd.collect::<Vec<_>>());
        let mut wrong = trouble("");
        wrong["transforms.x.add"] = json!("13");
        let reply = rest.post("/connectors", &json!({ "name": "wrong", "config": source("wrong", isolation, wrong) }));
        assert!(reply.body.to_string().contains("`transforms.x.add` brings bad luck"), "{}", reply.body);
    }
    let listed = rest.get("/connector-plugins?connectorsOnly=false").body;
    let info = listed.as_array().unwrap().iter().find(|info| info["class"] == "naru.DoubleTransform").unwrap();
    assert!(info["location"].as_str().unwrap().ends_with("libdoubles.so"), "{info}");
}

#[test]
fn a_transform_that_panics_hangs_or_dies_hurts_its_task_alone() {
    let settings = ["task.stuck.timeout.ms=1000", "task.restart.enable=false", "task.shutdown.graceful.timeout.ms=500"];
    let worker = worker_with_doubles(&settings);
    let rest = worker.rest();
    rest.create("bystander", source("bystander", "none", trouble("")));
    until("there is something to read", || numbers(&worker, "bystander").len() == 100);
    for isolation in ISOLATIONS {
        let blocked = if isolation == "none" { "it has blocked its thread" } else { "has not returned within 1s" };
        for (kind, said) in [("panic", "the connector panicked: trouble in apply"), ("block", blocked)] {
            let chain = trouble(&format!("apply:{kind}:5:1"));
            for (name, config) in [
                (format!("{kind}-{isolation}"), source("other", isolation, chain.clone())),
                (format!("{kind}-{isolation}-sink"), sink("bystander", isolation, chain.clone())),
            ] {
                rest.create(&name, config);
                let why = rest.wait_for_task(&name, 0, "FAILED");
                assert!(why.contains(said), "{name}: {why}");
            }
        }
    }
    rest.create("aborts", source("other", "process", trouble("apply:abort:5:1")));
    let why = rest.wait_for_task("aborts", 0, "FAILED");
    assert!(why.contains("signal 6 (abort)"), "{why}");
    rest.create("after", source("after", "none", trouble("")));
    until("the library works on", || numbers(&worker, "after") == (0..100).collect::<Vec<i64>>());
    rest.wait_for_task("bystander", 0, "RUNNING");
}

#[test]
fn a_task_goes_on_by_itself_when_the_process_of_its_transform_has_died_and_loses_nothing() {
    let worker = worker_with_doubles(&["offset.flush.interval.ms=100", "task.restart.backoff.ms=100"]);
    let rest = worker.rest();
    rest.create("dies", source("dies", "process", trouble("apply:abort:35:1")));
    until("there are those before", || numbers(&worker, "dies").len() >= 30);
    // Each process makes it a little further, since positions are stored.
    until("all is there", || {
        numbers(&worker, "dies").into_iter().collect::<std::collections::BTreeSet<_>>().len() == 100
    });
    let sorted: Vec<i64> = numbers(&worker, "dies");
    let mut first_seen: Vec<i64> = Vec::new();
    sorted.into_iter().for_each(|n| {
        if !first_seen.contains(&n) {
            first_seen.push(n)
        }
    });
    assert_eq!(first_seen, (0..100).collect::<Vec<i64>>(), "in order, and none is missing");
}
