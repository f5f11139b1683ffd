//! Growing: `naru move` takes what the embedded log holds to another log, where connectors go on as if nothing had been.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use broker_client::admin::{NewTopic, create_topics, delete_topic};
use broker_client::offsets::{Committer, commit, committed};
use broker_client::{
    Client, ClientConfig, Producer, ProducerConfig, ProducerEvent, RecordToSend, Tcp, TopicPartition, TransactionalId,
};
use broker_wire::records::Compression;
use naru_tests::{Log, PATIENCE, Process, Seen, Topics, Worker, naru_binary, until};
use serde_json::{Value as Json, json};

pub(crate) fn worker_on(data: &Path, more: &[&str]) -> Worker {
    let data = format!("data.dir={}", data.display());
    let mut settings = vec![data.as_str(), "offset.flush.interval.ms=100"];
    settings.extend(more);
    Worker::start(&settings)
}

pub(crate) fn move_command(data: &Path, to: &str, more: &[&str]) -> Command {
    let mut command = Command::new(naru_binary());
    command.args(["move", "--to", to, "--set", &format!("data.dir={}", data.display())]);
    // The embedded log listens nowhere while it is moved; another address just keeps it apart from the target's.
    command.args(["--set", "broker.listeners=PLAINTEXT://127.0.0.1:1"]).args(more).stdin(Stdio::null());
    command
}

pub(crate) fn naru_move(data: &Path, to: &str, more: &[&str]) -> (i32, String) {
    let output: Output = move_command(data, to, more).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), said)
}

/// Starts a move again and again and kills it after ever longer times, until one is over by itself. How many were killed.
pub(crate) fn kill_again_and_again(data: &Path, to: &str, more: &[&str]) -> usize {
    let (mut kills, mut wait) = (0, Duration::from_millis(40));
    loop {
        let mut command = move_command(data, to, more);
        let mut process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        std::thread::sleep(wait);
        let is_over = !process.is_running();
        process.kill();
        if is_over {
            return kills;
        }
        (kills, wait) = (kills + 1, wait + wait / 8);
        assert!(wait < PATIENCE, "a move does not come to its end");
    }
}

pub(crate) fn in_runtime<T>(port: u16, work: impl AsyncFnOnce(Client) -> T) -> T {
    let bootstrap = vec![("127.0.0.1".to_owned(), port)];
    let client = Client::new(ClientConfig { bootstrap, ..ClientConfig::default() }, Arc::new(Tcp::default()));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work(client))
}

pub(crate) async fn make(client: &Client, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let configs = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: name.into(), partitions, replication_factor: 1, configs };
    assert!(create_topics(client, &[topic]).await.unwrap().remove(0).unwrap());
}

async fn settle(producer: &mut Producer) {
    producer.flush().unwrap();
    while producer.is_busy() {
        if let ProducerEvent::Failed(why) = producer.event().await {
            panic!("{why}");
        }
    }
}

/// Records of every kind into a topic: with and without keys, values and headers, in batches of that codec.
pub(crate) async fn fill(client: &Client, topic: &str, count: i64, codec: Compression) {
    let config = ProducerConfig { compression: codec, ..ProducerConfig::default() };
    let mut producer = Producer::open(client.clone(), config).await.unwrap();
    let name: Arc<str> = topic.into();
    assert!(producer.learn(&name).await.unwrap());
    for number in 0..count {
        let (key, value) = (format!("key {number}"), format!("value {number} {}", "x".repeat(number as usize % 300)));
        let headers: &[(&[u8], Option<&[u8]>)] = &[(b"a", Some(value.as_bytes())), (b"", None)];
        let record = RecordToSend {
            partition: Some((number % 3) as i32),
            timestamp: 1_000_000 + number * 7 % 1000,
            key: (number % 5 > 0).then_some(key.as_bytes()),
            value: (number % 7 > 0).then_some(value.as_bytes()),
            headers: if number % 11 == 0 { headers } else { &[] },
            token: 0,
        };
        producer.append(&name, &record).unwrap();
        if number % 50_000 == 0 {
            settle(&mut producer).await;
        }
    }
    settle(&mut producer).await;
}

pub(crate) fn append(file: &Path, from: usize, to: usize) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    let lines: String = (from..to).map(|number| format!("line {number}\n")).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

