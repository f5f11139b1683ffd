//! A broker that is killed again and again while a producer, a reader and a committer work with it.
//!
//! The producer is idempotent and sends what was not acknowledged again, so that the log must hold record 0, 1, 2 ... at
//! offset 0, 1, 2 ...: a gap, a phantom, a repeat, a change or a reorder all break that.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use broker_wire::ErrorCode;
use broker_wire::decode_response;
use broker_wire::messages::init_producer_id::InitProducerIdRequest;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use broker_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use broker_wire::messages::produce::ProduceRequest;
use broker_wire::records::{BatchBuilder, Compression, ProducerStamp};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::running::{Connection, fetch, free_address, metadata, produce, values};

const CYCLES: usize = 20;
const IN_FLIGHT: usize = 5;
const TOPIC: &str = "crash";

pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    pub async fn start(dir: &Path) -> Self {
        Self::start_under(dir, "exec \"$@\"").await
    }

    /// Starts a broker through a line of shell.
    async fn start_under(dir: &Path, shell: &str) -> Self {
        let address = free_address();
        let mut command = Command::new("sh");
        command.args(["-c", shell, "sh"]).arg(example("log_server"));
        command.arg(format!("log.dirs={}", dir.join("log").display()));
        command.arg(format!("listeners=PLAINTEXT://{address}")).arg("log.segment.bytes=20000");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap();
        assert_eq!(line, Some(format!("listening on {address}")), "the example log_server is built with the tests");
        Self { child, address }
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join("examples").join(name)
}

/// The value of a record: its number, and something that depends on it.
fn value(i: i64) -> String {
    format!("{i}:{:x}:{}", (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), "x".repeat((i % 200) as usize))
}

/// What the test knows of all cycles.
#[derive(Default)]
struct History {
    producer_id: i64,
    /// Batches that were made: first record and count.
    made: Vec<(i64, i64)>,
    /// Batches that were acknowledged, from the first on.
    acknowledged: usize,
    /// How far the reader has seen.
    seen: i64,
    /// The last commit that was acknowledged, and the last that was sent.
    committed: i64,
    sent_commit: i64,
    random: u64,
}

impl History {
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn acknowledged_records(&self) -> i64 {
        self.made[..self.acknowledged].last().map_or(0, |(first, count)| first + count)
    }

    /// The batch at a place of the sequence, made now if it is a new one.
    fn batch(&mut self, at: usize) -> Bytes {
        if at == self.made.len() {
            let first = self.made.last().map_or(0, |(first, count)| first + count);
            let count = 1 + self.random(20) as i64;
            self.made.push((first, count));
        }
        let (first, count) = self.made[at];
        let mut builder = BatchBuilder::new();
        (first..first + count).for_each(|i| builder.push(i, None, Some(value(i).as_bytes()), &[]));
        let (producer_id, base_sequence) = (self.producer_id, first as i32);
        let stamp = ProducerStamp { producer_id, epoch: 0, base_sequence, transactional: false };
        builder.finish(Compression::None, Some(stamp)).unwrap()
    }
}

/// Sends what was not acknowledged again, then goes on, until the broker is gone.
async fn write(connection: &mut Connection, history: &mut History, until: Instant) {
    let mut next = history.acknowledged;
    let mut waiting = VecDeque::new();
    while Instant::now() < until {
        while waiting.len() < IN_FLIGHT {
            let batch = history.batch(next);
            connection.send(&produce(TOPIC, -1, batch), 9, next as i32).await;
            waiting.push_back(next);
            next += 1;
        }
        let Some(frame) = connection.receive().await else { return };
        let (id, answer) = decode_response::<ProduceRequest>(frame, 9).unwrap();
        let partition = &answer.responses[0].partition_responses[0];
        let at = waiting.pop_front().unwrap();
        assert_eq!((id as usize, partition.error_code), (at, ErrorCode::NONE), "{:?}", partition.error_message);
        assert_eq!(partition.base_offset, history.made[at].0, "batch {at}");
        history.acknowledged = history.acknowledged.max(at + 1);
    }
}

/// Reads on, and commits what was read.
async fn read_and_commit(connection: &mut Connection, history: &mut History) {
    let answer = connection.ask(&fetch(TOPIC, history.seen, 5), 11).await;
    for (offset, text) in values(&answer) {
        if offset >= history.seen {
            assert_eq!((offset, text), (history.seen, value(history.seen)));
            history.seen += 1;
        }
    }
    let partition =
        OffsetCommitRequestPartition { committed_offset: history.seen, ..OffsetCommitRequestPartition::default() };
    let topic = OffsetCommitRequestTopic { name: TOPIC.into(), partitions: vec![partition] };
    let commit = OffsetCommitRequest { group_id: "g".into(), topics: vec![topic], ..OffsetCommitRequest::default() };
    let commit = OffsetCommitRequest { generation_id_or_member_epoch: -1, ..commit };
    history.sent_commit = history.seen;
    let answer = connection.ask(&commit, 8).await;
    assert!(answer.topics[0].partitions[0].error_code.is_none());
    history.committed = history.seen;
}

