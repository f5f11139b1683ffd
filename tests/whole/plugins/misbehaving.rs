//! What is promised of connectors that misbehave holds behind the boundary too, in the worker and in a process.

use naru_tests::{Worker, until};
use serde_json::{Value as Json, json};

use super::{committed, numbers, worker_with_doubles};

const ISOLATIONS: [&str; 2] = ["none", "process"];

fn source(topic: &str, trouble: &str, isolation: &str) -> Json {
    json!({ "connector.class": "DoubleSource", "topic": topic, "trouble": trouble, "connector.isolation": isolation })
}

fn sink(topic: &str, trouble: &str, isolation: &str) -> Json {
    json!({ "connector.class": "DoubleSink", "topics": topic, "trouble": trouble, "connector.isolation": isolation })
}

fn all() -> Vec<i64> {
    (0..100).collect()
}

fn fails(worker: &Worker, name: &str, config: Json, said: &str) {
    worker.rest().create(name, config);
    let why = worker.rest().wait_for_task(name, 0, "FAILED");
    assert!(why.contains(said), "{name}: {why}");
}

#[test]
fn records_pass_the_boundary_both_ways_whatever_a_connector_does_with_them() {
    let worker = worker_with_doubles(&["offset.flush.interval.ms=200"]);
    for isolation in ISOLATIONS {
        let topic = format!("whole-{isolation}");
        worker.rest().create(&topic, source(&topic, "poll:retry:2:3", isolation));
        until("all is there", || numbers(&worker, &topic).len() >= 100);
        assert_eq!(numbers(&worker, &topic), all());
        for kind in ["put:again:1:3", "put:keep:1:0", "put:retry:2:3", "flush:retry:1:2"] {
            let name = format!("{isolation}-{kind}").replace(':', "-");
            worker.rest().create(&name, sink(&topic, kind, isolation));
            until("all is committed", || committed(&worker, &name) == 100);
        }
        // Records that a sink keeps and rejects later, and a call that is rejected without a name.
        for (kind, passed) in [("put:keep:1:0,written:odd:1:0", 50), ("put:sevens:1:0", 15), ("put:odd:1:0", 50)] {
            let name = format!("{isolation}-{kind}").replace([':', ','], "-");
            let mut config = sink(&topic, kind, isolation);
            config["errors.tolerance"] = json!("all");
            worker.rest().create(&name, config);
            until("all is committed", || committed(&worker, &name) == 100);
            let status = worker.rest().get(&format!("/connectors/{name}/tasks/0/status")).body;
            assert_eq!(status["passed_over"], passed, "{name}: {status}");
        }
    }
}

#[test]
fn a_panic_in_any_call_of_a_plugin_fails_that_task_alone() {
    let worker = worker_with_doubles(&["task.restart.enable=false"]);
    worker.rest().create("bystander", source("bystander", "", "none"));
    until("there is something to read", || numbers(&worker, "bystander").len() == 100);
    for isolation in ISOLATIONS {
        for call in ["start", "poll", "settled"] {
            let config = source("other", &format!("{call}:panic:1:1"), isolation);
            let said = format!("the connector panicked: trouble in {call}");
            fails(&worker, &format!("{isolation}-{call}"), config, &said);
        }
        for call in ["start", "open", "put", "flush"] {
            let config = sink("bystander", &format!("{call}:panic:1:1"), isolation);
            let said = format!("the connector panicked: trouble in {call}");
            fails(&worker, &format!("{isolation}-sink-{call}"), config, &said);
        }
        for (name, config) in [
            ("stop", source("other", "stop:panic:1:1", isolation)),
            ("close", sink("bystander", "close:panic:1:1", isolation)),
        ] {
            worker.rest().create(name, config);
            worker.rest().wait_for_task(name, 0, "RUNNING");
            assert_eq!(worker.rest().delete(&format!("/connectors/{name}")).status, 204);
            until("it is gone", || worker.rest().get(&format!("/connectors/{name}/status")).status == 404);
        }
        let config = source("other", "start:thread:1:1", isolation);
        fails(&worker, &format!("{isolation}-thread"), config, "its thread double panicked: trouble in a thread");
    }
    assert!(worker.log().contains("trouble in a thread"), "panics show in the log");
    worker.rest().create("after", source("after", "", "none"));
    until("the library works on", || numbers(&worker, "after") == all());
    worker.rest().wait_for_task("bystander", 0, "RUNNING");
}

#[test]
fn a_plugin_that_hangs_in_any_call_is_given_up_and_hurts_nobody_else() {
    let settings = ["task.stuck.timeout.ms=1000", "task.restart.enable=false", "task.shutdown.graceful.timeout.ms=500"];
    let mut worker = worker_with_doubles(&settings);
    worker.rest().create("bystander", source("bystander", "", "none"));
    until("there is something to read", || numbers(&worker, "bystander").len() == 100);
    for isolation in ISOLATIONS {
        for kind in ["hang", "block"] {
            // A process that blocks blocks no thread of the worker.
            let said = if (isolation, kind) == ("none", "block") {
                "it has blocked its thread"
            } else {
                "has not returned within 1s"
            };
            for call in ["start", "poll", "settled"] {
                let config = source("other", &format!("{call}:{kind}:1:1"), isolation);
                fails(&worker, &format!("{isolation}-{kind}-{call}"), config, said);
            }
            for call in ["start", "open", "put", "flush"] {
                let config = sink("bystander", &format!("{call}:{kind}:1:1"), isolation);
                fails(&worker, &format!("{isolation}-{kind}-sink-{call}"), config, said);
            }
            worker.rest().create("stop", source("other", &format!("stop:{kind}:1:1"), isolation));
            worker.rest().wait_for_task("stop", 0, "RUNNING");
            worker.rest().delete("/connectors/stop");
            until("it is gone", || worker.rest().get("/connectors/stop/status").status == 404);
        }
    }
    worker.rest().wait_for_task("bystander", 0, "RUNNING");
    assert!(worker.terminate().success());
}
