//! Connectors that fail, stall, panic, and answer out of order: nobody else is hurt, and nothing counts that did not
//! happen.

use connector_api::conformance::doubles::world;
use naru_tests::{WorkerWithDoubles, until};
use serde_json::{Value as Json, json};

fn source(world: &str, trouble: &str) -> Json {
    json!({ "connector.class": "DoubleSource", "topic": world, "world": world, "trouble": trouble, "count": "100" })
}

fn sink(world: &str, topic: &str, trouble: &str) -> Json {
    json!({ "connector.class": "DoubleSink", "topics": topic, "world": world, "trouble": trouble })
}

/// The numbers that a topic holds, in order.
fn numbers(worker: &WorkerWithDoubles, topic: &str) -> Vec<i64> {
    let number = |value: &String| serde_json::from_str::<Json>(value).unwrap()["n"].as_i64().unwrap();
    worker.topics().values(topic).iter().map(number).collect()
}

fn all() -> Vec<i64> {
    (0..100).collect()
}

fn settled(name: &str) -> Vec<String> {
    world(name).calls.into_iter().filter(|call| call.starts_with("settled")).collect()
}

#[test]
fn a_source_that_behaves_is_told_each_outcome_once_and_in_order() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("good", source("good-source", ""));
    until("all is delivered", || settled("good-source").len() == 10);
    let expected: Vec<String> = (0..10).map(|batch| format!("settled {} Delivered", batch * 10)).collect();
    assert_eq!(settled("good-source"), expected);
    assert_eq!(numbers(&worker, "good-source"), all());
    let offsets = worker.rest().get("/connectors/good/offsets").body;
    assert_eq!(offsets, json!({ "offsets": [{ "partition": {}, "offset": { "next": 100 } }] }));
    worker.stop();
    assert_eq!(settled("good-source").len(), 10);
    assert_eq!(world("good-source").calls.last().unwrap(), "stop ");
}

#[test]
fn a_retry_repeats_the_call_and_loses_nothing() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("retry", source("retry-source", "poll:retry:2:5"));
    until("all is there", || numbers(&worker, "retry-source").len() >= 100);
    assert_eq!(numbers(&worker, "retry-source"), all());
    worker.rest().create("retry-sink", sink("retry-sink", "retry-source", "put:retry:1:3"));
    until("all is put", || world("retry-sink").records.len() >= 100);
    let offsets: Vec<i64> = world("retry-sink").records.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, all());
}

#[test]
fn a_failed_task_starts_again_by_itself_with_growing_delays_and_says_when() {
    let worker = WorkerWithDoubles::start(&["task.restart.backoff.ms=300", "task.restart.backoff.max.ms=1000"]);
    worker.rest().create("fails", source("fails", "poll:fail:1:0"));
    let mut attempts = Vec::new();
    until("it has failed three times", || {
        let status = worker.rest().get("/connectors/fails/tasks/0/status").body;
        if let Some(attempt) = status["restart"]["attempt"].as_i64() {
            assert_eq!(status["state"], "FAILED");
            assert!(status["trace"].as_str().unwrap().contains("trouble in poll"), "{status}");
            assert!(status["restart"]["at"].as_str().unwrap().contains('T'), "{status}");
            if attempts.last() != Some(&attempt) {
                attempts.push(attempt);
            }
        }
        attempts.len() >= 3
    });
    assert_eq!(attempts[..3], [1, 2, 3]);
}

#[test]
fn what_no_restart_can_heal_fails_at_once_and_stays_failed_until_somebody_acts() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("fatal", source("fatal", "poll:fatal:1:1"));
    let why = worker.rest().wait_for_task("fatal", 0, "FAILED");
    assert!(why.contains("trouble in poll 1"), "{why}");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let status = worker.rest().get("/connectors/fatal/tasks/0/status").body;
    assert_eq!((&status["state"], &status["restart"]), (&json!("FAILED"), &Json::Null), "{status}");
    assert_eq!(worker.rest().get("/connectors/fatal/status").body["connector"]["state"], "RUNNING");
}

