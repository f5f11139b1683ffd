//! Sinks into real servers, by the real worker, which is killed under them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use elasticsearch_sink::test_server::TestServer as OpenSearch;
use naru_tests::{Worker, until};
use s3_sink::test_server::{ACCESS_KEY, BUCKET, SECRET_KEY, TestServer as S3};
use serde_json::{Value as Json, json};

/// Lines that a source carries into a topic of that many partitions.
struct Lines {
    topic: &'static str,
    written: u64,
}

impl Lines {
    fn into(worker: &Worker, topic: &'static str, partitions: u32) -> Lines {
        std::fs::write(worker.file("in.txt"), "").unwrap();
        worker.rest().create(
            "in",
            json!({
                "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": topic,
                "value.converter": "StringConverter", "producer.override.batch.size": "20000",
                "topic.creation.default.partitions": partitions.to_string(),
                "topic.creation.default.replication.factor": "1",
            }),
        );
        Lines { topic, written: 0 }
    }

    fn append(&mut self, worker: &Worker, count: u64, line: impl Fn(u64) -> String) {
        let lines: String = (self.written..self.written + count).map(|n| line(n) + "\n").collect();
        let file = std::fs::OpenOptions::new().append(true).open(worker.file("in.txt"));
        file.unwrap().write_all(lines.as_bytes()).unwrap();
        self.written += count;
    }

    /// All that the topic holds, once every line is in it and none comes again; by partition, each value and how often it is there.
    fn in_topic(&self, worker: &Worker) -> BTreeMap<i32, BTreeMap<String, usize>> {
        // Until the source has said that it is at the end, it may still be at what it repeats after a kill.
        let end = std::fs::metadata(worker.file("in.txt")).unwrap().len();
        until("the source has stored the end of its file", || {
            worker.rest().get("/connectors/in/offsets").body["offsets"][0]["offset"]["position"] == end
        });
        let mut found = BTreeMap::new();
        until("every line is in the topic", || {
            found = BTreeMap::<i32, BTreeMap<String, usize>>::new();
            for record in worker.topics().read(self.topic) {
                let of = found.entry(record.partition).or_default();
                *of.entry(record.value.unwrap_or_default()).or_default() += 1;
            }
            let mut different: Vec<&String> = found.values().flat_map(BTreeMap::keys).collect();
            different.sort_unstable();
            different.dedup();
            different.len() as u64 >= self.written
        });
        found
    }
}

fn s3_sink(s3: &S3, name: &str, rule: Json) -> Json {
    let mut config = json!({
        "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": "lines",
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        "store.url": s3.url(), "s3.bucket.name": BUCKET, "topics.dir": name,
        "aws.access.key.id": ACCESS_KEY, "aws.secret.access.key": SECRET_KEY,
    });
    config.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    config
}

/// What the objects below a folder hold, by partition; and how many objects they are.
fn in_bucket(s3: &S3, below: &str) -> (BTreeMap<i32, BTreeMap<String, usize>>, usize) {
    let (objects, mut found) = (s3.objects(below), BTreeMap::<i32, BTreeMap<String, usize>>::new());
    for (name, bytes) in &objects {
        let file = name.rsplit('/').next().unwrap();
        let partition = file.split('+').nth(1).unwrap().parse().unwrap();
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            *found.entry(partition).or_default().entry(line.to_owned()).or_default() += 1;
        }
    }
    (found, objects.len())
}

