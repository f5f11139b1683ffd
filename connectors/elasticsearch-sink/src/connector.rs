//! The connector, as the worker sees it.

use connector_api::config::{Config, Issue};
use connector_api::data::Format;
use connector_api::{Definition, Formats, SinkConnector};

use crate::config::keys;
use crate::task::ElasticsearchSinkTask;
use crate::validate;

/// Writes the records of topics into indexes of Elasticsearch or OpenSearch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ElasticsearchSink;

impl SinkConnector for ElasticsearchSink {
    type Task = ElasticsearchSinkTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            aliases: &["elasticsearch-sink", "opensearch-sink"],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Writes the records of topics into indexes of Elasticsearch or OpenSearch.",
            config: keys::definition(),
        }
    }

    fn task(&self) -> ElasticsearchSinkTask {
        ElasticsearchSinkTask::default()
    }

    /// JSON, so that records that are JSON already go through as the bytes that they are; mappings need the schemas.
    fn formats(&self, config: &Config) -> Formats {
        let value = if config.boolean("schema.ignore") { Format::Json } else { Format::Structured };
        Formats { key: Format::Json, value }
    }

    async fn validate(&self, config: &Config) -> Vec<Issue> {
        validate::validate(config).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_to_its_names() {
        let definition = ElasticsearchSink.definition();
        for name in ["ElasticsearchSinkConnector", "ElasticsearchSink", "elasticsearch-sink", "opensearch-sink"] {
            assert!(definition.answers_to(name), "{name}");
        }
    }
}