pub(crate) fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A file into a topic and that topic into a file.
pub(crate) fn file_to_file(worker: &Worker, files: &Path, topic: &str) {
    let text = "StringConverter";
    let (input, output) = (files.join("in.txt"), files.join("out.txt"));
    let source =
        json!({ "connector.class": "FileStreamSource", "file": input, "topic": topic, "value.converter": text });
    let sink = json!({ "connector.class": "FileStreamSink", "file": output, "topics": topic, "value.converter": text });
    worker.rest().create(&format!("{topic}-in"), source);
    worker.rest().create(&format!("{topic}-out"), sink);
}

const OWN: [&str; 3] = ["naru-configs", "naru-offsets", "naru-status"];

pub(crate) fn everything(topics: &Topics, names: &[&str]) -> Vec<Vec<Seen>> {
    names.iter().map(|name| topics.read(name)).collect()
}

/// The config topic without what a move may change: it is written in transactions, whose markers have offsets of their own and are
/// not copied, so offsets change, and with them those that commits name. They have to name the same configurations.
pub(crate) fn configs(topics: &Topics, topic: &str) -> Vec<(String, Json, i64)> {
    let records = topics.read(topic);
    let places: BTreeMap<i64, usize> =
        records.iter().enumerate().map(|(place, record)| (record.offset, place)).collect();
    let plain = |record: &Seen| {
        let mut value: Json = serde_json::from_str(record.value.as_deref().unwrap_or("null")).unwrap();
        if let Some(offset) = value.get_mut("config-offset") {
            *offset = json!(places[&offset.as_i64().unwrap()]);
        }
        (record.key.clone().unwrap_or_default(), value, record.timestamp)
    };
    records.iter().map(plain).collect()
}

pub(crate) fn written(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line {number}")).collect()
}

