//! Brokers that are killed, moved and added to while records flow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use naru_tests::{KafkaCluster, Seen, Worker, until};
use serde_json::{Value as Json, json};

use super::{alone, worker};

/// Longer than a dead broker counts as alive: what it led is led by others by then.
const UNTIL_FENCED: Duration = Duration::from_secs(6);

/// Records flow: numbered ones with keys into `ticks` and out of it, lines without keys into `lines` and out of it.
struct Load {
    worker: Worker,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<u64>>,
}

impl Load {
    fn start(cluster: &KafkaCluster, name: &str, more: &[&str]) -> Load {
        let settings = ["offset.flush.interval.ms=300", "metadata.max.age.ms=2000"];
        let worker = worker(cluster, name, &[&settings[..], more].concat());
        let rest = worker.rest();
        let partitions =
            json!({ "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "-1" });
        let ticks = json!({
            "connector.class": "VerifiableSource", "topic": format!("{name}-ticks"), "throughput": "200", "tasks.max": "3",
        });
        let lines = json!({
            "connector.class": "FileStreamSource", "topic": format!("{name}-lines"), "file": worker.file("in.txt"),
            "value.converter": "StringConverter",
        });
        std::fs::write(worker.file("in.txt"), "").unwrap();
        rest.create(&format!("{name}-ticks"), naru_tests::with(ticks, partitions.clone()));
        rest.create(&format!("{name}-lines"), naru_tests::with(lines, partitions));
        let count = json!({
            "connector.class": "VerifiableSink", "topics": format!("{name}-ticks"), "tasks.max": "2",
        });
        let file = json!({
            "connector.class": "FileStreamSink", "topics": format!("{name}-lines"), "file": worker.file("out.txt"),
            "value.converter": "StringConverter",
        });
        rest.create(&format!("{name}-count"), count);
        rest.create(&format!("{name}-file"), file);
        let stop = Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn(write_lines(worker.file("in.txt"), stop.clone()));
        Load { worker, stop, writer: Some(writer) }
    }

    /// Ends the sources; how many lines were written.
    fn end(&mut self, cluster: &KafkaCluster, name: &str) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let lines = self.writer.take().unwrap().join().unwrap();
        let rest = self.worker.rest();
        until("every line is in the topic", || {
            let offsets = rest.get(&format!("/connectors/{name}-lines/offsets")).body;
            let size = std::fs::metadata(self.worker.file("in.txt")).unwrap().len();
            offsets["offsets"][0]["offset"]["position"] == size
        });
        assert_eq!(rest.send("PUT", &format!("/connectors/{name}-ticks/stop"), None, "").status, 204);
        until("it has stopped", || rest.get(&format!("/connectors/{name}-ticks/tasks")).body == json!([]));
        // The last of what it had read may still be on its way.
        let ends = || cluster.topics().ends(&format!("{name}-ticks"));
        until("nothing more comes", || {
            let before = ends();
            std::thread::sleep(Duration::from_secs(2));
            ends() == before
        });
        lines
    }

    /// Waits until a sink has committed all that a topic holds.
    fn drained(&self, cluster: &KafkaCluster, sink: &str, topic: &str) {
        let ends = cluster.topics().ends(topic);
        until(&format!("{sink} has committed all of {topic}: {ends:?}"), || {
            let offsets = self.worker.rest().get(&format!("/connectors/{sink}/offsets")).body;
            let committed = offsets["offsets"].as_array().into_iter().flatten();
            let place = |one: &Json| {
                let partition = i32::try_from(one["partition"]["kafka_partition"].as_i64()?).ok()?;
                Some((partition, one["offset"]["kafka_offset"].as_i64()?))
            };
            ends == committed.filter_map(place).collect::<BTreeMap<i32, i64>>()
        });
    }

    /// What tasks have failed of and were started again after.
    fn failures(&self) -> Vec<String> {
        let log = self.worker.log();
        log.lines().filter(|line| line.contains("failed") && line.contains("ERROR")).map(str::to_owned).collect()
    }
}

impl Drop for Load {
    /// A test that fails shows why.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let status = self.worker.rest().try_get("/connectors?expand=status").map(|reply| reply.body);
            eprintln!("{}\n{:#}", self.worker.log(), status.unwrap_or_default());
        }
    }
}

