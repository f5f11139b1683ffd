//! The topic that sinks read.

use std::sync::Arc;

use broker_client::admin::{NewTopic, create_topics};
use broker_client::{Producer, ProducerConfig, ProducerEvent, RecordToSend, Tcp};
use naru_tests::Worker;

use super::RECORDS;
use crate::own_client::client;

/// Its name.
pub const TOPIC: &str = "bench";

/// Its partitions, in most runs.
pub const PARTITIONS: i32 = 4;

/// How many different values the field `group` has in each of them.
pub const GROUPS: u64 = 250;

/// The key and the value of a record: JSON of about 200 bytes.
pub fn record(n: u64) -> (String, String) {
    let head =
        format!("{{\"id\":{n},\"group\":{},\"price\":{}.25,\"name\":\"item {n}\",\"note\":\"", n / 4 % GROUPS, n % 997);
    let fill = "some words about it ".repeat(8);
    let left = 200usize.saturating_sub(head.len() + 2);
    (n.to_string(), format!("{head}{}\"}}", &fill[..left.min(fill.len())]))
}

/// Writes a million records, spread over the partitions in turns.
pub fn fill(worker: &Worker, partitions: i32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = client(Arc::new(Tcp::default()), worker.log_port());
        let topic = NewTopic { name: TOPIC.to_owned(), partitions, replication_factor: 1, configs: [].into() };
        create_topics(&client, &[topic]).await.expect("the log answers").remove(0).expect("the topic is made");
        let mut producer = Producer::open(client, ProducerConfig::default()).await.expect("a producer");
        let topic: Arc<str> = TOPIC.into();
        assert!(producer.learn(&topic).await.expect("the log answers"));
        let (mut sent, mut acknowledged) = (0, 0);
        while acknowledged < RECORDS {
            while sent < RECORDS && sent - acknowledged < 40_000 {
                let (key, value) = record(sent);
                let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
                let partition = Some((sent % partitions as u64) as i32);
                let to_send = RecordToSend { partition, timestamp: 0, key, value, headers: &[], token: 0 };
                producer.append(&topic, &to_send).expect("a record");
                sent += 1;
            }
            if sent == RECORDS {
                producer.flush().expect("a batch");
            }
            match producer.event().await {
                ProducerEvent::Acknowledged(done) => {
                    acknowledged += done.iter().map(|one| u64::from(one.records)).sum::<u64>();
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
