//! What the client does where brokers hang or are lost, and where topics grow.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers of tests too")]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker::{Broker, BrokerConfig, Session};
use broker_client::admin::{NewTopic, OffsetAt, create_topics, offsets_at};
use broker_client::{
    Channel, Client, ClientConfig, Connecting, Producer, ProducerConfig, ProducerEvent, Purpose, RecordToSend, Reply,
    Transport,
};
use broker_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;

/// Addresses of one broker. A host `frozen` takes connections and says nothing; those to all others are closed when `lost` counts up.
#[derive(Clone)]
struct Brokers {
    broker: Broker,
    asked: Arc<Mutex<Vec<String>>>,
    lost: Arc<AtomicUsize>,
}

struct Connected {
    session: Session,
    lost: Arc<AtomicUsize>,
    life: usize,
}

struct Frozen;

impl Transport for Brokers {
    fn connect(&self, host: &str, _: u16) -> Connecting {
        self.asked.lock().push(host.to_owned());
        let (lost, life) = (self.lost.clone(), self.lost.load(Ordering::Relaxed));
        let channel: Arc<dyn Channel> = match host {
            "frozen" => Arc::new(Frozen),
            _ => Arc::new(Connected { session: self.broker.session("here"), lost, life }),
        };
        Box::pin(async { Ok(channel) })
    }
}

impl Channel for Frozen {
    fn send(&self, _: Bytes, _: bool) -> Reply {
        Box::pin(std::future::pending())
    }
}

impl Channel for Connected {
    fn send(&self, frame: Bytes, _: bool) -> Reply {
        if !self.is_open() {
            return Box::pin(async { Err(io::ErrorKind::ConnectionReset.into()) });
        }
        let reply = self.session.submit(frame);
        Box::pin(async move { Ok(reply.await) })
    }

    fn is_open(&self) -> bool {
        self.lost.load(Ordering::Relaxed) == self.life
    }
}

impl Brokers {
    fn start(dir: &TempDir) -> Brokers {
        let properties = BTreeMap::from([("log.dirs".to_owned(), dir.path().join("log").display().to_string())]);
        let broker = Broker::open(BrokerConfig::from_properties(&properties).unwrap()).unwrap();
        Brokers { broker, asked: Arc::default(), lost: Arc::default() }
    }

    fn client(&self, hosts: &[&str]) -> Client {
        let bootstrap = hosts.iter().map(|host| ((*host).to_owned(), 1)).collect();
        let (request_timeout, metadata_max_age) = (Duration::from_millis(300), Duration::from_millis(50));
        let config = ClientConfig { bootstrap, request_timeout, metadata_max_age, ..ClientConfig::default() };
        Client::new(config, Arc::new(self.clone()))
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }
}

async fn make_topic(client: &Client) {
    let topic = NewTopic { name: "t".to_owned(), partitions: 1, replication_factor: 1, configs: BTreeMap::new() };
    create_topics(client, &[topic]).await.unwrap().remove(0).unwrap();
}

#[tokio::test]
async fn a_broker_that_hangs_is_passed_over_and_not_asked_first_again() {
    let dir = tempfile::tempdir().unwrap();
    let brokers = Brokers::start(&dir);
    let client = brokers.client(&["frozen", "good"]);
    client.any(Purpose::Control).await.unwrap();
    assert_eq!(brokers.asked(), ["frozen", "good"]);
    client.any(Purpose::Fetch).await.unwrap();
    assert_eq!(brokers.asked(), ["good"], "the one that answered is asked first");
}

#[tokio::test]
async fn after_a_lost_connection_another_broker_is_asked_first() {
    let dir = tempfile::tempdir().unwrap();
    let brokers = Brokers::start(&dir);
    let client = brokers.client(&["a", "b", "c"]);
    for expected in ["a", "b", "c", "a"] {
        client.any(Purpose::Control).await.unwrap();
        client.any(Purpose::Control).await.unwrap();
        assert_eq!(brokers.asked(), [expected]);
        brokers.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_running_producer_uses_partitions_that_are_added() {
    let dir = tempfile::tempdir().unwrap();
    let brokers = Brokers::start(&dir);
    let client = brokers.client(&["log"]);
    make_topic(&client).await;
    let topic: Arc<str> = "t".into();
    let mut producer = Producer::open(client.clone(), ProducerConfig::default()).await.unwrap();
    assert!(producer.learn(&topic).await.unwrap());
    let grown = CreatePartitionsTopic { name: "t".to_owned(), count: 3, ..Default::default() };
    let grow = CreatePartitionsRequest { topics: vec![grown], timeout_ms: 1_000, validate_only: false };
    let answer = client.any(Purpose::Control).await.unwrap().call(&grow).await.unwrap();
    assert!(answer.results[0].error_code.is_none());
    let (since, key) = (Instant::now(), |n: u32| n.to_be_bytes());
    loop {
        for n in 0..20 {
            let key = key(n);
            let record = RecordToSend {
                partition: None,
                timestamp: 1,
                key: Some(&key),
                value: Some(b"v"),
                headers: &[],
                token: 1,
            };
            producer.append(&topic, &record).unwrap();
        }
        producer.flush().unwrap();
        while producer.is_busy() {
            assert!(!matches!(producer.event().await, ProducerEvent::Failed(_)));
        }
        client.refresh("t").await.unwrap();
        let ends = offsets_at(&client, "t", &[0, 1, 2], OffsetAt::Latest).await.unwrap();
        if ends.values().all(|end| *end > 0) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{ends:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
