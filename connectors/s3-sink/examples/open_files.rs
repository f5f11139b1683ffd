//! How much memory many open files take: puts records of a thousand folders into a bucket, and prints the most memory that
//! this process has had. Takes the server's address, bucket, key, secret, a format (`JsonFormat`, `AvroFormat`,
//! `ParquetFormat`) and the number of records of 2 kB.

use std::sync::Arc;
use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::data::{Field, Payload, Schema, Struct, Value};
use connector_api::plugin::Plugin;
use connector_api::{Decision, FlushOccasion, SinkRecord, TaskContext, TimestampType, TopicPartition};
use s3_sink::S3Sink;

const FOLDERS: i64 = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, bucket, key, secret, format, count] = arguments.as_slice() else {
        eprintln!("usage: open_files URL BUCKET KEY SECRET FORMAT RECORDS");
        std::process::exit(2);
    };
    let pairs = [
        ("store.url", url.as_str()),
        ("s3.bucket.name", bucket),
        ("aws.access.key.id", key),
        ("aws.secret.access.key", secret),
        ("s3.region", "us-east-1"),
        ("format.class", format),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "kind"),
    ];
    let raw = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let json = format == "JsonFormat";
    tokio::task::LocalSet::new().block_on(&runtime, run(raw, json, count.parse().expect("a number of records")));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}

async fn run(raw: RawConfig, json: bool, count: i64) {
    let Plugin::Sink(connector) = Plugin::sink(S3Sink) else { return };
    let config = connector.definition().config.check(&raw).into_result().expect("a configuration");
    let mut task = connector.task();
    task.start(TaskContext::alone("open-files"), &config).await.expect("a bucket");
    task.open(&[TopicPartition::new("events", 0)]).await.expect("a journal");
    let fields = vec![Field::new("kind", Schema::string()), Field::new("fill", Schema::string())];
    let schema = Arc::new(Schema::structure(fields));
    for from in (0..count).step_by(500) {
        let records: Vec<SinkRecord> = (from..(from + 500).min(count)).map(|at| record(at, json, &schema)).collect();
        while let Err(why) = task.put(&records).await {
            assert!(matches!(why.decision(), Decision::Retry { .. }), "{why}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let flushed = task.flush(FlushOccasion::Interval).await;
    println!("{flushed:?}");
    task.stop().await;
}

fn record(offset: i64, json: bool, schema: &Arc<Schema>) -> SinkRecord {
    let (kind, fill) = (format!("k{}", offset % FOLDERS), format!("{offset:0>2000}"));
    let value = match json {
        true => Payload::Json(format!("{{\"kind\":\"{kind}\",\"fill\":\"{fill}\"}}").into()),
        false => {
            let values: Vec<Value> = vec![kind.into(), fill.into()];
            Payload::structured(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)))
        }
    };
    SinkRecord {
        topic: "events".into(),
        origin: TopicPartition::new("events", 0),
        offset,
        key: Payload::Null,
        value,
        headers: Vec::new(),
        timestamp: Some(0),
        timestamp_type: TimestampType::CreateTime,
    }
}