/// Every rule of rotation at once, each a connector of its own on the same topic: by count, by bytes, by the records'
/// time, by the clock, by idleness, and by the clock in folders of a field.
#[test]
fn fifty_kills_leave_each_record_once_in_the_bucket_under_every_rule() {
    const KILLS: u64 = 50;
    const BLOCK: u64 = 600;
    /// So many kills come at any moment, wherever the sinks are then; the next one once each has stored a file more.
    const BLIND: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start(folder.path());
    let mut worker = Worker::start(&["offset.flush.interval.ms=100"]);
    let mut lines = Lines::into(&worker, "lines", 2);
    let idle = |millis: &str, mut rule: Json| {
        rule["rotate.idle.ms"] = json!(millis);
        rule
    };
    let rules = [
        ("count", json!({ "flush.size": "170", "rotate.idle.ms": "-1" })),
        ("bytes", idle("400", json!({ "rotate.bytes": "9000" }))),
        ("time", idle("400", json!({ "rotate.interval.ms": "150" }))),
        ("clock", idle("-1", json!({ "rotate.schedule.interval.ms": "300" }))),
        ("idle", idle("100", json!({ "flush.size": "100000" }))),
        (
            "field",
            idle(
                "400",
                json!({
                    "rotate.schedule.interval.ms": "500", "flush.size": "130",
                    "partitioner.class": "FieldPartitioner", "partition.field.name": "kind",
                }),
            ),
        ),
    ];
    for (name, rule) in &rules {
        worker.rest().create(name, s3_sink(&s3, name, rule.clone()));
    }
    let line = |n: u64| format!("{{\"n\":{n},\"kind\":\"k{}\"}}", n % 3);
    let mut stored = vec![0; rules.len()];
    for round in 0..KILLS {
        lines.append(&worker, BLOCK, line);
        std::thread::sleep(Duration::from_millis(120 + round * 97 % 400));
        if round % (BLIND + 1) == BLIND {
            for ((name, _), before) in rules.iter().zip(&mut stored) {
                until(&format!("{name}: one more file is there"), || s3.objects(name).len() > *before);
                *before = s3.objects(name).len();
            }
        }
        worker.kill();
        worker.start_again();
    }
    let topic = lines.in_topic(&worker);
    assert!(topic.len() == 2, "both partitions have records");
    for (name, _) in &rules[1..] {
        until(&format!("{name}: everything is in the bucket"), || in_bucket(&s3, name).0 == topic);
    }
    // What is there stays so: nothing comes twice later on.
    std::thread::sleep(Duration::from_millis(1_500));
    for (name, _) in &rules[1..] {
        let (found, objects) = in_bucket(&s3, name);
        assert!(found == topic, "{name}: each record is in the bucket as often as in the topic");
        assert!(objects as u64 >= KILLS / (BLIND + 1), "{name}: {objects} objects");
    }
    // By count alone the last file of each partition stays open: all before it is there, and nothing twice.
    let (found, _) = in_bucket(&s3, "count");
    for (partition, expected) in &topic {
        let stored: usize = found[partition].values().sum();
        assert_eq!(stored, expected.values().sum::<usize>() / 170 * 170, "partition {partition}");
        assert!(found[partition].iter().all(|(line, times)| times <= &expected[line]), "partition {partition}");
    }
}

