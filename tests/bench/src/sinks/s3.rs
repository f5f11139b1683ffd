//! Into S3: a real S3 server in this process, so that its share is the same on both sides.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use futures_util::StreamExt;
use futures_util::stream::iter;
use naru_tests::Worker;
use s3_sink::test_server::{ACCESS_KEY, BUCKET, SECRET_KEY, TestServer};
use serde_json::{Value as Json, json};

use super::codec::compress;
use super::topic::{GROUPS, PARTITIONS, TOPIC, fill};
use super::{RECORDS, run};
use crate::table::{Row, Side, Table, Target, median};
use crate::usage::{Spent, spent};

const ROUNDS: usize = 5;

/// Records in an object.
const FLUSH: u64 = 25_000;

/// Uploads at a time, on both sides.
const IN_FLIGHT: usize = 8;

/// A server over a folder that it removes.
struct Store {
    folder: tempfile::TempDir,
    server: TestServer,
}

/// A pair: ours and the baseline, and what was stored.
struct Pair {
    ours: Spent,
    baseline: Spent,
    bytes: u64,
}

/// The pace without compression, and what else the same runs say.
pub fn pace(table: &mut Table) {
    plain(table, &mut worker_with_topic());
}

/// All other rows of S3.
pub fn more(table: &mut Table) {
    let mut worker = worker_with_topic();
    for codec in ["gzip", "zstd"] {
        compressed(table, &mut worker, codec);
    }
    many_files(table, &mut worker);
    let mut sixteen = Worker::start(&[]);
    fill(&sixteen, 16);
    let store = Store::start();
    let spent = store.sink(&mut sixteen, "sixteen", json!({ "flush.size": (RECORDS / 16 / 2).to_string() }), 32);
    memory_row(table, "peak memory of the worker, 16 partitions into S3, MB", &spent, 150.0);
}

fn worker_with_topic() -> Worker {
    let worker = Worker::start(&["offset.flush.interval.ms=1000"]);
    fill(&worker, PARTITIONS);
    worker
}

/// Requests that uploads are made of.
const UPLOADS: [&str; 6] = ["put", "journal", "create", "part", "complete", "tag"];

fn plain(table: &mut Table, worker: &mut Worker) {
    let mut requests = 0.0f64;
    let mut round = |number: usize| {
        let store = Store::start();
        let objects = RECORDS / FLUSH;
        let ours = store.sink(worker, &format!("plain{number}"), json!({}), objects as usize);
        requests = requests.max(store.requests_per_object());
        let stored = store.objects();
        let bytes = stored.values().map(|object| object.len() as u64).sum();
        let lines: usize = stored.values().map(|object| object.split(|byte| *byte == b'\n').count() - 1).sum();
        assert_eq!(lines as u64, RECORDS, "every record is stored once");
        let baseline = upload(&Store::start(), stored);
        Pair { ours, baseline, bytes }
    };
    let pairs = (0..ROUNDS).map(&mut round).collect();
    let pair = median(pairs, |pair: &Pair| pair.ours.mb_per_s(pair.bytes) / pair.baseline.mb_per_s(pair.bytes));
    rate_row(table, "1 M records of 200 bytes into S3, JSON lines", "the same bytes, bare SDK", &pair, 0.8);
    requests_row(table, "requests for each object in S3, exactly once with the clock's help", requests, 2.0);
    let store = Store::start();
    let by_count = json!({ "rotate.idle.ms": "-1" });
    store.sink(worker, "by-count", by_count, (RECORDS / FLUSH) as usize);
    requests_row(table, "the same by count alone, exactly once", store.requests_per_object(), 1.0);
    table.add(Row {
        what: "CPU s of worker and log for 1 M records into S3",
        ours: pair.ours.side(String::new(), RECORDS),
        baseline: Side::default(),
        value: pair.ours.cpu,
        target: Target::AtMost(1.5),
    });
}

/// The baseline is the least time in which all cores can do what the plain run took and the codec's work beside it.
fn compressed(table: &mut Table, worker: &mut Worker, codec: &'static str) {
    let what = if codec == "gzip" { "the same, gzip" } else { "the same, zstd" };
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let round = |number: usize| {
        let (source, store) = (Store::start(), Store::start());
        let objects = (RECORDS / FLUSH) as usize;
        let (server, plain) = spent(|| source.sink(worker, &format!("plain-for-{codec}{number}"), json!({}), objects));
        let stored: Vec<Vec<u8>> = source.objects().into_values().collect();
        let bytes = stored.iter().map(|object| object.len() as u64).sum();
        let alone = compress(codec, &stored);
        let cpu = plain.cpu + server.cpu + alone.cpu;
        let baseline = Spent { time: Duration::from_secs_f64(cpu / cores), cpu, ..alone };
        let config = json!({ "s3.compression.type": codec });
        let ours = store.sink(worker, &format!("{codec}{number}"), config, objects);
        Pair { ours, baseline, bytes }
    };
    let pairs = (0..3).map(round).collect();
    let pair = median(pairs, |pair: &Pair| pair.baseline.time.as_secs_f64() / pair.ours.time.as_secs_f64());
    rate_row(table, what, "the codec alone on the cores that this leaves", &pair, 0.8);
}

