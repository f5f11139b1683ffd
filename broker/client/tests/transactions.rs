//! Transactions of the client against the log.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers of tests too")]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, BrokerConfig, Session};
use broker_client::admin::{NewTopic, OffsetAt, create_topics, offsets_at};
use broker_client::{
    Channel, Client, ClientConfig, ClientError, Connecting, FetchConfig, FetchEvent, Fetcher, Producer, ProducerConfig,
    ProducerEvent, RecordToSend, Reply, TopicPartition, TransactionalId, Transport,
};
use broker_wire::records::{BatchHeader, MAX_DECOMPRESSED};
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;

const PARTITIONS: i32 = 2;

/// Hands frames to the broker that there is now; connections to one before it are closed.
#[derive(Clone)]
struct InProcess(Arc<Mutex<(u64, Broker)>>);

struct Handover {
    life: u64,
    session: Session,
    to: InProcess,
}

impl Transport for InProcess {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let (life, session) = {
            let now = self.0.lock();
            (now.0, now.1.session("here"))
        };
        let channel: Arc<dyn Channel> = Arc::new(Handover { life, session, to: self.clone() });
        Box::pin(async { Ok(channel) })
    }
}

impl Channel for Handover {
    fn send(&self, frame: Bytes, _: bool) -> Reply {
        if !self.is_open() {
            return Box::pin(async { Err(io::ErrorKind::ConnectionReset.into()) });
        }
        let reply = self.session.submit(frame);
        Box::pin(async move { Ok(reply.await) })
    }

    fn is_open(&self) -> bool {
        self.to.0.lock().0 == self.life
    }
}

struct Log {
    dir: TempDir,
    transport: InProcess,
    client: Client,
    topic: Arc<str>,
}

fn open(dir: &TempDir) -> Broker {
    let properties = BTreeMap::from([("log.dirs".to_owned(), dir.path().join("log").display().to_string())]);
    Broker::open(BrokerConfig::from_properties(&properties).unwrap()).unwrap()
}

impl Log {
    async fn start() -> Log {
        let dir = tempfile::tempdir().unwrap();
        let transport = InProcess(Arc::new(Mutex::new((0, open(&dir)))));
        let config = ClientConfig { bootstrap: vec![("log".to_owned(), 1)], ..ClientConfig::default() };
        let client = Client::new(config, Arc::new(transport.clone()));
        let topic =
            NewTopic { name: "t".to_owned(), partitions: PARTITIONS, replication_factor: 1, configs: BTreeMap::new() };
        create_topics(&client, &[topic]).await.unwrap();
        Log { dir, transport, client, topic: "t".into() }
    }

    async fn restart(&self) {
        let old = self.transport.0.lock().1.clone();
        old.shutdown().await;
        *self.transport.0.lock() = (1, open(&self.dir));
    }

    async fn producer(&self, timeout: Duration) -> Producer {
        let id = TransactionalId { id: "tx".to_owned(), timeout };
        let mut producer =
            Producer::open_transactional(self.client.clone(), ProducerConfig::default(), &id).await.unwrap();
        assert!(producer.learn(&self.topic).await.unwrap());
        producer
    }

    fn append(&self, producer: &mut Producer, partition: i32, value: &str) -> Result<(), ClientError> {
        producer.append(
            &self.topic,
            &RecordToSend {
                partition: Some(partition),
                timestamp: 1,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
                token: 1,
            },
        )
    }

    /// Writes one record to each partition, and waits until the log has them.
    async fn write(&self, producer: &mut Producer, value: &str) -> Result<(), ClientError> {
        for partition in 0..PARTITIONS {
            self.append(producer, partition, value)?;
        }
        drain(producer).await
    }