fn write_lines(file: PathBuf, stop: Arc<AtomicBool>) -> impl FnOnce() -> u64 {
    move || {
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        let mut next = 0;
        while !stop.load(Ordering::Relaxed) {
            let lines: String = (next..next + 20).map(|n| format!("line {n} {}\n", "x".repeat(60))).collect();
            file.write_all(lines.as_bytes()).unwrap();
            next += 20;
            std::thread::sleep(Duration::from_millis(40));
        }
        next
    }
}

fn line_number(line: &str) -> u64 {
    line.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line:?}"))
}

/// How often numbers came that had come before; each stream has all from 0 on, and those in one partition are in order.
fn check_ticks(records: &[Seen]) -> usize {
    let mut seen: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    let mut last: BTreeMap<(i64, i32), u64> = BTreeMap::new();
    let mut again = 0;
    for record in records {
        let value: Json = serde_json::from_str(record.value.as_deref().unwrap()).unwrap();
        let (task, number) = (value["task"].as_i64().unwrap(), value["seqno"].as_u64().unwrap());
        let is_new = seen.entry(task).or_default().insert(number);
        again += usize::from(!is_new);
        let before = last.insert((task, record.partition), number);
        assert!(!is_new || before.is_none_or(|before| before < number), "task {task}: {number} after {before:?}");
    }
    for (task, numbers) in &seen {
        assert_eq!(numbers.len() as u64, numbers.last().unwrap() + 1, "task {task} has gaps");
    }
    assert_eq!(seen.len(), 3);
    again
}

/// The same for lines.
fn check_lines(records: &[Seen], written: u64) -> usize {
    let (mut seen, mut last, mut again) = (BTreeSet::new(), BTreeMap::new(), 0);
    for record in records {
        let number = line_number(record.value.as_deref().unwrap());
        let is_new = seen.insert(number);
        again += usize::from(!is_new);
        let before = last.insert(record.partition, number);
        assert!(!is_new || before.is_none_or(|before| before < number), "{number} after {before:?}");
    }
    assert_eq!(seen, (0..written).collect(), "every line is in the topic");
    again
}

fn check(load: &mut Load, cluster: &KafkaCluster, name: &str) {
    let written = load.end(cluster, name);
    let (ticks, lines) = (format!("{name}-ticks"), format!("{name}-lines"));
    load.drained(cluster, &format!("{name}-count"), &ticks);
    load.drained(cluster, &format!("{name}-file"), &lines);
    let failures = load.failures();
    let (ticks, lines) = (cluster.topics().read(&ticks), cluster.topics().read(&lines));
    let again = (check_ticks(&ticks), check_lines(&lines, written));
    let file = std::fs::read_to_string(load.worker.file("out.txt")).unwrap();
    let numbers: BTreeSet<u64> = file.lines().map(line_number).collect();
    assert_eq!(numbers, (0..written).collect(), "every line is in the file");
    let twice = file.lines().count() - numbers.len();
    eprintln!("{} ticks, {written} lines; again: {again:?}, in the file {twice}; {failures:#?}", ticks.len());
    assert_eq!(failures, Vec::<String>::new(), "no task fails");
    assert_eq!(again, (0, 0), "idempotent producers write nothing twice");
    assert!(ticks.len() > 3_000 && written > 3_000, "{} ticks and {written} lines have moved", ticks.len());
}

/// Kafka's tools, as their scripts call them.
fn topics_tool(cluster: &KafkaCluster, arguments: &[&str]) {
    cluster.tool("org.apache.kafka.tools.TopicCommand", arguments);
}

#[test]
fn brokers_that_are_killed_one_after_the_other_cost_no_record_no_order_and_no_repeat() {
    let cluster = alone();
    let mut load = Load::start(&cluster, "kills", &[]);
    until("it flows", || cluster.topics().read("kills-lines").len() > 100);
    for id in cluster.ids() {
        cluster.kill(id);
        std::thread::sleep(UNTIL_FENCED);
        cluster.start_again(id);
        cluster.wait_until_in_sync();
    }
    check(&mut load, &cluster, "kills");
}