fn many_files(table: &mut Table, worker: &mut Worker) {
    let store = Store::start();
    let config = json!({
        "partitioner.class": "FieldPartitioner", "partition.field.name": "group", "tasks.max": "1",
        "flush.size": (RECORDS / PARTITIONS as u64 / GROUPS).to_string(),
    });
    let spent = store.sink(worker, "many", config, PARTITIONS as usize * GROUPS as usize);
    memory_row(table, "peak memory of the worker, 1,000 open files, MB", &spent, 300.0);
}

fn rate_row(table: &mut Table, what: &'static str, name: &str, pair: &Pair, least: f64) {
    let shown = |spent: &Spent| format!("{:.0} MB/s", spent.mb_per_s(pair.bytes));
    table.add(Row {
        what,
        ours: pair.ours.side(shown(&pair.ours), RECORDS),
        baseline: pair.baseline.side(format!("{name}: {}", shown(&pair.baseline)), RECORDS),
        value: pair.ours.mb_per_s(pair.bytes) / pair.baseline.mb_per_s(pair.bytes),
        target: Target::AtLeast(least),
    });
}

fn requests_row(table: &mut Table, what: &'static str, requests: f64, most: f64) {
    table.add(Row {
        what,
        ours: Side::figure(format!("{requests:.2}")),
        baseline: Side::figure("one PUT".to_owned()),
        value: requests,
        target: Target::AtMost(most),
    });
}

fn memory_row(table: &mut Table, what: &'static str, spent: &Spent, most: f64) {
    table.add(Row {
        what,
        ours: spent.side(format!("{:.0} k records/s", spent.rate(RECORDS) / 1e3), RECORDS),
        baseline: Side::default(),
        value: spent.peak,
        target: Target::AtMost(most),
    });
}

impl Store {
    fn start() -> Store {
        let folder = tempfile::tempdir().expect("a folder");
        let server = TestServer::start(folder.path());
        Store { folder, server }
    }

    /// Sinks the topic, until so many objects are there.
    fn sink(&self, worker: &mut Worker, name: &str, more: Json, objects: usize) -> Spent {
        let mut config = json!({
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": TOPIC, "tasks.max": "2",
            "consumer.override.auto.offset.reset": "earliest",
            "s3.bucket.name": BUCKET, "s3.region": "us-east-1", "store.url": self.server.url(),
            "aws.access.key.id": ACCESS_KEY, "aws.secret.access.key": SECRET_KEY,
            "format.class": "JsonFormat", "flush.size": FLUSH.to_string(),
        });
        let (all, more) = (config.as_object_mut().expect("an object"), more.as_object().cloned().unwrap_or_default());
        all.extend(more);
        let root = self.folder.path().join(BUCKET).join("topics");
        // To count files takes time that the server needs, so that is done once it says that they are there.
        run(worker, name, &config, || self.server.stored() >= objects as u64 && count(&root) >= objects)
    }

    /// How many requests were made to store each object. One for each partition comes before all of them: with it a task
    /// takes the partition's journal over.
    fn requests_per_object(&self) -> f64 {
        let counts = self.server.take_counts();
        let uploads: u64 = UPLOADS.iter().filter_map(|kind| counts.get(kind)).sum();
        let taken_over = if counts.contains_key("journal") { PARTITIONS as u64 } else { 0 };
        (uploads - taken_over) as f64 / (RECORDS / FLUSH) as f64
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.server.objects("topics")
    }
}

/// Objects below a folder.
fn count(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let one = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => usize::from(entry.file_name().to_string_lossy().starts_with(TOPIC)),
    };
    entries.filter_map(Result::ok).map(one).sum()
}

/// Uploads objects from memory with the bare SDK.
fn upload(store: &Store, objects: BTreeMap<String, Vec<u8>>) -> Spent {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench"))
        .endpoint_url(store.server.url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(config);
    let count = objects.len();
    let put = async |(key, body): (String, Vec<u8>)| {
        client.put_object().bucket(BUCKET).key(key).body(body.into()).send().await.expect("the object is stored");
    };
    let (spent, ()) = spent(|| runtime.block_on(iter(objects).map(put).buffer_unordered(IN_FLIGHT).collect()));
    assert_eq!(store.objects().len(), count);
    spent
}
