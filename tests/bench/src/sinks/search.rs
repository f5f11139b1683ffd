//! Into OpenSearch: a real one, on the same machine.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use elasticsearch_sink::test_server::{TestServer, client};
use futures_util::StreamExt;
use futures_util::stream::iter;
use naru_tests::Worker;
use serde_json::json;

use super::topic::{PARTITIONS, TOPIC, fill, record};
use super::{RECORDS, run};
use crate::table::{Row, Side, Table, Target, median};
use crate::usage::{Spent, spent};

const ROUNDS: usize = 3;

/// Documents in a request, as the sink's default.
const BATCH: u64 = 2_000;

/// Documents for finding out how many requests at a time are best.
const TRIAL: u64 = 200_000;

/// All rows of OpenSearch.
pub fn measure(table: &mut Table) {
    let server = TestServer::start(&[]);
    let mut worker = Worker::start(&[]);
    fill(&worker, PARTITIONS);
    let trial = |in_flight: usize| (in_flight, bare(&server, &format!("trial{in_flight}"), TRIAL, in_flight));
    // The first warms the server up.
    trial(3);
    let tried = [1, 2, 4, 8].map(trial);
    let best =
        tried.iter().max_by(|one, other| one.1.rate(TRIAL).total_cmp(&other.1.rate(TRIAL))).map_or(4, |best| best.0);
    let mut operations = 0;
    let round = |number: usize| {
        let (ours, done) = sink(&server, &mut worker, &format!("sink{number}"));
        operations = operations.max(done);
        (ours, bare(&server, &format!("bare{number}"), RECORDS, best))
    };
    let pairs: Vec<(Spent, Spent)> = (0..ROUNDS).map(round).collect();
    let (ours, baseline) = median(pairs, |(ours, baseline)| ours.rate(RECORDS) / baseline.rate(RECORDS));
    let shown = |spent: &Spent| format!("{:.1} k documents/s", spent.rate(RECORDS) / 1e3);
    table.add(Row {
        what: "1 M records of 200 bytes into OpenSearch",
        ours: ours.side(shown(&ours), RECORDS),
        baseline: baseline.side(format!("bare loop, {best} in flight: {}", shown(&baseline)), RECORDS),
        value: ours.rate(RECORDS) / baseline.rate(RECORDS),
        target: Target::AtLeast(0.9),
    });
    table.add(Row {
        what: "CPU s of worker and log for 1 M records into OpenSearch",
        ours: ours.side(String::new(), RECORDS),
        baseline: Side::default(),
        value: ours.cpu,
        target: Target::AtMost(2.5),
    });
    operations_row(table, "index operations of the server for 1 M records", operations);
    let stopped = AtomicBool::new(false);
    let operations = std::thread::scope(|scope| {
        scope.spawn(|| slow_down(&server, &stopped));
        let (_, operations) = sink(&server, &mut worker, "slow");
        stopped.store(true, Ordering::Relaxed);
        operations
    });
    operations_row(table, "the same, with a server that stands still every other second", operations);
}

fn operations_row(table: &mut Table, what: &'static str, operations: u64) {
    table.add(Row {
        what,
        ours: Side::figure(operations.to_string()),
        baseline: Side::figure(RECORDS.to_string()),
        value: operations as f64 / RECORDS as f64,
        target: Target::AtMost(1.0),
    });
}

/// Freezes the server for a second, lets it run for one, and so on.
fn slow_down(server: &TestServer, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        server.freeze(Duration::from_secs(1));
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Sinks the topic into its index, with the defaults; and how many index operations the server has done for it.
fn sink(server: &TestServer, worker: &mut Worker, name: &str) -> (Spent, u64) {
    let config = json!({
        "connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "topics": TOPIC,
        "tasks.max": "1", "connection.url": server.url(),
        "consumer.override.auto.offset.reset": "earliest",
    });
    let since = Instant::now();
    let spent = run(worker, name, &config, || {
        let done = server.index_operations(TOPIC);
        if done < RECORDS {
            std::thread::sleep(until_next_look(since.elapsed(), done));
        }
        done >= RECORDS
    });
    assert_eq!(server.count(TOPIC), RECORDS, "every record is a document");
    let operations = server.index_operations(TOPIC);
    server.ask("DELETE", TOPIC, "");
    (spent, operations)
}

/// How long to wait before the server is asked again how far it is, since counting takes its time: half as long as what is left
/// takes at the pace so far.
fn until_next_look(so_far: Duration, done: u64) -> Duration {
    let left = so_far.mul_f64(RECORDS.saturating_sub(done) as f64 / done.max(1) as f64);
    (left / 2).clamp(Duration::from_millis(20), Duration::from_secs(2))
}

/// Sends prepared requests, so many at a time.
fn bare(server: &TestServer, index: &str, documents: u64, in_flight: usize) -> Spent {
    let bodies: Vec<String> = (0..documents).step_by(BATCH as usize).map(|first| body(index, first)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = client();
    let url = format!("{}/_bulk?filter_path=items.*.status,items.*.error.type", server.url());
    let send = async |body: String| {
        let reply = client.post(&url).header("content-type", "application/x-ndjson").body(body).send().await;
        let text = reply.expect("the server answers").text().await.expect("the server answers");
        assert!(!text.contains("error"), "{text}");
    };
    let (spent, ()) = spent(|| runtime.block_on(iter(bodies).map(send).buffer_unordered(in_flight).collect()));
    assert_eq!(server.count(index), documents);
    server.ask("DELETE", index, "");
    spent
}

/// As the sink writes it: the id from the key, the offset as version.
fn body(index: &str, first: u64) -> String {
    let mut body = String::new();
    for n in first..first + BATCH {
        let (key, value) = record(n);
        let offset = n / PARTITIONS as u64;
        let _ = write!(
            body,
            "{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{key}\",\"version_type\":\"external\",\"version\":{offset}}}}}\n{value}\n"
        );
    }
    body
}