/// Makes a certificate for `localhost`, `server.pem` with `server.key`, and its authority, `ca.pem`.
fn make_certificates(folder: &Path) {
    let script = "set -e
        new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $new -days 30 -keyout ca.key -out ca.pem -subj /CN=authority
        openssl req $new -keyout server.key -out server.csr -subj /CN=localhost
        printf 'subjectAltName=DNS:localhost' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.pem";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The worker takes its authorities from the system, which looks at `SSL_CERT_FILE` first.
#[test]
fn signatures_cover_what_objects_hold_where_tls_does_not_or_where_they_shall() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    make_certificates(folder.path());
    let with_tls = S3::start_with_tls(&file("with"), &file("server.pem"), &file("server.key"));
    let without = S3::start(&file("without"));
    let authorities = format!("SSL_CERT_FILE={}", file("ca.pem").display());
    let worker = Worker::start_under(&["env", &authorities], tempfile::tempdir().unwrap(), &[]);
    let mut lines = Lines::into(&worker, "lines", 1);
    lines.append(&worker, 10, |n| format!("{{\"n\":{n}}}"));
    let mut seen = [0, 0];
    for (server, signing, is_signed) in [
        (0, "without.tls", false),
        (0, "always", true),
        (0, "never", false),
        (1, "without.tls", true),
        (1, "always", true),
        (1, "never", false),
    ] {
        let s3 = [&with_tls, &without][server];
        let name = format!("{server}-{signing}");
        let rule = json!({ "flush.size": "10", "s3.payload.signing": signing, "s3.region": "us-east-1" });
        worker.rest().create(&name, s3_sink(s3, &name, rule));
        until(&format!("{name}: an object is there"), || in_bucket(s3, &name).1 == 1);
        let signed = s3.signed();
        assert_eq!(signed.len(), seen[server] + 1, "{name}");
        assert_eq!(signed[seen[server]] != "UNSIGNED-PAYLOAD", is_signed, "{name}: {signed:?}");
        seen[server] += 1;
    }
    // Who does not know the authority is told so before anything is stored.
    let stranger = Worker::start(&[]);
    let refused =
        stranger.rest().post("/connectors", &json!({ "name": "a", "config": s3_sink(&with_tls, "a", json!({})) }));
    assert_eq!(refused.status, 400, "{}", refused.body);
}

/// Documents that do not fit the mapping among good ones, and a worker that is killed again and again.
#[test]
fn ten_kills_leave_each_record_in_the_index_or_among_the_dead_letters() {
    const BLOCK: u64 = 2_000;
    let server = OpenSearch::start(&[]);
    server.ask("PUT", "events", r#"{"mappings":{"properties":{"n":{"type":"long"}}}}"#);
    let mut worker = Worker::start(&["offset.flush.interval.ms=100"]);
    let mut lines = Lines::into(&worker, "events", 3);
    worker.rest().create(
        "search",
        json!({
            "connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "topics": "events",
            "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
            "connection.url": server.url(), "key.ignore": "true", "tasks.max": "2",
            "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "bad",
            "errors.deadletterqueue.context.headers.enable": "true",
        }),
    );
    let is_bad = |n: u64| n % 50 == 7;
    let line = |n: u64| if is_bad(n) { format!("{{\"n\":\"word {n}\"}}") } else { format!("{{\"n\":{n}}}") };
    for round in 0..10 {
        lines.append(&worker, BLOCK, line);
        std::thread::sleep(Duration::from_millis(150 + round * 37 % 300));
        worker.kill();
        worker.start_again();
    }
    let topic = lines.in_topic(&worker);
    let all: usize = topic.values().flat_map(BTreeMap::values).sum();
    let is_letter = |value: &&String| value.contains("word");
    let bad: usize = topic.values().flatten().filter(|(value, _)| is_letter(value)).map(|(_, times)| times).sum();
    until("every good record is a document", || server.count("events") as usize == all - bad);
    until("everything is committed", || {
        let offsets = worker.rest().get("/connectors/search/offsets").body;
        let ends = offsets["offsets"].as_array().into_iter().flatten();
        ends.filter_map(|one| one["offset"]["kafka_offset"].as_u64()).sum::<u64>() as usize == all
    });
    for (id, document) in server.documents("events") {
        let place: Vec<&str> = id.split('+').collect();
        assert!(place[0] == "events" && document["n"].is_u64(), "{id}: {document}");
    }
    // A letter may be written twice, where the kill came between it and the commit; none is missing.
    let letters = worker.topics().read("bad");
    let mut places: Vec<(String, String)> = letters
        .iter()
        .map(|letter| {
            (letter.header("__connect.errors.partition").into(), letter.header("__connect.errors.offset").into())
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), bad);
    assert!(letters.iter().all(|letter| letter.value.as_ref().is_some_and(|value| value.contains("word"))));
    assert!(letters.iter().all(|letter| letter.header("__connect.errors.exception.message").contains("field [n]")));
}
