//! A server, a connector on it, and a log that records are read from.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use connector_api::config::{Config, RawConfig};
use connector_api::data::Payload;
use connector_api::plugin::{AnySinkTask, Plugin};
use connector_api::*;
use s3_sink::S3Sink;

use crate::server::Server;

/// The topic of all tests.
pub const TOPIC: &str = "events";

/// A server, or a bucket, of its own.
pub struct World {
    pub server: Server,
    extra: Vec<(String, String)>,
    pub host: Arc<dyn Host>,
}

impl World {
    pub fn new(extra: &[(&str, &str)]) -> World {
        let server = Server::start();
        let extra = extra.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        World { server, extra, host: Arc::new(Silence) }
    }

    pub fn raw(&self) -> RawConfig {
        let (key, secret) = self.server.keys();
        let mut raw: RawConfig = [
            ("s3.bucket.name", self.server.bucket()),
            ("s3.region", "us-east-1"),
            ("store.url", self.server.url()),
            ("aws.access.key.id", key),
            ("aws.secret.access.key", secret),
            ("s3.retry.backoff.ms", "10"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        raw.extend(self.extra.iter().cloned());
        raw
    }

    pub fn config(&self) -> Config {
        S3Sink.definition().config.check(&self.raw()).into_result().unwrap()
    }

    /// A task that has started and has those partitions.
    pub async fn task(&self, partitions: i32) -> Box<dyn AnySinkTask> {
        self.task_of(&names(partitions)).await
    }

    /// The same with partitions by name.
    pub async fn task_of(&self, partitions: &[TopicPartition]) -> Box<dyn AnySinkTask> {
        let Plugin::Sink(connector) = Plugin::sink(S3Sink) else { panic!("not a sink") };
        let mut task = connector.task();
        let context = TaskContext { host: self.host.clone(), ..TaskContext::alone("test") };
        task.start(context, &self.config()).await.unwrap();
        task.open(partitions).await.unwrap();
        task
    }

    /// How often each record of each partition is in the bucket.
    pub fn stored(&self) -> BTreeMap<(i64, i64), usize> {
        let mut seen = BTreeMap::new();
        for (name, bytes) in self.server.objects("topics") {
            if name.contains(".keys.") || name.contains(".headers.") {
                continue;
            }
            for line in text(&name, &bytes).lines() {
                let json: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{name}: {line}"));
                *seen.entry((json["p"].as_i64().unwrap(), json["o"].as_i64().unwrap())).or_default() += 1;
            }
        }
        seen
    }
}

/// What an object holds, by the end of its name.
pub fn text(name: &str, bytes: &[u8]) -> String {
    let mut out = String::new();
    if name.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut out).unwrap();
    } else if name.ends_with(".zst") {
        out = String::from_utf8(zstd::stream::decode_all(bytes).unwrap()).unwrap();
    } else {
        out = String::from_utf8(bytes.to_vec()).unwrap();
    }
    out
}

pub fn names(partitions: i32) -> Vec<TopicPartition> {
    (0..partitions).map(|partition| TopicPartition::new(TOPIC, partition)).collect()
}

/// The record at an offset: the same one whenever it is read. Times run a second apart, not quite in order; `kind` is one
/// of five.
pub fn record(partition: i32, offset: i64, padding: usize) -> SinkRecord {
    let mixed = (offset + 1).wrapping_mul(2_654_435_761 + i64::from(partition)) >> 9;
    let kind = mixed.rem_euclid(5);
    let time = 1_700_000_000_000 + offset * 1_000 - mixed.rem_euclid(7) * 700;
    let fill = "x".repeat(padding);
    let json = format!("{{\"p\":{partition},\"o\":{offset},\"kind\":\"k{kind}\",\"time\":{time},\"fill\":\"{fill}\"}}");
    SinkRecord {
        topic: TOPIC.into(),
        origin: TopicPartition::new(TOPIC, partition),
        offset,
        key: Payload::Null,
        value: Payload::Json(json.into()),
        headers: Vec::new(),
        timestamp: Some(time),
        timestamp_type: TimestampType::CreateTime,
    }
}

/// Puts until it works, as the worker does; panics where the task would fail or after a while.
pub async fn put(task: &mut Box<dyn AnySinkTask>, records: &[SinkRecord]) {
    for _ in 0..200 {
        match task.put(records).await {
            Ok(taken) => {
                assert!(taken.rejected.is_empty(), "{taken:?}");
                return;
            }
            Err(error) if matches!(error.decision(), Decision::Retry { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("put failed: {error:?}"),
        }
    }
    panic!("put does not get anywhere");
}

/// What the task says once it has heard from what it has under way.
pub async fn trouble_of(task: &mut Box<dyn AnySinkTask>) -> Error {
    for _ in 0..2000 {
        if let Err(error) = task.put(&[]).await {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no trouble is told");
}

/// Flushes until it works.
pub async fn flush(task: &mut Box<dyn AnySinkTask>) -> BTreeMap<i32, i64> {
    for _ in 0..200 {
        match task.flush(FlushOccasion::Interval).await {
            Ok(Flushed::UpTo(offsets)) => {
                return offsets.into_iter().map(|(name, offset)| (name.partition, offset)).collect();
            }
            Ok(other) => panic!("it keeps records back, and rejects none of them later: {other:?}"),
            Err(error) if matches!(error.decision(), Decision::Retry { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("flush failed: {error:?}"),
        }
    }
    panic!("flush does not get anywhere");
}

/// Flushes until everything below `end` is safe in each partition.
pub async fn flush_to(task: &mut Box<dyn AnySinkTask>, partitions: i32, end: i64) {
    for _ in 0..500 {
        let safe = flush(task).await;
        if (0..partitions).all(|partition| safe.get(&partition).is_some_and(|safe| *safe >= end)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{end} is not reached: {:?}", flush(task).await);
}

/// Runs on a thread as the worker's tasks do.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}
