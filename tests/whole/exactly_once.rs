//! With `exactly.once.source.support=enabled` readers of committed records see each record of a source once and in order.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use naru_tests::{Log, Random, Topics, Worker, until, with};
use postgres_source::test_server::{PASSWORD, TestServer, USER};
use serde_json::{Value as Json, json};

pub(crate) const ENABLED: &str = "exactly.once.source.support=enabled";

/// How often a worker is killed: as often as `NARU_TEST_KILLS` says, or so often.
pub(crate) fn kills(otherwise: u64) -> u64 {
    std::env::var("NARU_TEST_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(otherwise)
}

fn append(file: &Path, from: u64, to: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    let lines: String = (from..to).map(|n| format!("line {n} {}\n", "x".repeat(80))).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

fn lines(values: Vec<String>) -> Vec<u64> {
    values.iter().map(|line| line.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap()).collect()
}

fn values(seen: Vec<naru_tests::Seen>) -> Vec<String> {
    seen.into_iter().map(|record| record.value.unwrap_or_default()).collect()
}

/// The numbers of each task of a verifiable source, in the order of the topic.
fn numbers(values: &[String]) -> BTreeMap<i64, Vec<i64>> {
    let mut all: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for value in values {
        let value: Json = serde_json::from_str(value).unwrap();
        all.entry(value["task"].as_i64().unwrap()).or_default().push(value["seqno"].as_i64().unwrap());
    }
    all
}

/// Each number once and in order, from 0.
fn check_once(what: &str, numbers: &[i64]) {
    let wrong = numbers.iter().zip(0i64..).find(|(number, expected)| *number != expected);
    assert!(wrong.is_none(), "{what}: found and expected {wrong:?} among {}", numbers.len());
}

fn verifiable(more: Json) -> Json {
    let config =
        json!({ "connector.class": "VerifiableSource", "topic": "ticks", "throughput": "4000", "tasks.max": "2" });
    with(config, more)
}

fn stop(worker: &Worker, connector: &str) {
    assert_eq!(worker.rest().send("PUT", &format!("/connectors/{connector}/stop"), None, "").status, 204);
    until("it has stopped", || {
        let status = worker.rest().get(&format!("/connectors/{connector}/status")).body;
        status["connector"]["state"] == "STOPPED" && status["tasks"] == json!([])
    });
}

#[test]
fn fifty_kills_leave_each_record_of_two_sources_once_and_in_order() {
    let mut worker = Worker::start(&[ENABLED]);
    let input = worker.file("in.txt");
    append(&input, 0, 100);
    worker.rest().create("ticks", verifiable(json!({ "exactly.once.support": "required" })));
    let file = json!({
        "connector.class": "FileStreamSource", "file": input, "topic": "lines", "value.converter": "StringConverter",
        "exactly.once.support": "required", "transaction.boundary": "interval", "transaction.boundary.interval.ms": "60",
    });
    worker.rest().create("lines", file);
    let (mut random, mut written) = (Random::new(11), 100);
    for _ in 0..kills(50) {
        let more = 200 + random.below(1500);
        append(&input, written, written + more);
        written += more;
        std::thread::sleep(Duration::from_millis(random.below(400)));
        worker.kill();
        worker.start_again();
    }
    let topics = worker.topics();
    let expected: Vec<u64> = (0..written).collect();
    until("every line is committed", || topics.committed("lines").len() as u64 >= written);
    assert_eq!(lines(values(topics.committed("lines"))), expected, "the lines");
    until("both tasks have gone on", || {
        worker.rest().task_state("ticks", 1).is_some_and(|(state, _)| state == "RUNNING")
    });
    std::thread::sleep(Duration::from_millis(500));
    stop(&worker, "ticks");
    let ticks = numbers(&values(topics.committed("ticks")));
    assert_eq!(ticks.keys().collect::<Vec<_>>(), [&0, &1]);
    for (task, seen) in &ticks {
        check_once(&format!("task {task}"), seen);
        assert!(seen.len() > 5_000, "the run moved {} records of task {task}", seen.len());
    }
    let all = topics.values("ticks").len() + topics.values("lines").len();
    let committed = ticks.values().map(Vec::len).sum::<usize>() + expected.len();
    assert!(all > committed, "no kill has hit a transaction: all {all} records are committed");
}

#[test]
fn changes_of_a_table_are_there_once_and_in_order_through_kills() {
    let mut random = Random::new(5);
    let worker = Worker::start(&[ENABLED]);
    changes_come_once(worker, Worker::topics, kills(8), |worker, _| {
        std::thread::sleep(Duration::from_millis(100 + random.below(700)));
        worker.kill();
        worker.start_again();
    });
}

/// Counters of a table go up while something is killed again and again: readers of committed records see each change once, and
/// those of a key in order.
pub(crate) fn changes_come_once(
    mut worker: Worker,
    topics: impl Fn(&Worker) -> Topics,
    kills: u64,
    mut kill: impl FnMut(&mut Worker, u64),
) {
    const KEYS: i64 = 20;
    let server = Arc::new(TestServer::start(&[]));
    let table = format!(
        "CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL);
         INSERT INTO counters SELECT id, 0 FROM generate_series(0, {}) id;",
        KEYS - 1
    );
    server.create_database("shop", &table);
    let source = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
        "database.port": server.port().to_string(), "database.user": USER, "database.password": PASSWORD,
        "database.dbname": "shop", "topic.prefix": "shop", "table.include.list": "public.counters",
        "snapshot.mode": "no_data", "exactly.once.support": "required",
    });
    worker.rest().create("shop", source);
    until("the stream has begun", || {
        let slots = server.try_sql("shop", "SELECT pg_logical_emit_message(true, 'x', 'y')");
        slots.is_ok() && !worker.rest().get("/connectors/shop/offsets").body["offsets"][0].is_null()
    });
    let stopped = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (server, stopped) = (server.clone(), stopped.clone());
        move || {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                rounds += 1;
                server.try_sql("shop", "UPDATE counters SET n = n + 1").unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            rounds
        }
    });
    (0..kills).for_each(|number| kill(&mut worker, number));
    std::thread::sleep(Duration::from_millis(500));
    stopped.store(true, Ordering::Relaxed);
    let rounds: i64 = writer.join().unwrap();
    let topics = topics(&worker);
    until("every change is committed", || topics.committed("shop.public.counters").len() as i64 >= rounds * KEYS);
    let mut seen: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for value in values(topics.committed("shop.public.counters")) {
        let after = &serde_json::from_str::<Json>(&value).unwrap()["after"];
        seen.entry(after["id"].as_i64().unwrap()).or_default().push(after["n"].as_i64().unwrap() - 1);
    }
    assert_eq!(seen.len() as i64, KEYS);
    for (key, counts) in &seen {
        check_once(&format!("key {key}"), counts);
        assert_eq!(counts.len() as i64, rounds, "key {key}");
    }
}