#[test]
fn what_too_few_brokers_hold_is_not_passed_and_comes_once_when_they_are_back() {
    let cluster = alone();
    let worker = worker(&cluster, "few", &["offset.flush.interval.ms=200"]);
    std::fs::write(worker.file("in.txt"), "one\n").unwrap();
    let source = json!({
        "connector.class": "FileStreamSource", "topic": "few", "file": worker.file("in.txt"), "value.converter": "StringConverter",
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "3",
        "topic.creation.default.min.insync.replicas": "3",
    });
    worker.rest().create("few", source);
    let position = || worker.rest().get("/connectors/few/offsets").body["offsets"][0]["offset"]["position"].clone();
    until("the line is in the topic", || position() == 4);
    cluster.kill(3);
    std::thread::sleep(UNTIL_FENCED);
    let mut file = OpenOptions::new().append(true).open(worker.file("in.txt")).unwrap();
    file.write_all(b"two\n").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    // If the broker led the partition, its successor does not even say where it ends before the third one is back.
    assert_eq!(position(), json!(4), "two of three are not all that are wanted");
    cluster.start_again(3);
    until("the second line is in the topic", || position() == 8);
    assert_eq!(cluster.topics().values("few"), ["one", "two"]);
    cluster.wait_until_in_sync();
}

#[test]
fn leaders_that_move_and_partitions_that_are_added_cost_nothing_and_are_used() {
    let cluster = alone();
    let mut load = Load::start(&cluster, "moves", &[]);
    until("it flows", || cluster.topics().read("moves-lines").len() > 100);
    // In order, the broker hands over what it leads; what it led before comes back to it by an election.
    cluster.stop(2);
    cluster.start_again(2);
    cluster.wait_until_in_sync();
    let election = ["--election-type", "preferred", "--all-topic-partitions"];
    cluster.tool("org.apache.kafka.tools.LeaderElectionCommand", &election);
    topics_tool(&cluster, &["--alter", "--topic", "moves-lines", "--partitions", "6"]);
    until("the new partitions are used", || {
        let ends = cluster.topics().ends("moves-lines");
        ends.len() == 6 && ends.values().all(|end| *end > 0)
    });
    check(&mut load, &cluster, "moves");
}

/// What hangs keeps its connections open and goes on later with what it was sent, as if nothing had happened meanwhile.
#[test]
#[ignore = "takes minutes: tests/slow kafka"]
fn brokers_that_hang_and_die_in_turn_for_minutes_cost_no_record_no_order_and_no_repeat() {
    let cluster = alone();
    // The worker's place in its herd outlives what the cluster takes to do without a broker that hangs: nine seconds and more.
    let limits = [
        "request.timeout.ms=8000",
        "producer.request.timeout.ms=8000",
        "session.timeout.ms=40000",
        "heartbeat.interval.ms=2000",
    ];
    let mut load = Load::start(&cluster, "hangs", &limits);
    until("it flows", || cluster.topics().read("hangs-lines").len() > 100);
    for round in 0..2 {
        for id in cluster.ids() {
            cluster.freeze(id);
            std::thread::sleep(Duration::from_secs(20));
            cluster.thaw(id);
            cluster.wait_until_in_sync();
            cluster.kill(id);
            let name = format!("hangs-more-{round}-{id}");
            let more = json!({
                "connector.class": "VerifiableSource", "topic": name, "max.messages": "100",
                "topic.creation.default.partitions": "2", "topic.creation.default.replication.factor": "2",
            });
            load.worker.rest().create(&name, more);
            std::thread::sleep(UNTIL_FENCED);
            cluster.start_again(id);
            cluster.wait_until_in_sync();
            until("a connector made meanwhile works", || cluster.topics().ends(&name).values().sum::<i64>() == 100);
        }
    }
    check(&mut load, &cluster, "hangs");
}