#[test]
fn a_panic_in_any_call_fails_that_task_alone() {
    let worker = WorkerWithDoubles::start(&["task.restart.enable=false"]);
    worker.rest().create("bystander", source("bystander", ""));
    for call in ["start", "poll", "settled", "stop"] {
        let name = format!("panic-{call}");
        worker.rest().create(&name, source(&name, &format!("{call}:panic:1:1")));
        if call == "stop" {
            worker.rest().wait_for_task(&name, 0, "RUNNING");
            assert_eq!(worker.rest().delete(&format!("/connectors/{name}")).status, 204);
        } else {
            let why = worker.rest().wait_for_task(&name, 0, "FAILED");
            assert!(why.contains(&format!("the connector panicked: trouble in {call}")), "{why}");
        }
    }
    for call in ["start", "open", "put", "flush", "close"] {
        let name = format!("panic-sink-{call}");
        worker.rest().create(&name, sink(&name, "bystander", &format!("{call}:panic:1:1")));
        if call == "close" {
            worker.rest().wait_for_task(&name, 0, "RUNNING");
            worker.rest().delete(&format!("/connectors/{name}"));
        } else {
            let why = worker.rest().wait_for_task(&name, 0, "FAILED");
            assert!(why.contains(&format!("the connector panicked: trouble in {call}")), "{why}");
        }
    }
    until("the bystander goes on", || numbers(&worker, "bystander").len() == 100);
    worker.rest().wait_for_task("bystander", 0, "RUNNING");
}

#[test]
fn a_hang_in_any_call_is_given_up_named_and_hurts_nobody_else() {
    let settings = ["task.stuck.timeout.ms=1000", "task.restart.enable=false", "task.shutdown.graceful.timeout.ms=500"];
    let worker = WorkerWithDoubles::start(&settings);
    worker.rest().create("bystander", source("hang-bystander", ""));
    for (kind, said) in [("hang", "has not returned within 1s"), ("block", "it has blocked its thread")] {
        for call in ["start", "poll", "settled"] {
            let name = format!("{kind}-{call}");
            worker.rest().create(&name, source(&name, &format!("{call}:{kind}:1:1")));
            let why = worker.rest().wait_for_task(&name, 0, "FAILED");
            assert!(why.contains(said), "{name}: {why}");
        }
        for call in ["start", "open", "put", "flush"] {
            let name = format!("{kind}-sink-{call}");
            worker.rest().create(&name, sink(&name, "hang-bystander", &format!("{call}:{kind}:1:1")));
            let why = worker.rest().wait_for_task(&name, 0, "FAILED");
            assert!(why.contains(said), "{name}: {why}");
        }
    }
    assert_eq!(numbers(&worker, "hang-bystander"), all());
    for kind in ["hang", "block"] {
        let name = format!("{kind}-stop");
        worker.rest().create(&name, source(&name, &format!("stop:{kind}:1:1")));
        worker.rest().wait_for_task(&name, 0, "RUNNING");
        worker.rest().delete(&format!("/connectors/{name}"));
        until("it is gone", || worker.rest().get(&format!("/connectors/{name}/status")).status == 404);
    }
    worker.stop();
}

#[test]
fn records_of_a_batch_that_failed_are_read_again_after_the_restart_and_positions_never_pass_them() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("middle", source("middle", "poll:fail:6:1"));
    until("all is there", || numbers(&worker, "middle").ends_with(&[98, 99]));
    let seen = numbers(&worker, "middle");
    assert_eq!(seen, all(), "what was polled before the failure had been delivered by then");
    let starts: Vec<String> = world("middle").calls.into_iter().filter(|call| call.starts_with("start")).collect();
    assert_eq!(starts, ["start 0", "start 50"]);
}

