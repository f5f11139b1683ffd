//! The suite that every sink passes.

use connector_api::config::RawConfig;
use connector_api::conformance::{SinkWorld, check_sink};
use connector_api::{Plugin, SinkRecord, TopicPartition};
use s3_sink::S3Sink;

use crate::world::{World, record, run};

impl SinkWorld for World {
    fn plugin(&self) -> Plugin {
        Plugin::sink(S3Sink)
    }

    fn config(&self) -> RawConfig {
        self.raw()
    }

    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        let record = record(partition.partition, offset, 0);
        SinkRecord { topic: partition.topic.clone(), origin: partition.clone(), ..record }
    }

    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("{} {offset}", partition.partition)
    }

    async fn written(&mut self) -> Vec<String> {
        let stored = self.stored();
        assert!(stored.values().all(|count| *count == 1), "a record is stored twice");
        stored.keys().map(|(partition, offset)| format!("{partition} {offset}")).collect()
    }
}

#[test]
fn the_connector_conforms_with_a_journal() {
    let rules = [("flush.size", "7"), ("partitioner.class", "FieldPartitioner"), ("partition.field.name", "kind")];
    run(check_sink(&mut World::new(&rules)));
}

#[test]
fn the_connector_conforms_without_a_journal() {
    run(check_sink(&mut World::new(&[("flush.size", "7"), ("rotate.idle.ms", "-1")])));
}
