//! Connectors of each kind on a cluster: what they do on the worker's own log they do there.

use std::collections::BTreeSet;
use std::time::Duration;

use naru_tests::{Worker, until};
use s3_sink::test_server::{ACCESS_KEY, BUCKET, SECRET_KEY, TestServer as S3};
use serde_json::{Value as Json, json};

use super::postgres::Counters;
use super::{shared, worker};

fn order(worker: &Worker, name: &str, order: &str) {
    let status = worker.rest().send("PUT", &format!("/connectors/{name}/{order}"), None, "").status;
    assert!(matches!(status, 202 | 204), "{order}: {status}");
}

fn offsets(worker: &Worker, name: &str) -> Json {
    worker.rest().get(&format!("/connectors/{name}/offsets")).body["offsets"].clone()
}

fn append(worker: &Worker, lines: &str) {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(worker.file("in.txt"));
    file.unwrap().write_all(lines.as_bytes()).unwrap();
}

/// From `in.txt` into a topic of that name with one partition, and out of it into `out.txt`.
fn file_to_file(worker: &Worker, name: &str) {
    let text = "StringConverter";
    let source = json!({
        "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": name, "value.converter": text,
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "3",
    });
    let sink = json!({
        "connector.class": "FileStreamSink", "file": worker.file("out.txt"), "topics": name, "value.converter": text,
    });
    worker.rest().create(&format!("{name}-in"), source);
    worker.rest().create(&format!("{name}-out"), sink);
}

fn written(worker: &Worker) -> String {
    std::fs::read_to_string(worker.file("out.txt")).unwrap_or_default()
}

#[test]
fn connectors_are_paused_stopped_moved_and_gone_on_with_on_a_cluster_and_kafka_s_tools_see_their_groups() {
    let cluster = shared();
    let mut worker = worker(&cluster, "orders", &["offset.flush.interval.ms=200"]);
    append(&worker, "one\ntwo\n");
    file_to_file(&worker, "orders");
    until("both lines are in the file", || written(&worker) == "one\ntwo\n");

    order(&worker, "orders-in", "pause");
    worker.rest().wait_for_task("orders-in", 0, "PAUSED");
    // A poll that was under way takes half a second at most.
    std::thread::sleep(Duration::from_secs(1));
    append(&worker, "three\n");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(cluster.topics().ends("orders")[&0], 2, "nothing comes from a paused source");
    order(&worker, "orders-in", "resume");
    until("the third line is in the file", || written(&worker).ends_with("three\n"));

    let at =
        |offset: Json| json!([{ "partition": { "kafka_topic": "orders", "kafka_partition": 0 }, "offset": offset }]);
    until("all is committed", || offsets(&worker, "orders-out") == at(json!({ "kafka_offset": 3 })));
    let group = ["--describe", "--group", "connect-orders-out"];
    let described = cluster.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &group);
    let line = described.lines().find(|line| line.contains("connect-orders-out")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().take(6).collect();
    assert_eq!(words, ["connect-orders-out", "orders", "0", "3", "3", "0"], "{described}");

    assert!(worker.terminate().success());
    worker.start_again();
    append(&worker, "four\n");
    until("the fourth line is in the file", || written(&worker).ends_with("four\n"));
    assert_eq!(written(&worker), "one\ntwo\nthree\nfour\n", "nothing comes again after a clean stop");

    for name in ["orders-in", "orders-out"] {
        order(&worker, name, "stop");
    }
    let change = |name: &str, offsets: Json| worker.rest().patch(&format!("/connectors/{name}/offsets"), &offsets);
    // A group is empty a moment after its members have left.
    until("the sink is put back", || {
        change("orders-out", json!({ "offsets": at(json!({ "kafka_offset": 1 })) })).status == 200
    });
    let partition = json!({ "filename": worker.file("in.txt") });
    let source = json!({ "offsets": [{ "partition": partition, "offset": { "position": 14 } }] });
    assert_eq!(change("orders-in", source).status, 200);
    assert_eq!(offsets(&worker, "orders-out"), at(json!({ "kafka_offset": 1 })));
    for name in ["orders-in", "orders-out"] {
        order(&worker, name, "resume");
    }
    until("what was put back comes again", || written(&worker) == "one\ntwo\nthree\nfour\ntwo\nthree\nfour\nfour\n");
    order(&worker, "orders-out", "stop");
    until("offsets are gone", || worker.rest().delete("/connectors/orders-out/offsets").status == 200);
    assert_eq!(offsets(&worker, "orders-out"), json!([]));
}

