//! Work that goes from Kafka Connect to Naru and back, on the same topics.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use naru_tests::{KafkaCluster, KafkaConnect, Rest, Worker, free_port, naru_binary, until};
use serde_json::json;

use super::postgres::Counters;
use super::shared;

/// What both read: the worker file.
fn settings() -> Vec<String> {
    let lines = [
        "group.id=taken",
        "config.storage.topic=taken-configs",
        "offset.storage.topic=taken-offsets",
        "status.storage.topic=taken-status",
        "offset.flush.interval.ms=1000",
        "key.converter=org.apache.kafka.connect.json.JsonConverter",
        "value.converter=org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable=false",
        "value.converter.schemas.enable=false",
    ];
    lines.map(str::to_owned).to_vec()
}

/// What only Kafka Connect needs said: Naru's topics follow the cluster's defaults.
fn settings_of_connect() -> Vec<String> {
    let copies = ["config", "offset", "status"].map(|which| format!("{which}.storage.replication.factor=3"));
    settings().into_iter().chain(copies).collect()
}

/// Writes numbered lines until it is told to stop.
struct Lines {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Lines {
    fn start(file: PathBuf) -> Lines {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
            let mut next = 0;
            while !stopped.load(Ordering::Relaxed) {
                file.write_all(format!("line {next} of many\n").as_bytes()).unwrap();
                next += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            next
        });
        Lines { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn numbers(text: &str) -> Vec<u64> {
    let number = |line: &str| line.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
    text.lines().map(number).collect()
}

/// Every number in order, none left out; how many came again.
fn repeats(what: &str, seen: &[u64], count: u64) -> u64 {
    let (mut next, mut again) = (0, 0);
    for number in seen {
        assert!(*number <= next, "{what}: a gap before {number}, expected {next}");
        again += u64::from(*number < next);
        next = next.max(number + 1);
    }
    assert_eq!(next, count, "{what}: the end is missing");
    again
}

fn all_run(rest: &Rest) {
    for name in ["lines-in", "lines-out", "table"] {
        until(&format!("{name} runs"), || {
            let status = rest.try_get(&format!("/connectors/{name}/status"));
            status.is_some_and(|reply| reply.body["tasks"][0]["state"] == "RUNNING")
        });
    }
}

/// Waits until some more has come through everywhere, so that each has really worked before it stops.
fn more_comes(cluster: &KafkaCluster, out: &Path) {
    let reached = || {
        let end = |topic: &str| cluster.topics().ends(topic).values().sum::<i64>();
        let file = std::fs::metadata(out).map_or(0, |file| i64::try_from(file.len()).unwrap());
        [end("taken-lines"), end("taken.public.counters"), file]
    };
    let before = reached();
    until("more of everything comes", || reached().iter().zip(before).all(|(now, before)| *now > before + 100));
    std::thread::sleep(Duration::from_secs(2));
}

/// What a worker says that is started while Kafka Connect still runs.
fn beside_kafka_connect(settings: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let own = [format!("listeners=http://127.0.0.1:{}", free_port()), format!("data.dir={}", folder.path().display())];
    let mut command = Command::new("timeout");
    command.arg("30").arg(naru_binary()).arg("worker");
    for setting in settings.iter().chain(&own) {
        command.arg("--set").arg(setting);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[test]
#[ignore = "starts Kafka Connect twice, which takes a minute: tests/slow kafka-connect"]
fn work_goes_from_kafka_connect_to_naru_and_back_without_a_gap() {
    let cluster = shared();
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in.txt"), folder.path().join("out.txt"));
    let (lines, mut counters) = (Lines::start(input.clone()), Counters::start());
    let text = "org.apache.kafka.connect.storage.StringConverter";

    let mut connect = KafkaConnect::start(&cluster, "connect", &settings_of_connect(), true);
    let rest = connect.rest();
    connect.create(
        "lines-in",
        &json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
            "file": input, "topic": "taken-lines", "value.converter": text,
            "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "3",
        }),
    );
    connect.create(
        "lines-out",
        &json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
            "file": out, "topics": "taken-lines", "value.converter": text,
        }),
    );
    connect.create("table", &counters.source("taken"));
    all_run(&rest);
    more_comes(&cluster, &out);
    let bootstrap = format!("bootstrap.servers={}", cluster.bootstrap());
    let settings: Vec<String> = settings().into_iter().chain([bootstrap]).collect();
    let refused = beside_kafka_connect(&settings);
    assert!(refused.contains("The group taken is in use by others, Kafka Connect workers perhaps"), "{refused}");
    connect.stop();

    let taken: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut naru = Worker::start(&taken);
    all_run(&naru.rest());
    more_comes(&cluster, &out);
    assert!(naru.terminate().success());
    let log = naru.log();
    assert!(!log.contains("ERROR"), "{log}");

    connect.go();
    all_run(&rest);
    more_comes(&cluster, &out);
    let written = lines.stop();
    counters.stop();
    let last = format!("line {} ", written - 1);
    until("the last line is in the file", || std::fs::read_to_string(&out).unwrap_or_default().contains(&last));
    let (events_again, events) = counters.check(|| cluster.topics().read("taken.public.counters"));
    connect.stop();

    let topic = numbers(&cluster.topics().values("taken-lines").join("\n"));
    let again = repeats("the topic", &topic, written);
    let file_again = repeats("the file", &numbers(&std::fs::read_to_string(&out).unwrap()), written);
    eprintln!("{written} lines, {again} again, {file_again} again in the file; {events} events, {events_again} again");
    assert_eq!((again, file_again, events_again), (0, 0, 0), "clean stops repeat nothing");
}
