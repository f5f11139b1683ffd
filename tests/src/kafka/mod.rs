//! A private cluster of Apache Kafka, and Kafka Connect, from Maven Central (`tests/kafka-server` gets them).
//!
//! Everything runs in a temporary folder on free ports of 127.0.0.1 and ends with the process that started it, however that
//! ends. Methods panic with the reason when something fails, as tests should.

mod cluster;
mod connect;
mod distribution;
mod janitor;
mod options;

pub use cluster::KafkaCluster;
pub use connect::KafkaConnect;
pub use options::{KafkaListener, KafkaOptions};
