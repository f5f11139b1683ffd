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

    const BEGIN: &str = "<!-- keys: generated, see the test in src/connector.rs -->\n";
    const END: &str = "<!-- end of keys -->";

    #[test]
    fn the_readme_lists_the_keys_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (table, after) = rest.split_once(END).unwrap();
        let expected = keys::definition().markdown();
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        } else {
            assert!(table == expected, "README.md is behind; run the test with UPDATE_README=1");
        }
    }

    #[test]
    fn it_answers_to_its_names() {
        let definition = ElasticsearchSink.definition();
        for name in ["ElasticsearchSinkConnector", "ElasticsearchSink", "elasticsearch-sink", "opensearch-sink"] {
            assert!(definition.answers_to(name), "{name}");
        }
    }
}
