//! Reading topics.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_client::admin::{OffsetAt, offsets_at};
use broker_client::{
    Client, ClientConfig, ClientError, FetchConfig, FetchEvent, Fetcher, Producer, ProducerConfig, ProducerEvent,
    Purpose, RecordToSend, Tcp, TopicPartition, TransactionalId,
};
use broker_wire::messages::metadata::{MetadataRequest, MetadataResponse};
use broker_wire::records::{Batch, BatchHeader, MAX_DECOMPRESSED};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The time, in milliseconds since 1970.
    pub timestamp: i64,
    /// The key.
    pub key: Option<String>,
    /// The value.
    pub value: Option<String>,
    /// Names and values of headers.
    pub headers: Vec<(String, Option<String>)>,
}

impl Seen {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref()).unwrap_or("")
    }
}

/// The topics behind a Kafka port, read over TCP.
pub struct Topics {
    runtime: tokio::runtime::Runtime,
    bootstrap: Vec<(String, u16)>,
}

impl Topics {
    /// At that port of 127.0.0.1.
    ///
    /// # Panics
    /// No runtime can be made.
    pub fn at(port: u16) -> Topics {
        Topics::of(vec![("127.0.0.1".to_owned(), port)])
    }

    /// Of the cluster of these brokers.
    ///
    /// # Panics
    /// No runtime can be made.
    pub fn of(bootstrap: Vec<(String, u16)>) -> Topics {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Topics { runtime, bootstrap }
    }

    /// Where the only partition of a topic ends. 0 if there is no such topic.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn end(&self, topic: &str) -> i64 {
        self.runtime.block_on(async {
            let client = self.client();
            if client.partitions(topic).await.expect("the log answers").is_none() {
                return 0;
            }
            offsets_at(&client, topic, &[0], OffsetAt::Latest).await.expect("the log answers")[&0]
        })
    }

    /// Where each partition of a topic ends. Empty if there is no such topic.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        self.runtime.block_on(async {
            let client = self.client();
            let Some(known) = client.partitions(topic).await.expect("the log answers") else { return BTreeMap::new() };
            let partitions: Vec<i32> = (0..known.leaders.len() as i32).collect();
            offsets_at(&client, topic, &partitions, OffsetAt::Latest).await.expect("the log answers")
        })
    }

    /// The partitions, as `topic-0`, that have no leader or fewer replicas in sync than they have replicas. `None` if nobody
    /// answers.
    pub fn lagging(&self) -> Option<Vec<String>> {
        let topics = self.describe()?.topics;
        let lagging = topics.into_iter().flat_map(|topic| {
            let name = topic.name.unwrap_or_default();
            let partitions = topic.partitions.into_iter();
            let lagging = partitions.filter(|one| one.leader_id < 0 || one.isr_nodes.len() < one.replica_nodes.len());
            lagging.map(move |one| format!("{name}-{}", one.partition_index)).collect::<Vec<String>>()
        });
        Some(lagging.collect())
    }

    /// The cluster's brokers and topics. `None` if nobody answers.
    pub fn describe(&self) -> Option<MetadataResponse> {
        let ask = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
        self.runtime.block_on(async { self.client().any(Purpose::Control).await.ok()?.call(&ask).await.ok() })
    }

    fn client(&self) -> Client {
        let config = ClientConfig { bootstrap: self.bootstrap.clone(), ..ClientConfig::default() };
        Client::new(config, Arc::new(Tcp::default()))
    }

    /// Everything that a topic holds now, by partition and offset. Empty if there is no such topic.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn read(&self, topic: &str) -> Vec<Seen> {
        self.runtime.block_on(async { read(&self.client(), topic, false).await })
    }

    /// The same, as far as it was written by committed transactions, or by none.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn committed(&self, topic: &str) -> Vec<Seen> {
        self.runtime.block_on(async { read(&self.client(), topic, true).await })
    }

    /// Opens a producer with a transactional id, which fences those before it.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn take_over(&self, id: &str) -> TakenOver<'_> {
        let transactional = TransactionalId { id: id.to_owned(), timeout: Duration::from_secs(60) };
        let opened = Producer::open_transactional(self.client(), ProducerConfig::default(), &transactional);
        TakenOver { producer: self.runtime.block_on(opened).expect("a producer"), topics: self }
    }

    /// The headers of all batches that a topic holds now.
    ///
    /// # Panics
    /// The log does not answer.
    pub fn batches(&self, topic: &str) -> Vec<BatchHeader> {
        let mut found = Vec::new();
        self.runtime.block_on(async {
            read_batches(&self.client(), topic, false, |_, _, batch| found.push(batch.header)).await
        });
        found
    }

    /// The values of a topic.
    pub fn values(&self, topic: &str) -> Vec<String> {
        self.read(topic).into_iter().map(|record| record.value.unwrap_or_default()).collect()
    }
}

