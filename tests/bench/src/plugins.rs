//! The plugin boundary: the same source and sink, compiled in and in a library, and a source in a process of its own.

use std::time::{Duration, Instant};

use connect_runtime::plugins::{Plugins, try_file};
use connector_api::config::Config;
use connector_api::data::Payload;
use connector_api::{Plugin, PollLimits, SinkRecord, SourceContext, TaskContext, TimestampType, TopicPartition};
use naru_tests::{Worker, built_plugin, install, plugin_folder, repository, until};
use serde_json::json;

use crate::table::{Row, Side, Table, Target, median};
use crate::usage::{cpu, used_by};

#[path = "../../plugins/throughput/src/nothing.rs"]
mod nothing;

use nothing::{BATCH, Everything, Nothing, RECORD};

/// Calls of one round.
const CALLS: usize = 2_000;
/// Rounds; the quickest of each side counts, since whatever disturbs only adds.
const ROUNDS: usize = 15;
/// Records that go through a process.
const RECORDS: u64 = 3_000_000;

/// All rows.
pub fn measure(table: &mut Table) {
    let library = built_plugin(&repository().join("tests/plugins/throughput"), &[]);
    let plugins = try_file(Plugins::default(), &library).expect("the library is a plugin");
    let found = |class: &str| plugins.find(class).expect("it is in the library");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let (source, sink) = local.block_on(&runtime, async {
        let source = compare(&Plugin::source(Everything), &found("bench.Everything"), poll_all).await;
        (source, compare(&Plugin::sink(Nothing), &found("bench.Nothing"), put_all).await)
    });
    row(table, "cost of a library, a source: nanoseconds for each record", source);
    row(table, "cost of a library, a sink: nanoseconds for each record", sink);
    process(table);
}

fn row(table: &mut Table, what: &'static str, (built_in, library): (f64, f64)) {
    table.add(Row {
        what,
        ours: Side::figure(format!("{library:.1} ns")),
        baseline: Side::figure(format!("built in: {built_in:.1} ns")),
        value: library - built_in,
        target: Target::AtMost(20.0),
    });
}

/// Nanoseconds for each record, both ways.
async fn compare(built_in: &Plugin, library: &Plugin, round: impl AsyncFn(&Plugin) -> f64) -> (f64, f64) {
    let (mut one, mut other) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        one = one.min(round(built_in).await);
        other = other.min(round(library).await);
    }
    (one, other)
}

fn config(plugin: &Plugin) -> Config {
    plugin.definition().config.read(&Default::default()).config
}

async fn poll_all(plugin: &Plugin) -> f64 {
    let Plugin::Source(source) = plugin else { return 0.0 };
    let mut task = source.task();
    let context = SourceContext { task: TaskContext::alone("bench"), positions: Vec::new() };
    task.start(context, &config(plugin)).await.expect("it starts");
    let limits = PollLimits { max_records: BATCH, max_bytes: 1 << 20, wait: Duration::from_millis(50) };
    let since = Instant::now();
    for _ in 0..CALLS {
        let batch = task.poll(limits).await.expect("it polls").expect("it always has something");
        assert_eq!(std::hint::black_box(&batch).records.len(), BATCH);
        task.spent(batch.records);
    }
    let took = since.elapsed();
    task.stop().await;
    took.as_nanos() as f64 / (CALLS * BATCH) as f64
}

async fn put_all(plugin: &Plugin) -> f64 {
    let Plugin::Sink(sink) = plugin else { return 0.0 };
    let mut task = sink.task();
    task.start(TaskContext::alone("bench"), &config(plugin)).await.expect("it starts");
    // As the worker's records do, they share their topic's name.
    let origin = TopicPartition::new("things", 0);
    let records: Vec<SinkRecord> = (0..BATCH as i64).map(|offset| record(&origin, offset)).collect();
    let since = Instant::now();
    for _ in 0..CALLS {
        task.put(&records).await.expect("it puts");
    }
    let took = since.elapsed();
    task.stop().await;
    took.as_nanos() as f64 / (CALLS * BATCH) as f64
}

fn record(origin: &TopicPartition, offset: i64) -> SinkRecord {
    SinkRecord {
        topic: origin.topic.clone(),
        origin: origin.clone(),
        offset,
        key: Payload::Null,
        value: Payload::Json(format!("{{\"fill\":\"{}\"}}", "x".repeat(RECORD - 11)).into()),
        headers: Vec::new(),
        timestamp: Some(offset),
        timestamp_type: TimestampType::CreateTime,
    }
}

/// A source in a process of its own, into a topic, durably.
fn process(table: &mut Table) {
    let library = built_plugin(&repository().join("tests/plugins/throughput"), &[]);
    let through = |isolation: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let plugins = plugin_folder(folder.path());
        install(&library, &plugins.join("throughput.so"));
        let mut worker = Worker::start_in(folder, &[&format!("plugin.path={}", plugins.display())]);
        let pid = worker.process().id();
        let (spent, child) = used_by(pid, || {
            let config = json!({
                "connector.class": "bench.Everything", "count": RECORDS.to_string(), "connector.isolation": isolation,
            });
            worker.rest().create("everything", config);
            until("all is in the topic", || worker.topics().end("everything") >= RECORDS as i64);
            children(pid).into_iter().map(cpu).sum::<f64>()
        });
        (spent, child)
    };
    let rounds = (0..3).map(|_| (through("process"), through("none"))).collect();
    let ((process, child), (library, _)) = median(rounds, |((one, _), _)| one.rate(RECORDS));
    let figure = |rate: f64| format!("{:.0} k records/s", rate / 1e3);
    let mut ours = process.side(figure(process.rate(RECORDS)), RECORDS);
    ours.cpu = Some((process.cpu + child) * 1e6 / RECORDS as f64);
    table.add(Row {
        what: "a source in a process of its own into a topic, records/s",
        ours,
        baseline: library.side(format!("as a library: {}", figure(library.rate(RECORDS))), RECORDS),
        value: process.rate(RECORDS),
        target: Target::AtLeast(500_000.0),
    });
}

/// The processes that a worker has started.
fn children(worker: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{worker}/task")).into_iter().flatten().filter_map(Result::ok);
    let of_thread = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks
        .flat_map(|task| of_thread(task).split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