    /// Everything that a fetcher reads of a partition up to its end.
    async fn read(&self, partition: i32, read_committed: bool) -> Vec<String> {
        let at = if read_committed { OffsetAt::Stable } else { OffsetAt::Latest };
        let end = offsets_at(&self.client, "t", &[partition], at).await.unwrap()[&partition];
        let config = FetchConfig { max_wait: Duration::from_millis(20), read_committed, ..FetchConfig::default() };
        let mut fetcher = Fetcher::new(self.client.clone(), config);
        fetcher.read_from(TopicPartition { topic: self.topic.clone(), partition }, 0);
        let (mut values, mut next) = (Vec::new(), 0);
        while next < end {
            match fetcher.event().await {
                FetchEvent::Records { batches, .. } => {
                    for batch in batches {
                        next = batch.header.last_offset() + 1;
                        let data = !BatchHeader::is_control(&batch.header);
                        let records = batch.open(MAX_DECOMPRESSED).unwrap();
                        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
                        values.extend(
                            records.records().filter(|_| data).map(|record| text(record.unwrap().value.unwrap())),
                        );
                    }
                }
                FetchEvent::Failed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        values
    }

    /// What readers of committed records see, the same in all partitions, once nothing is open.
    async fn committed(&self) -> Vec<String> {
        let all: Vec<i32> = (0..PARTITIONS).collect();
        loop {
            let stable = offsets_at(&self.client, "t", &all, OffsetAt::Stable).await.unwrap();
            if stable == offsets_at(&self.client, "t", &all, OffsetAt::Latest).await.unwrap() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let first = self.read(0, true).await;
        for partition in 1..PARTITIONS {
            assert_eq!(self.read(partition, true).await, first);
        }
        first
    }
}

async fn drain(producer: &mut Producer) -> Result<(), ClientError> {
    producer.flush()?;
    while producer.is_busy() {
        if let ProducerEvent::Failed(error) = producer.event().await {
            return Err(error);
        }
    }
    Ok(())
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn committed_transactions_are_read_and_aborted_ones_are_not() {
    let log = Log::start().await;
    let mut producer = log.producer(MINUTE).await;
    assert!(matches!(log.append(&mut producer, 0, "before"), Err(ClientError::Transaction(_))));
    for (value, commits) in [("a", true), ("b", false), ("c", true), ("d", false), ("e", true)] {
        producer.begin().unwrap();
        log.write(&mut producer, value).await.unwrap();
        if commits { producer.commit().await.unwrap() } else { producer.abort().await.unwrap() }
    }
    assert_eq!(log.committed().await, ["a", "c", "e"]);
    assert_eq!(log.read(1, false).await, ["a", "b", "c", "d", "e"]);
    // One that is open holds readers of committed records up, and only them.
    producer.begin().unwrap();
    log.write(&mut producer, "open").await.unwrap();
    assert_eq!((log.read(0, true).await.len(), log.read(0, false).await.len()), (3, 6));
    // An empty one and one whose records are not all acknowledged.
    producer.commit().await.unwrap();
    producer.begin().unwrap();
    producer.commit().await.unwrap();
    producer.begin().unwrap();
    log.append(&mut producer, 0, "waits").unwrap();
    assert!(matches!(producer.commit().await, Err(ClientError::Transaction(_))));
    assert!(matches!(producer.begin(), Err(ClientError::Transaction(_))));
    // What was not even sent is given up as well.
    producer.abort().await.unwrap();
    assert_eq!(log.committed().await, ["a", "c", "e", "open"]);
}

#[tokio::test]
async fn a_second_producer_fences_the_first_which_is_told_so() {
    let log = Log::start().await;
    let mut first = log.producer(MINUTE).await;
    first.begin().unwrap();
    log.write(&mut first, "lost").await.unwrap();
    let mut second = log.producer(MINUTE).await;
    second.begin().unwrap();
    log.write(&mut second, "second").await.unwrap();
    let error = first.commit().await.unwrap_err();
    assert!(error.is_fenced() && !error.is_retriable(), "{error}");
    let mut third = log.producer(MINUTE).await;
    let error = log.write(&mut second, "late").await.unwrap_err();
    assert!(error.is_fenced(), "{error}");
    let error = second.abort().await.unwrap_err();
    assert!(error.is_fenced(), "{error}");
    third.begin().unwrap();
    log.write(&mut third, "third").await.unwrap();
    third.commit().await.unwrap();
    assert_eq!(log.committed().await, ["third"]);
}

#[tokio::test]
async fn a_producer_that_was_too_slow_aborts_and_goes_on() {
    let log = Log::start().await;
    let mut producer = log.producer(Duration::from_millis(150)).await;
    producer.begin().unwrap();
    log.write(&mut producer, "slow").await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(log.write(&mut producer, "late").await.unwrap_err().is_fenced());
    producer.abort().await.unwrap();
    producer.begin().unwrap();
    log.write(&mut producer, "next").await.unwrap();
    producer.commit().await.unwrap();
    assert_eq!(log.committed().await, ["next"]);
}

#[tokio::test]
async fn a_transaction_goes_on_over_a_restart_of_the_log() {
    let log = Log::start().await;
    let mut producer = log.producer(MINUTE).await;
    producer.begin().unwrap();
    log.write(&mut producer, "before").await.unwrap();
    log.restart().await;
    log.write(&mut producer, "after").await.unwrap();
    let mut committed = producer.commit().await;
    while committed.as_ref().is_err_and(ClientError::is_retriable) {
        committed = producer.commit().await;
    }
    committed.unwrap();
    assert_eq!(log.committed().await, ["before", "after"]);
}

/// Commits by events, as a caller does that has other things to do meanwhile.
async fn commit_by_events(producer: &mut Producer) -> Result<(), ClientError> {
    producer.start_commit()?;
    assert!(producer.is_busy(), "there is an event to wait for");
    loop {
        match producer.event().await {
            ProducerEvent::Committed => return Ok(()),
            ProducerEvent::Failed(error) => return Err(error),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_commit_that_was_started_is_told_as_an_event_also_over_a_restart_of_the_log() {
    let log = Log::start().await;
    let mut producer = log.producer(MINUTE).await;
    assert!(matches!(producer.start_commit(), Err(ClientError::Transaction(_))), "nothing is open");
    for value in ["a", "b"] {
        producer.begin().unwrap();
        log.append(&mut producer, 0, value).unwrap();
        assert!(matches!(producer.start_commit(), Err(ClientError::Transaction(_))), "not everything is acknowledged");
        log.append(&mut producer, 1, value).unwrap();
        drain(&mut producer).await.unwrap();
        commit_by_events(&mut producer).await.unwrap();
        assert!(!producer.is_busy());
        if value == "a" {
            log.restart().await;
        }
    }
    producer.begin().unwrap();
    commit_by_events(&mut producer).await.unwrap();
    assert_eq!(log.committed().await, ["a", "b"]);
}

#[tokio::test]
async fn a_producer_that_goes_on_as_itself_takes_nothing_from_another() {
    let log = Log::start().await;
    let id = TransactionalId { id: "tx".to_owned(), timeout: MINUTE };
    let resume = |had| Producer::resume_transactional(log.client.clone(), ProducerConfig::default(), &id, had);
    let mut first = log.producer(MINUTE).await;
    first.begin().unwrap();
    log.write(&mut first, "left open").await.unwrap();
    let had = first.identity();
    let mut again = resume(had).await.unwrap();
    assert_eq!(again.identity().map(|(id, _)| id), had.map(|(id, _)| id));
    assert!(again.learn(&log.topic).await.unwrap());
    again.begin().unwrap();
    log.write(&mut again, "given up").await.unwrap();
    assert!(first.retire().await.unwrap_err().is_fenced(), "the one that goes on has taken over");
    let had = Some(again.retire().await.unwrap());
    let mut other = log.producer(MINUTE).await;
    assert!(resume(had).await.err().unwrap().is_fenced(), "another one has it now");
    other.begin().unwrap();
    log.write(&mut other, "committed").await.unwrap();
    commit_by_events(&mut other).await.unwrap();
    assert_eq!(log.committed().await, ["committed"]);
    broker_client::fence_producers(&log.client, "tx", MINUTE).await.unwrap();
    other.begin().unwrap();
    assert!(log.write(&mut other, "fenced").await.unwrap_err().is_fenced());
}

#[tokio::test]
async fn a_producer_whose_transaction_took_too_long_is_told_from_one_that_was_replaced() {
    let log = Log::start().await;
    let mut producer = log.producer(Duration::from_millis(100)).await;
    producer.begin().unwrap();
    log.write(&mut producer, "late").await.unwrap();
    let failed = loop {
        match commit_by_events_after(&mut producer, Duration::from_millis(200)).await {
            Err(error) => break error,
            Ok(()) => {
                producer.begin().unwrap();
                log.write(&mut producer, "late").await.unwrap();
            }
        }
    };
    assert!(failed.is_fenced(), "{failed}");
    producer.retire().await.expect("nobody else has it");
}

async fn commit_by_events_after(producer: &mut Producer, pause: Duration) -> Result<(), ClientError> {
    tokio::time::sleep(pause).await;
    commit_by_events(producer).await
}