#[test]
fn batches_in_every_codec_are_idempotent_and_read_by_kafka_s_own_consumer() {
    const COUNT: usize = 500;
    let cluster = shared();
    let worker = worker(&cluster, "codecs", &[]);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        let config = json!({
            "connector.class": "VerifiableSource", "topic": format!("codec-{codec}"), "max.messages": COUNT.to_string(),
            "record.bytes": "200", "producer.override.compression.type": codec,
        });
        worker.rest().create(&format!("codec-{codec}"), config);
    }
    let report = worker.file("report.json");
    let sink = json!({ "connector.class": "VerifiableSink", "topics.regex": "codec-.*", "report.file": report });
    worker.rest().create("codec-count", sink);
    for codec in codecs {
        until("all are in the topic", || cluster.topics().ends(&format!("codec-{codec}")).values().sum::<i64>() == 500);
        let batches = cluster.topics().batches(&format!("codec-{codec}"));
        let found: BTreeSet<String> =
            batches.iter().map(|header| format!("{:?}", header.compression().unwrap()).to_lowercase()).collect();
        assert_eq!(found, BTreeSet::from([codec.to_owned()]));
        assert!(batches.iter().all(|header| header.producer_id >= 0), "{codec}: a batch without a producer's id");
    }
    let read = cluster.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        &["--include", "codec-.*", "--from-beginning", "--max-messages", &(COUNT * codecs.len()).to_string()],
    );
    let lines: BTreeSet<&str> = read.lines().filter(|line| line.contains("seqno")).collect();
    assert_eq!(lines.len(), COUNT * codecs.len(), "Kafka's consumer reads each record");
    until("Naru's reads each record", || {
        let report = std::fs::read_to_string(&report).unwrap_or_default();
        let report: Json = serde_json::from_str(&report).unwrap_or_default();
        codecs.iter().all(|codec| {
            let stream = &report["streams"][format!("codec-{codec}-0")];
            stream["seen"] == COUNT && stream["next"] == COUNT
        })
    });
}

#[test]
fn a_table_comes_whole_through_kills_of_the_worker_and_into_s3_on_a_cluster() {
    let cluster = shared();
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start(folder.path());
    let mut counters = Counters::start();
    let mut worker = worker(
        &cluster,
        "table",
        &["offset.flush.interval.ms=300", "session.timeout.ms=6000", "consumer.session.timeout.ms=6000"],
    );
    worker.rest().create("table", counters.source("tables"));
    let topic = "tables.public.counters";
    let read = || cluster.topics().read(topic);
    until("it streams", || read().len() > 50);
    let sink = json!({
        "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": topic, "flush.size": "100",
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false", "rotate.idle.ms": "500",
        "store.url": s3.url(), "s3.bucket.name": BUCKET, "topics.dir": "table",
        "aws.access.key.id": ACCESS_KEY, "aws.secret.access.key": SECRET_KEY,
    });
    worker.rest().create("bucket", sink);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(700));
        worker.kill();
        worker.start_again();
    }
    std::thread::sleep(Duration::from_secs(1));
    counters.stop();
    let (_, events) = counters.check(read);
    until("each record is in the bucket once", || {
        let objects = s3.objects("table");
        let lines: usize = objects.values().map(|bytes| bytes.split(|byte| *byte == b'\n').count() - 1).sum();
        assert!(lines <= events, "{lines} lines of {events} records");
        lines == events
    });
}
