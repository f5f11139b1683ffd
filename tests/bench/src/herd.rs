//! Several workers: how fast they take over, how little moves when one comes, how many connectors one can have, and what a
//! cluster of Apache Kafka costs beside the embedded log.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use naru_tests::{KafkaCluster, KafkaOptions, Log, Worker};
use serde_json::{Value as Json, json};

use crate::postgres;
use crate::table::{Row, Side, Table, Target, median};
use crate::usage::{Spent, used_by};

/// How long a worker may be silent here. What comes on top of it is ours.
const SESSION: Duration = Duration::from_secs(3);

const KILLS: usize = 20;

/// Tasks that a killed worker had.
const TASKS: usize = 20;

const MANY: usize = 1_000;

const LINES: u64 = 1_000_000;

const PATIENCE: Duration = Duration::from_secs(120);

/// All rows.
pub fn measure(table: &mut Table) {
    fail_over(table);
    many(table);
    clusters(table);
}

fn worker(log: &Log, folder: Option<tempfile::TempDir>) -> Worker {
    let folder = folder.unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
    let bootstrap = format!("bootstrap.servers={}", log.bootstrap());
    Worker::start_in(folder, &[&bootstrap, &format!("session.timeout.ms={}", SESSION.as_millis())])
}

fn create(worker: &Worker, names: std::ops::Range<usize>) {
    for number in names {
        let config = json!({ "connector.class": "VerifiableSource", "topic": "ticks", "throughput": "1" });
        worker.rest().create(&format!("ticks-{number}"), config);
    }
}