/// A producer that has taken a transactional id over.
pub struct TakenOver<'a> {
    producer: Producer,
    topics: &'a Topics,
}

impl TakenOver<'_> {
    /// Writes a record in a transaction and commits; whether the log lets it.
    ///
    /// # Panics
    /// The log has no such topic.
    pub fn write(&mut self, topic: &str, value: &str) -> Result<(), ClientError> {
        let (topic, value) = (Arc::from(topic), Some(value.as_bytes()));
        self.topics.runtime.block_on(async {
            assert!(self.producer.learn(&topic).await?, "no topic {topic}");
            self.producer.begin()?;
            let (partition, timestamp, key, headers) = (Some(0), 0, None, &[][..]);
            self.producer.append(&topic, &RecordToSend { partition, timestamp, key, value, headers, token: 0 })?;
            self.producer.flush()?;
            while self.producer.is_busy() {
                if let ProducerEvent::Failed(error) = self.producer.event().await {
                    return Err(error);
                }
            }
            self.producer.commit().await
        })
    }
}

async fn read(client: &Client, topic: &str, read_committed: bool) -> Vec<Seen> {
    let mut seen = Vec::new();
    read_batches(client, topic, read_committed, |partition, range, batch| {
        for record in batch.open(MAX_DECOMPRESSED).expect("a sound batch").slices() {
            let record = record.expect("a sound record");
            if range.contains(&record.offset) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let (key, value) = (record.key.as_deref().map(text), record.value.as_deref().map(text));
                let headers = record.headers.iter().map(|(name, value)| (text(name), value.as_deref().map(text)));
                let (offset, timestamp, headers) = (record.offset, record.timestamp, headers.collect());
                seen.push(Seen { partition, offset, timestamp, key, value, headers });
            }
        }
    })
    .await;
    seen.sort_by_key(|record| (record.partition, record.offset));
    seen
}

/// Hands over each batch that a topic holds now, with its partition and the offsets that are wanted of it.
async fn read_batches(
    client: &Client,
    topic: &str,
    read_committed: bool,
    mut take: impl FnMut(i32, Range<i64>, &Batch),
) {
    let Some(known) = client.partitions(topic).await.expect("the log answers") else { return };
    let partitions: Vec<i32> = (0..known.leaders.len() as i32).collect();
    let starts = offsets_at(client, topic, &partitions, OffsetAt::Earliest).await.expect("the log answers");
    let end = if read_committed { OffsetAt::Stable } else { OffsetAt::Latest };
    let ends = offsets_at(client, topic, &partitions, end).await.expect("the log answers");
    let config = FetchConfig { max_wait: Duration::from_millis(50), read_committed, ..Default::default() };
    let mut fetcher = Fetcher::new(client.clone(), config);
    let mut missing: Vec<i32> = partitions.into_iter().filter(|one| starts[one] < ends[one]).collect();
    for partition in &missing {
        fetcher.read_from(TopicPartition { topic: topic.into(), partition: *partition }, starts[partition]);
    }
    let since = Instant::now();
    while !missing.is_empty() {
        assert!(since.elapsed() < crate::PATIENCE, "the log does not give {topic} {missing:?}");
        match fetcher.event().await {
            FetchEvent::Records { partition, from, batches, next, .. } => {
                let end = ends[&partition.partition];
                for batch in batches.iter().filter(|batch| !batch.header.is_control()) {
                    take(partition.partition, from..end, batch);
                }
                if next >= end {
                    missing.retain(|one| *one != partition.partition);
                }
            }
            FetchEvent::CaughtUp | FetchEvent::Retrying(_) => {}
            other => panic!("cannot read {topic}: {other:?}"),
        }
    }
}