#[test]
fn a_worker_that_was_frozen_and_replaced_writes_nothing_when_it_wakes_up() {
    let log = Log::start();
    let settings = [ENABLED, &format!("bootstrap.servers={}", log.bootstrap()), "session.timeout.ms=6000"];
    let mut frozen = Worker::start(&settings);
    frozen.rest().create("ticks", verifiable(json!({})));
    let topics = log.topics();
    let committed = || numbers(&values(topics.committed("ticks"))).get(&0).map_or(0, Vec::len);
    until("records are committed", || committed() > 1000);
    frozen.process().signal(libc::SIGSTOP);
    let before = committed();
    // It gets in once the frozen one's session is over.
    let worker = Worker::start(&settings);
    until("the other worker goes on", || committed() > before + 1000);
    frozen.process().signal(libc::SIGCONT);
    std::thread::sleep(Duration::from_secs(4));
    let awake = committed();
    until("the other worker still goes on", || committed() > awake + 1000);
    for task in 0..2 {
        worker.rest().wait_for_task("ticks", task, "RUNNING");
    }
    stop(&worker, "ticks");
    for (task, seen) in numbers(&values(topics.committed("ticks"))) {
        check_once(&format!("task {task}"), &seen);
    }
}

#[test]
fn a_task_that_is_fenced_says_so_and_does_not_fight_and_a_new_split_fences_all_before_it() {
    let worker = Worker::start(&[ENABLED, "task.restart.backoff.ms=100"]);
    let topics = worker.topics();
    worker.rest().create("ticks", verifiable(json!({ "tasks.max": "3" })));
    until("three tasks run", || topics.committed("ticks").len() > 1000);
    worker.rest().wait_for_task("ticks", 2, "RUNNING");
    let fencing = || {
        let records = topics.read("naru-configs").into_iter();
        let of_it = records.filter(|record| record.key.as_deref() == Some("tasks-fencing-ticks"));
        of_it.filter_map(|record| record.value).collect::<Vec<_>>()
    };
    assert_eq!(fencing(), [r#"{"task-count":3}"#]);
    let mut other = topics.take_over("naru-ticks-2");
    let trace = worker.rest().wait_for_task("ticks", 2, "FAILED");
    assert!(trace.contains("another instance of the task runs") && trace.contains("naru-ticks-2"), "{trace}");
    // A restart would come after a tenth of a second.
    std::thread::sleep(Duration::from_secs(2));
    worker.rest().wait_for_task("ticks", 2, "FAILED");
    other.write("ticks", r#"{"task":9,"seqno":0}"#).unwrap();
    let failed = numbers(&values(topics.committed("ticks")))[&2].clone();
    // Somebody who knows that nobody else runs it starts it again.
    assert_eq!(worker.rest().send("POST", "/connectors/ticks/tasks/2/restart", None, "").status, 204);
    until("it goes on", || numbers(&values(topics.committed("ticks")))[&2].len() > failed.len() + 100);
    assert!(other.write("ticks", r#"{"task":9,"seqno":1}"#).unwrap_err().is_fenced());

    let mut other = topics.take_over("naru-ticks-2");
    let fewer = with(verifiable(json!({ "tasks.max": "1" })), json!({ "name": "ticks" }));
    assert_eq!(worker.rest().put("/connectors/ticks/config", &fewer).status, 200);
    until("the tasks before are fenced", || fencing().last().is_some_and(|last| last == r#"{"task-count":1}"#));
    assert!(other.write("ticks", r#"{"task":9,"seqno":1}"#).unwrap_err().is_fenced());
    stop(&worker, "ticks");
    let seen = numbers(&values(topics.committed("ticks")));
    for (task, seen) in seen {
        check_once(&format!("task {task}"), &seen);
    }
}

#[test]
fn pausing_and_stopping_commit_what_there_is() {
    let mut worker = Worker::start(&[ENABLED]);
    let config =
        json!({ "transaction.boundary": "interval", "transaction.boundary.interval.ms": "600000", "tasks.max": "1" });
    worker.rest().create("ticks", verifiable(config));
    let topics = worker.topics();
    until("records are in the log", || topics.values("ticks").len() > 1000);
    assert_eq!(topics.committed("ticks"), [], "the transaction is open");
    assert_eq!(worker.rest().send("PUT", "/connectors/ticks/pause", None, "").status, 202);
    let since = Instant::now();
    until("what there was is committed", || {
        let committed = topics.committed("ticks").len();
        committed > 1000 && committed == topics.values("ticks").len()
    });
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let paused = topics.committed("ticks").len();
    assert_eq!(worker.rest().send("PUT", "/connectors/ticks/resume", None, "").status, 202);
    until("it goes on", || topics.values("ticks").len() > paused + 1000);
    assert!(worker.terminate().success());
    worker.start_again();
    stop(&worker, "ticks");
    // The task is not listed any more while its last records are on their way, so both are read anew each time.
    until("a clean end leaves nothing uncommitted", || values(topics.committed("ticks")) == topics.values("ticks"));
    let committed = values(topics.committed("ticks"));
    check_once("all", &numbers(&committed)[&0]);
    assert!(committed.len() > paused + 1000, "{} after {paused}", committed.len());
}

#[test]
fn a_source_that_cannot_be_exactly_once_is_refused_where_it_has_to_be() {
    let required = |class: Json| with(class, json!({ "topic": "t", "exactly.once.support": "required", "name": "x" }));
    let post = |worker: &Worker, config: Json| {
        let reply = worker.rest().post("/connectors", &json!({ "name": "x", "config": config }));
        (reply.status, reply.body["message"].as_str().unwrap_or_default().to_owned())
    };
    let worker = Worker::start(&[ENABLED]);
    let (status, said) = post(&worker, required(json!({ "connector.class": "FileStreamSource" })));
    assert!(status == 400 && said.contains("does not support exactly once"), "{said}");
    let without = Worker::start(&["exactly.once.source.support=preparing"]);
    let (status, said) = post(&without, required(json!({ "connector.class": "VerifiableSource" })));
    assert!(status == 400 && said.contains("`exactly.once.source.support`"), "{said}");
}
