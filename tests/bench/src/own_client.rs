//! Our own client: a million records in, a million records out.

use std::sync::Arc;

use broker_client::admin::{NewTopic, OffsetAt, create_topics, offsets_at};
use broker_client::{
    Client, ClientConfig, FetchConfig, FetchEvent, Fetcher, Producer, ProducerConfig, ProducerEvent, RecordToSend,
    TopicPartition, Transport,
};
use broker_wire::records::MAX_DECOMPRESSED;

/// Records that are moved.
pub const RECORDS: u64 = 1_000_000;

/// Records in a batch.
pub const BATCH: usize = 500;

/// A key of 16 and a value of 184 bytes.
pub fn record(n: u64) -> (String, String) {
    let head = format!("{{\"id\":{n},\"fill\":\"");
    let fill = "x".repeat(184 - head.len() - 2);
    (format!("{n:016}"), format!("{head}{fill}\"}}"))
}

/// A client.
pub fn client(transport: Arc<dyn Transport>, port: u16) -> Client {
    let config = ClientConfig { bootstrap: vec![("127.0.0.1".to_owned(), port)], ..ClientConfig::default() };
    Client::new(config, transport)
}

/// Makes a topic with one partition.
pub async fn make_topic(client: &Client, name: &str) {
    let topic = NewTopic { name: name.to_owned(), partitions: 1, replication_factor: 1, configs: [].into() };
    create_topics(client, &[topic]).await.expect("the log answers").remove(0).expect("the topic is made");
}

/// Writes all records, acknowledged durably; bytes of the batches.
pub async fn produce(client: &Client, topic: &str) -> u64 {
    let records: Vec<(String, String)> = (0..BATCH as u64).map(record).collect();
    let bytes: usize = records.iter().map(|(key, value)| key.len() + value.len()).sum();
    // What ends a batch is the flush.
    let mut producer = Producer::open(client.clone(), ProducerConfig::default()).await.expect("a producer");
    let topic: Arc<str> = topic.into();
    assert!(producer.learn(&topic).await.expect("the log answers"));
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < RECORDS {
        while sent < RECORDS && sent - acknowledged < (BATCH * 8) as u64 {
            for (key, value) in &records {
                let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
                let to_send = RecordToSend { partition: Some(0), timestamp: 0, key, value, headers: &[], token: 0 };
                producer.append(&topic, &to_send).expect("a record");
            }
            sent += BATCH as u64;
            producer.flush().expect("a batch");
        }
        match producer.event().await {
            ProducerEvent::Acknowledged(done) => {
                acknowledged += done.iter().map(|one| u64::from(one.records)).sum::<u64>()
            }
            other => panic!("{other:?}"),
        }
    }
    RECORDS / BATCH as u64 * (bytes as u64 + BATCH as u64 * 11)
}

/// Reads all records, each looked at.
pub async fn consume(client: &Client, topic: &str) {
    let end = offsets_at(client, topic, &[0], OffsetAt::Latest).await.expect("the log answers")[&0];
    let mut fetcher = Fetcher::new(client.clone(), FetchConfig::default());
    fetcher.read_from(TopicPartition { topic: topic.into(), partition: 0 }, 0);
    let (mut next, mut bytes) = (0, 0);
    while next < end {
        let FetchEvent::Records { batches, .. } = fetcher.event().await else { continue };
        for batch in batches {
            let open = batch.open(MAX_DECOMPRESSED).expect("a sound batch");
            for record in open.records() {
                let record = record.expect("a sound record");
                bytes += record.value.map_or(0, <[u8]>::len);
                next = record.offset + 1;
            }
        }
    }
    assert_eq!(bytes as u64, RECORDS * 184);
}