/// Which worker runs each task that runs.
fn owners(asked: &Worker) -> BTreeMap<String, String> {
    let all = asked.rest().get("/connectors?expand=status").body;
    let mut owners = BTreeMap::new();
    for (name, shown) in all.as_object().into_iter().flatten() {
        for task in shown["status"]["tasks"].as_array().into_iter().flatten().filter(|task| task["state"] == "RUNNING")
        {
            owners.insert(name.clone(), task["worker_id"].as_str().unwrap_or_default().to_owned());
        }
    }
    owners
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "it did not happen: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many of all tasks each of two workers runs.
fn shares(asked: &Worker, other: &Worker) -> (usize, usize) {
    let count = |owners: &BTreeMap<String, String>, worker: &Worker| {
        let id = format!("127.0.0.1:{}", worker.rest_port());
        owners.values().filter(|owner| **owner == id).count()
    };
    let owners = owners(asked);
    (count(&owners, asked), count(&owners, other))
}

/// Whether all tasks run, and each of both workers has a good part of them. Connectors count too where work is evened out, and what
/// tasks use is measured, so that halves are never exact.
fn shared(asked: &Worker, other: &Worker, all: usize) -> bool {
    let (one, two) = shares(asked, other);
    one + two == all && one.min(two) >= all * 2 / 5
}

fn runs_all(asked: &Worker, count: usize) -> bool {
    owners(asked).len() == count
}

/// From the kill of a worker until the other one runs its tasks.
fn fail_over(table: &mut Table) {
    let log = Log::start();
    let (first, mut second) = (worker(&log, None), worker(&log, None));
    create(&first, 0..TASKS);
    let mut took = Vec::new();
    for _ in 0..KILLS {
        wait("both have a share", || shared(&first, &second, TASKS));
        let killed = Instant::now();
        second.kill();
        wait("the other one takes over", || shares(&first, &second) == (TASKS, 0));
        took.push(killed.elapsed().as_secs_f64());
        second.start_again();
    }
    let most = took.iter().copied().fold(0.0, f64::max);
    let middle = median(took, |took| *took);
    let session = format!("session.timeout.ms={}", SESSION.as_millis());
    for (what, seconds) in [
        ("fail-over after a kill beyond the session time-out, s, median of 20", middle),
        ("fail-over after a kill beyond the session time-out, s, longest of 20", most),
    ] {
        table.add(Row {
            what,
            ours: Side::figure(format!("{seconds:.2} s")),
            baseline: Side::figure(session.clone()),
            value: seconds - SESSION.as_secs_f64(),
            target: Target::AtMost(1.0),
        });
    }
}

/// A thousand connectors: start of a worker that has them all, and a second one that comes.
fn many(table: &mut Table) {
    let mut first = Worker::start(&["broker.max.connections=10000"]);
    create(&first, 0..MANY);
    wait("all run", || runs_all(&first, MANY));
    assert!(first.terminate().success());
    let since = Instant::now();
    first.start_again();
    wait("all run again", || runs_all(&first, MANY));
    let took = since.elapsed().as_secs_f64();
    let (now, peak) = first.process().memory();
    table.add(Row {
        what: "start until all tasks of 1,000 connectors run, s",
        ours: Side::figure(format!("{took:.2} s")),
        baseline: Side::default(),
        value: took,
        target: Target::AtMost(5.0),
    });
    table.add(Row {
        what: "memory of a worker with 1,000 connectors, MB",
        ours: Side { memory: Some(peak as f64 / 1e6), ..Side::figure(format!("{:.0} MB", now as f64 / 1e6)) },
        baseline: Side::default(),
        value: peak as f64 / 1e6,
        target: Target::AtMost(200.0),
    });

    let before = owners(&first);
    let bootstrap = format!("bootstrap.servers=127.0.0.1:{}", first.log_port());
    let second = Worker::start(&[&bootstrap]);
    let since = Instant::now();
    wait("both have a share", || shared(&first, &second, MANY));
    let took = since.elapsed().as_secs_f64();
    let after = owners(&first);
    let moved = before.iter().filter(|(task, owner)| after.get(*task) != Some(*owner)).count();
    table.add(Row {
        what: "a second worker comes to 1,000 tasks: s until both have a share",
        ours: Side::figure(format!("{took:.2} s")),
        baseline: Side::default(),
        value: took,
        target: Target::AtMost(10.0),
    });
    table.add(Row {
        what: "the same: tasks that were stopped (half of them have to move)",
        ours: Side::figure(format!("{moved} tasks")),
        baseline: Side::figure(format!("{}", MANY / 2)),
        value: moved as f64,
        target: Target::AtMost(MANY as f64 * 0.55),
    });
}

/// A file into a topic: of three brokers of Apache Kafka, beside the embedded log.
fn clusters(table: &mut Table) {
    let cluster = KafkaCluster::start(KafkaOptions::default());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let line = |number: u64| format!("{number:>10} {}\n", "x".repeat(188));
    fs::write(file.path(), (0..LINES).map(line).collect::<String>()).expect("a file");
    let bootstrap = format!("bootstrap.servers={}", cluster.bootstrap());
    let mut there = Worker::start(&[&bootstrap]);
    let mut here = Worker::start(&[]);
    let run = |worker: &mut Worker, topic: &str, end: &dyn Fn(&str) -> i64| {
        let config: Json = json!({
            "connector.class": "FileStreamSource", "file": file.path(), "topic": topic,
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        });
        let pid = worker.process().id();
        let rest = worker.rest();
        let (used, ()) = used_by(pid, || {
            rest.create(topic, config);
            wait("all lines are there", || end(topic) >= LINES as i64);
        });
        assert_eq!(rest.delete(&format!("/connectors/{topic}")).status, 204);
        used
    };
    let (log_of_cluster, log_of_worker) = (cluster.topics(), here.topics());
    let rounds: Vec<_> = (0..3)
        .map(|round| {
            let topic = format!("lines-{round}");
            let embedded = run(&mut here, &topic, &|topic| log_of_worker.end(topic));
            let clustered = run(&mut there, &topic, &|topic| log_of_cluster.end(topic));
            (clustered, embedded)
        })
        .collect();
    let (clustered, embedded) = median(rounds, |(ours, theirs)| ours.rate(LINES) / theirs.rate(LINES));
    drop((here, there));
    beside(table, "CPU of a worker: a file of 1 M lines into three brokers of Apache Kafka", clustered, embedded);

    let server = postgres::server();
    let embedded = postgres::snapshot(&server, "rows", &[], Worker::topics);
    let clustered = postgres::snapshot(&server, "rows", &[&bootstrap, "group.id=snapshot"], |_| cluster.topics());
    beside(table, "the same: a snapshot of 1 M rows of PostgreSQL", clustered, embedded);
}

/// The brokers share the machine with the worker and take most of it, so what counts is what the worker itself uses.
fn beside(table: &mut Table, what: &'static str, clustered: Spent, embedded: Spent) {
    let figure = |rate: f64| format!("{:.0} k records/s", rate / 1e3);
    table.add(Row {
        what,
        ours: clustered.side(figure(clustered.rate(LINES)), LINES),
        baseline: embedded.side(format!("embedded, with the log: {}", figure(embedded.rate(LINES))), LINES),
        value: clustered.cpu / embedded.cpu,
        target: Target::AtMost(1.2),
    });
}
