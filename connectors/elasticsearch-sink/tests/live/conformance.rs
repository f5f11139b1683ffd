//! The suite that every sink passes.

use connector_api::config::RawConfig;
use connector_api::conformance::{SinkWorld, check_sink};
use connector_api::data::Payload;
use connector_api::{Plugin, SinkRecord, TopicPartition};

use crate::shared::{SERVER, record};

struct World;

impl SinkWorld for World {
    fn plugin(&self) -> Plugin {
        elasticsearch_sink::plugin()
    }

    fn config(&self) -> RawConfig {
        SERVER.config()
    }

    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        let id = self.identity(partition, offset);
        let record = record("conformance", offset, &format!("\"{id}\""), &format!("{{\"id\":\"{id}\"}}"));
        SinkRecord { origin: partition.clone(), ..record }
    }

    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("{partition} {offset}")
    }

    /// The field is text by then.
    fn hopeless(&self, partition: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        let record = self.record(partition, offset);
        Some(SinkRecord { value: Payload::Json("{\"id\":{\"no\":\"text\"}}".into()), ..record })
    }

    async fn written(&mut self) -> Vec<String> {
        SERVER.documents("conformance").into_keys().collect()
    }
}

#[tokio::test]
async fn the_connector_conforms() {
    check_sink(&mut World).await;
}
