//! Limits of records and bytes in a second, and their change while tasks run.

use std::time::Instant;

use connector_api::conformance::doubles::world;
use naru_tests::{WorkerWithDoubles, until};
use serde_json::json;

fn starts(name: &str) -> usize {
    world(name).calls.iter().filter(|call| call.starts_with("start")).count()
}

#[test]
fn a_source_keeps_to_its_limit_and_hears_of_a_new_one_while_it_runs() {
    const COUNT: usize = 100;
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let since = Instant::now();
    rest.create(
        "slow",
        json!({
            "connector.class": "DoubleSource", "topic": "slow", "world": "slow", "count": COUNT.to_string(),
            "rate.limit.records.per.second": "20",
        }),
    );
    until("it flows", || worker.topics().end("slow") >= 30);
    let (seen, seconds) = (worker.topics().end("slow") as f64, since.elapsed().as_secs_f64());
    assert!(seen <= 20.0 * seconds + 20.0 && seen < COUNT as f64, "{seen} records in {seconds} s");
    rest.patch("/connectors/slow/config", &json!({ "rate.limit.records.per.second": "100000" }));
    let since = Instant::now();
    until("the rest comes at once", || worker.topics().end("slow") == COUNT as i64);
    assert!(since.elapsed().as_secs_f64() < (COUNT as f64 - seen) / 20.0, "it waited as before: {:?}", since.elapsed());
    assert_eq!(starts("slow"), 1, "the task was not started anew");
    rest.patch("/connectors/slow/config", &json!({ "count": "150" }));
    until("another change starts it anew", || starts("slow") == 2);
}

#[test]
fn a_sink_keeps_to_its_limits_and_hears_of_new_ones_while_it_runs() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    rest.create("all", json!({ "connector.class": "DoubleSource", "topic": "all", "world": "all", "count": "100" }));
    until("the numbers are there", || worker.topics().end("all") == 100);
    // Each is between 8 and 11 bytes with its key, so this is at most thirteen records in a second.
    let since = Instant::now();
    rest.create(
        "limited",
        json!({
            "connector.class": "DoubleSink", "topics": "all", "world": "limited", "rate.limit.bytes.per.second": "100",
        }),
    );
    let taken = || world("limited").records.len();
    until("it flows", || taken() >= 20);
    let (seen, seconds) = (taken() as f64, since.elapsed().as_secs_f64());
    assert!(seen <= 13.0 * seconds + 13.0 && seen < 100.0, "{seen} records in {seconds} s");
    rest.patch("/connectors/limited/config", &json!({ "rate.limit.bytes.per.second": null }));
    let since = Instant::now();
    until("the rest comes at once", || taken() == 100);
    assert!(since.elapsed().as_secs_f64() < (100.0 - seen) / 13.0, "it waited as before: {:?}", since.elapsed());
    assert_eq!(starts("limited"), 1, "the task was not started anew");
    let offsets: Vec<i64> = world("limited").records.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, (0..100).collect::<Vec<i64>>());
}