/// After a restart: everything acknowledged and everything seen is there, nothing else but what was sent, in order.
async fn check(connection: &mut Connection, history: &History) -> i64 {
    let mut next = 0;
    loop {
        let answer = connection.ask(&fetch(TOPIC, next, 0), 11).await;
        let read: Vec<_> = values(&answer).into_iter().filter(|(offset, _)| *offset >= next).collect();
        if read.is_empty() {
            break;
        }
        for (offset, text) in read {
            assert_eq!((offset, &text), (next, &value(next)));
            next += 1;
        }
    }
    let sent = history.made.last().map_or(0, |(first, count)| first + count);
    assert!(next >= history.acknowledged_records(), "{next} of {} acknowledged", history.acknowledged_records());
    assert!(next >= history.seen && next <= sent, "{next}: seen {}, sent {sent}", history.seen);

    let wanted = OffsetFetchRequestGroup { group_id: "g".into(), ..OffsetFetchRequestGroup::default() };
    let wanted = OffsetFetchRequestGroup { topics: None, ..wanted };
    let request = OffsetFetchRequest { groups: vec![wanted], ..OffsetFetchRequest::default() };
    let answer = connection.ask(&request, 8).await.groups[0].clone();
    let committed = answer.topics.first().map_or(0, |topic| topic.partitions[0].committed_offset);
    assert!((history.committed..=history.sent_commit).contains(&committed), "{committed} of {}", history.committed);
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_or_seen_is_lost_or_changed_by_kills() {
    let dir = tempfile::tempdir().unwrap();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    println!("seed {seed}");
    let mut history = History { random: seed, ..History::default() };
    for cycle in 0..=CYCLES {
        let server = Server::start(dir.path()).await;
        let mut connection = Connection::to(&server.address).await;
        connection.ask(&metadata(&[TOPIC]), 9).await;
        let end = check(&mut connection, &history).await;
        if cycle == 0 {
            let request = InitProducerIdRequest { transaction_timeout_ms: 1, ..InitProducerIdRequest::default() };
            history.producer_id = connection.ask(&request, 4).await.producer_id;
        }
        if cycle == CYCLES {
            assert!(end > 500, "too little was written: {end}");
            server.kill().await;
            return;
        }
        let lifetime = Duration::from_millis(20 + history.random(150));
        run_until_killed(server, &mut history, lifetime).await;
    }
}

/// Works with the broker for a while; then it is killed in the middle of what it does.
async fn run_until_killed(server: Server, history: &mut History, lifetime: Duration) {
    let mut writer = Connection::to(&server.address).await;
    let mut reader = Connection::to(&server.address).await;
    let until = Instant::now() + lifetime;
    while Instant::now() < until {
        let slice = (Instant::now() + Duration::from_millis(15)).min(until);
        write(&mut writer, history, slice).await;
        // What is in flight is left unanswered here, and the next slice sends it again: duplicates all along.
        writer = Connection::to(&server.address).await;
        read_and_commit(&mut reader, history).await;
    }
    // Something is in flight while the end comes.
    let next = history.acknowledged;
    for at in next..next + IN_FLIGHT {
        let batch = history.batch(at);
        writer.send(&produce(TOPIC, -1, batch), 9, at as i32).await;
    }
    let pause = history.random(3);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    server.kill().await;
}

/// With 64 open files at most the broker takes what it can, refuses what it cannot, and goes on when there are files again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_out_of_open_files_passes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_under(dir.path(), "ulimit -n 64; exec \"$@\"").await;
    let mut healthy = Connection::to(&server.address).await;
    healthy.ask(&metadata(&["t", "later"]), 9).await;
    assert_eq!(produced(&mut healthy, "t").await, ErrorCode::NONE);
    let crowd: Vec<_> = {
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(Connection::to(&server.address).await);
        }
        crowd
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The partition that has its file open goes on; one whose folder has to be made is refused for now.
    assert_eq!(produced(&mut healthy, "t").await, ErrorCode::NONE);
    assert_eq!(produced(&mut healthy, "later").await, ErrorCode::KAFKA_STORAGE_ERROR);
    drop(crowd);
    let until = Instant::now() + Duration::from_secs(10);
    while produced(&mut healthy, "later").await != ErrorCode::NONE {
        assert!(Instant::now() < until, "the broker does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(Connection::to(&server.address).await.ask(&metadata(&["t"]), 9).await.topics.len(), 1);
    assert_eq!(values(&healthy.ask(&fetch("t", 0, 0), 11).await).len(), 2);
    server.kill().await;
}

async fn produced(connection: &mut Connection, topic: &str) -> ErrorCode {
    let answer = connection.ask(&produce(topic, -1, crate::running::batch(&["x"])), 9).await;
    answer.responses[0].partition_responses[0].error_code
}
