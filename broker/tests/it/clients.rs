//! Real clients: kcat (librdkafka), confluent-kafka, kafka-python new and old.
//!
//! `NARU_TEST_VENV` names a Python environment with confluent-kafka and kafka-python 3, and in its folder `old` one with
//! kafka-python 2.0.2; without it `target/test-venv` of the repository is taken. kcat is looked for on the PATH.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use broker_wire::messages::create_topics::{CreatableTopic, CreateTopicsRequest};

use crate::running::{Running, ask};

const PATIENCE: Duration = Duration::from_secs(100);
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

fn venv() -> PathBuf {
    let default = || concat!(env!("CARGO_MANIFEST_DIR"), "/../target/test-venv").into();
    std::env::var_os("NARU_TEST_VENV").map_or_else(default, PathBuf::from)
}

/// Runs a command to its end; its standard output.
async fn run(mut command: Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let named = format!("{:?}", command.as_std());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{named}: {error}. Run tests/install first"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let Output { status, stdout, stderr } = ended.unwrap_or_else(|_| panic!("{named} does not end")).unwrap();
    assert!(status.success(), "{named}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

async fn python(interpreter: &str, script: &str, args: &[&str]) -> String {
    let mut command = Command::new(venv().join(interpreter));
    command.arg("-B").arg(format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR"))).args(args);
    run(command, "").await
}

const NEW: &str = "bin/python";
const OLD: &str = "old/bin/python";

async fn kcat(address: &str, args: &[&str], input: &str) -> String {
    let mut command = Command::new("kcat");
    // Otherwise it waits half a second at the end of each topic.
    command.args(["-b", address, "-X", "fetch.wait.max.ms=10"]).args(args);
    run(command, input).await
}

async fn create(running: &Running, name: &str, num_partitions: i32) {
    let topic =
        CreatableTopic { name: name.into(), num_partitions, replication_factor: 1, ..CreatableTopic::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    assert!(ask(&running.broker.session("here"), &request, 7).await.topics[0].error_code.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_reads_what_every_other_wrote_in_every_codec() {
    let running = Running::start(&[]).await;
    let address = running.address.as_str();
    let mut topics = Vec::new();
    for (interpreter, script, name) in
        [(NEW, "kafka_python.py", "kp3"), (OLD, "kafka_python.py", "kp2"), (NEW, "confluent.py", "confluent")]
    {
        let named: Vec<(&str, String)> = CODECS.iter().map(|codec| (*codec, format!("{name}-{codec}"))).collect();
        let pairs = named.iter().flat_map(|(codec, topic)| [*codec, topic.as_str()]);
        let args: Vec<&str> = [address, "produce"].into_iter().chain(pairs).collect();
        python(interpreter, script, &args).await;
        topics.extend(named.into_iter().map(|(_, topic)| topic));
    }
    let args: Vec<&str> = [address, "dump"].into_iter().chain(topics.iter().map(String::as_str)).collect();
    let reference = python(NEW, "confluent.py", &args).await;
    assert_eq!(reference.lines().count(), topics.len() * 304);
    // All topics hold the same records.
    let records = |topic: &str| {
        let own = reference.lines().filter(|line| line.contains(&format!("\"{topic}\"")));
        own.map(|line| line.replace(topic, "")).collect::<Vec<_>>()
    };
    assert!(topics.iter().all(|topic| records(topic) == records(&topics[0])));
    assert_eq!(python(NEW, "kafka_python.py", &args).await, reference);
    assert_eq!(python(OLD, "kafka_python.py", &args).await, reference);

    for codec in CODECS {
        let topic = format!("kcat-{codec}");
        let input: String = (0..200).map(|i| format!("k{i}:{}\n", "some value ".repeat(9))).collect();
        let produce = ["-P", "-t", &topic, "-K:", "-z", codec, "-X", "linger.ms=200", "-H", "a=1", "-H", "a=2"];
        kcat(address, &produce, &input).await;
        let read = kcat(address, &["-C", "-t", &topic, "-e", "-q", "-f", "%k:%s %h\\n"], "").await;
        let expected = input.replace('\n', " a=1,a=2\n");
        assert_eq!(read, expected, "{codec}");
    }
    let kcat_topics = CODECS.map(|codec| format!("kcat-{codec}"));
    let args: Vec<&str> = [address, "dump"].into_iter().chain(kcat_topics.iter().map(String::as_str)).collect();
    let dumped = python(NEW, "confluent.py", &args).await;
    assert_eq!(dumped.lines().count(), 5 * 200);
    assert_eq!(python(OLD, "kafka_python.py", &args).await, dumped);
    let stored = |topic: &str| {
        let described = running.broker.session("here");
        let topic = topic.to_owned();
        async move {
            let request = broker_wire::messages::describe_log_dirs::DescribeLogDirsRequest { topics: None };
            let dirs = ask(&described, &request, 4).await;
            let found = dirs.results[0].topics.iter().find(|other| other.name == topic).cloned();
            found.unwrap().partitions[0].partition_size
        }
    };
    for codec in &CODECS[1..] {
        // A client that silently stops compressing is told apart here.
        assert!(stored(&format!("kcat-{codec}")).await < stored("kcat-none").await / 3, "{codec}");
    }
    for topic in topics.iter().chain(&kcat_topics) {
        let read = kcat(address, &["-C", "-t", topic, "-e", "-q", "-f", "%o\\n"], "").await;
        assert_eq!(read.lines().count(), if topic.starts_with("kcat") { 200 } else { 304 }, "{topic}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eager_groups_of_new_and_old_clients_share_the_partitions() {
    let running = Running::start(&[]).await;
    create(&running, "six", 6).await;
    let address = running.address.as_str();
    let (new, old) = ([address, "six", "new"], [address, "six", "old"]);
    tokio::join!(python(NEW, "eager_group.py", &new), python(OLD, "eager_group.py", &old));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cooperative_and_static_members_move_no_more_than_needed() {
    let running = Running::start(&[]).await;
    create(&running, "six", 6).await;
    python(NEW, "cooperative_group.py", &[&running.address, "six", "coop"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_offsets_and_times_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start_in(dir.path(), &[]).await;
    python(NEW, "offsets.py", &[&running.address, "write"]).await;
    python(NEW, "offsets.py", &[&running.address, "check"]).await;
    running.stop().await;
    let running = Running::start_in(dir.path(), &[]).await;
    python(NEW, "offsets.py", &[&running.address, "check"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_records_and_idempotent_producers_work() {
    let running = Running::start(&[]).await;
    python(NEW, "limits.py", &[&running.address]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_client_manages_topics_configs_and_groups() {
    let running = Running::start(&[]).await;
    python(NEW, "admin.py", &[&running.address]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactional_producers_commit_abort_and_fence_each_other() {
    let running = Running::start(&[]).await;
    let address = running.address.as_str();
    let (new, python_tx) = ([address, "confluent"], [address, "kafka_python"]);
    tokio::join!(python(NEW, "transactions.py", &new), python(NEW, "transactions.py", &python_tx));
    let read = |level: &'static str| async move {
        let level = format!("isolation.level={level}");
        let args = ["-C", "-t", "confluent-tx", "-e", "-q", "-f", "%s\n", "-X", &level];
        kcat(address, &args, "").await.lines().count()
    };
    assert_eq!((read("read_committed").await, read("read_uncommitted").await), (602, 903));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_changed_and_written_in_transactions_arrives_once() {
    let running = Running::start(&[]).await;
    python(NEW, "transactions.py", &[&running.address, "pipeline"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_too_slow_begins_another_transaction() {
    let running = Running::start(&[]).await;
    python(NEW, "transactions.py", &[&running.address, "timeout"]).await;
    running.stop().await;
}