#[test]
fn a_move_that_is_killed_again_and_again_takes_everything_once_and_connectors_go_on_there() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, files) = (data.path(), files.path());
    let (input, output) = (files.join("in.txt"), files.join("out.txt"));
    let target = Log::start();
    let mut worker = worker_on(data, &[]);
    append(&input, 0, 5000);
    file_to_file(&worker, files, "lines");
    let at = |partition| TopicPartition { topic: "bulk".into(), partition };
    let offsets = BTreeMap::from([(at(0), 12_345), (at(2), 0)]);
    let by = Committer { group: "readers".into(), generation: -1, member: String::new() };
    in_runtime(worker.log_port(), async |client| {
        make(&client, "bulk", 3, &[]).await;
        fill(&client, "bulk", 200_000, Compression::None).await;
        fill(&client, "bulk", 200_000, Compression::Lz4).await;
        commit(&client, &by, &offsets).await.unwrap();
    });
    until("the first lines are through", || lines(&output).len() == 5000);
    let (code, said) = naru_move(data, &target.bootstrap(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("is in use: another process (pid") && said.contains("Stop that worker"), "{said}");

    assert!(worker.terminate().success());
    worker.start_again();
    until("all is still there", || lines(&output).len() == 5000);
    // What stands in the topics once the worker has stopped: its last words are states.
    let names = ["lines", "bulk", OWN[1]];
    let before = everything(&worker.topics(), &names);
    let wanted = configs(&worker.topics(), OWN[0]);
    assert!(before.iter().all(|records| !records.is_empty()), "all of these topics hold something");
    assert!(worker.terminate().success());

    // Somebody else's records.
    in_runtime(target.port(), async |client| {
        make(&client, "bulk", 3, &[]).await;
        fill(&client, "bulk", 3, Compression::None).await;
    });
    let (code, said) = naru_move(data, &target.bootstrap(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("The topic bulk at the target holds records that this move has not written"), "{said}");
    assert!(!data.join("move.json").exists() && target.topics().read("lines").is_empty());
    assert!(in_runtime(target.port(), async |client| delete_topic(&client, "bulk").await.unwrap()));
    let (code, said) = naru_move(data, &target.bootstrap(), &["--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("would be copied") && said.contains("bulk") && !data.join("move.json").exists(), "{said}");

    let kills = kill_again_and_again(data, &target.bootstrap(), &[]);
    assert!(kills > 3, "only {kills} kills came in time");
    let (code, said) = naru_move(data, &target.bootstrap(), &[]);
    assert_eq!(code, 0, "after {kills} kills: {said}");
    assert!(said.contains(&format!("bootstrap.servers={}", target.bootstrap())), "{said}");
    let there = target.topics();
    assert!(before == everything(&there, &names), "records, offsets, timestamps or headers differ");
    assert_eq!(configs(&there, OWN[0]), wanted);
    assert!(!there.read(OWN[2]).is_empty());
    let moved = in_runtime(target.port(), async |client| committed(&client, "readers", None).await.unwrap());
    assert_eq!(moved, offsets);

    let refused = Command::new(naru_binary())
        .args(["--log-level", "error", "worker", "--set", "listeners=http://127.0.0.1:0", "--set"])
        .args([&format!("data.dir={}", data.display()), "--set", "broker.listeners=PLAINTEXT://127.0.0.1:0"])
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("was moved to {}", target.bootstrap())), "{said}");

    append(&input, 5000, 7000);
    let mut worker = worker_on(data, &[&format!("bootstrap.servers={}", target.bootstrap())]);
    until("the next lines are through", || lines(&output).len() >= 7000);
    append(&input, 7000, 7010);
    until("and the last", || lines(&output).len() >= 7010);
    assert_eq!(lines(&output), written(7010), "nothing is lost and nothing comes twice");
    assert_eq!(there.end("lines"), 7010);
    assert!(worker.terminate().success());
}

/// A transaction of so many records, and how it ends.
async fn transaction(client: &Client, id: &str, values: &[&str], committed: Option<bool>) {
    let id = TransactionalId { id: id.into(), timeout: Duration::from_secs(600) };
    let mut producer = Producer::open_transactional(client.clone(), ProducerConfig::default(), &id).await.unwrap();
    let topic: Arc<str> = "t".into();
    assert!(producer.learn(&topic).await.unwrap());
    producer.begin().unwrap();
    for value in values {
        let value = Some(value.as_bytes());
        let record = RecordToSend { partition: Some(0), timestamp: 1, key: None, value, headers: &[], token: 0 };
        producer.append(&topic, &record).unwrap();
    }
    settle(&mut producer).await;
    match committed {
        Some(true) => producer.commit().await.unwrap(),
        Some(false) => producer.abort().await.unwrap(),
        None => {}
    }
}

#[test]
fn groups_go_on_at_the_same_record_where_transactions_left_holes_and_what_was_aborted_is_not_copied() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let target = Log::start();
    let mut worker = worker_on(data, &[]);
    let place = TopicPartition { topic: "t".into(), partition: 0 };
    let by = Committer { group: "g".into(), generation: -1, member: String::new() };
    in_runtime(worker.log_port(), async |client| {
        make(&client, "t", 1, &[]).await;
        transaction(&client, "one", &["a", "b"], Some(true)).await;
        transaction(&client, "one", &["never"], Some(false)).await;
        transaction(&client, "one", &["c"], Some(true)).await;
        transaction(&client, "two", &["open"], None).await;
        // a b commit never abort c commit open: the next to read is c.
        commit(&client, &by, &BTreeMap::from([(place.clone(), 5)])).await.unwrap();
    });
    assert!(worker.terminate().success());

    let (code, said) = naru_move(data, &target.bootstrap(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("group g goes on at 2 in t-0, which was 5") && said.contains("--accept-new-offsets"),
        "{said}"
    );
    assert!(target.topics().read("t").is_empty());
    let (code, said) = naru_move(data, &target.bootstrap(), &["--accept-new-offsets"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("group g goes on at 2 in t-0, which was 5"), "{said}");
    assert_eq!(target.topics().values("t"), ["a", "b", "c"]);
    let moved = in_runtime(target.port(), async |client| committed(&client, "g", None).await.unwrap());
    assert_eq!(moved, BTreeMap::from([(place, 2)]));
    let (code, said) = naru_move(data, &target.bootstrap(), &[]);
    assert!(code == 0 && said.contains("has been moved"), "{said}");
}

#[test]
fn mistakes_of_a_move_are_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, said) = naru_move(&data, "127.0.0.1:2", &[]);
    assert!(code == 2 && said.contains("There is no log in"), "{said}");
    worker_on(&data, &[]).terminate();
    let (code, said) = naru_move(&data, "127.0.0.1:2", &[]);
    assert!(code == 2 && said.contains("127.0.0.1:2") && said.contains("`--to`"), "{said}");
    let (code, said) = naru_move(&data, "nowhere", &[]);
    assert!(code == 2 && said.contains("`--to` is wrong: it must be of the form HOST:PORT"), "{said}");
    let (code, said) = naru_move(&data, "127.0.0.1:1", &[]);
    assert!(code == 2 && said.contains("names the embedded log itself"), "{said}");
    let (code, said) = naru_move(&data, "127.0.0.1:2", &["--topics", "("]);
    assert!(code == 2 && said.contains("`--topics` cannot be used"), "{said}");
    assert!(!data.join("move.json").exists());
}