#[test]
fn only_what_a_sink_has_flushed_is_committed() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("numbers", source("flushes", ""));
    worker.rest().create("ahead", sink("ahead", "flushes", "flush:ahead:1:0"));
    worker.rest().create("foreign", sink("foreign", "flushes", "flush:foreign:1:0"));
    worker.rest().create("never", sink("never", "flushes", "flush:retry:1:0"));
    for name in ["ahead", "foreign", "never"] {
        until("all is put", || world(name).records.len() == 100);
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    for name in ["ahead", "foreign", "never"] {
        let offsets = worker.rest().get(&format!("/connectors/{name}/offsets")).body;
        assert_eq!(offsets, json!({ "offsets": [] }), "{name}");
    }
    let warnings =
        |name: &str| worker.rest().get(&format!("/connectors/{name}/tasks/0/status")).body["warnings"].clone();
    assert!(warnings("ahead")[0].as_str().unwrap().contains("only 100 was put"), "{}", warnings("ahead"));
    assert!(warnings("foreign")[0].as_str().unwrap().contains("foreign-0, which this task does not have"));
}

#[test]
fn records_that_a_sink_wants_again_come_again_and_those_that_it_took_do_not() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("numbers", source("agains", ""));
    until("all is there", || numbers(&worker, "agains").len() == 100);
    worker.rest().create("again", sink("again", "agains", "put:again:1:1"));
    until("all is put", || world("again").records.len() >= 100);
    let mut offsets: Vec<i64> = world("again").records.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets[..50], (0..50).map(|n| n * 2).collect::<Vec<i64>>());
    offsets.sort_unstable();
    assert_eq!(offsets, all(), "each once");
}

#[test]
fn a_record_that_a_sink_rejects_fails_the_task_and_names_the_record() {
    let worker = WorkerWithDoubles::start(&[]);
    worker.rest().create("numbers", source("rejects", ""));
    worker.rest().create("odd", sink("odd", "rejects", "put:odd:1:0"));
    let why = worker.rest().wait_for_task("odd", 0, "FAILED");
    assert!(why.contains("the sink cannot take rejects-0 offset 1: offset 1 is odd"), "{why}");
    let offsets = worker.rest().get("/connectors/odd/offsets").body;
    assert_eq!(offsets, json!({ "offsets": [] }));
}

#[test]
fn a_record_that_cannot_be_read_fails_the_task_and_names_the_record_and_the_remedy() {
    let worker = WorkerWithDoubles::start(&[]);
    let file = worker.folder().join("lines.txt");
    std::fs::write(&file, "no json\n").unwrap();
    worker.rest().create("lines", json!({
        "connector.class": "FileStreamSource", "file": file, "topic": "no-json", "value.converter": "StringConverter",
    }));
    worker.rest().create("reader", sink("no-json-sink", "no-json", ""));
    let why = worker.rest().wait_for_task("reader", 0, "FAILED");
    assert!(
        why.contains("cannot read the value of no-json-0 offset 0: a record of topic no-json is not JSON"),
        "{why}"
    );
    assert!(why.contains("Choose the converter that fits"), "{why}");
    assert!(worker.rest().get("/connectors/reader/tasks/0/status").body["restart"].is_null(), "no retry can heal it");
}

#[test]
fn a_paused_connector_keeps_its_tasks_and_moves_nothing_also_after_a_restart_of_the_task() {
    let worker = WorkerWithDoubles::start(&[]);
    let config = json!({ "connector.class": "VerifiableSource", "topic": "paused", "throughput": "1000" });
    worker.rest().create("ticks", config);
    until("it runs", || !worker.topics().read("paused").is_empty());
    assert_eq!(worker.rest().send("PUT", "/connectors/ticks/pause", None, "").status, 202);
    worker.rest().wait_for_task("ticks", 0, "PAUSED");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let before = worker.topics().read("paused").len();
    assert_eq!(worker.rest().send("POST", "/connectors/ticks/tasks/0/restart", None, "").status, 204);
    worker.rest().wait_for_task("ticks", 0, "PAUSED");
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(worker.topics().read("paused").len(), before);
    assert_eq!(worker.rest().send("PUT", "/connectors/ticks/resume", None, "").status, 202);
    until("it goes on", || worker.topics().read("paused").len() > before);
}
