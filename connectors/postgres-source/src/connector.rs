//! The connector, as the worker sees it.

use connector_api::config::{Config, Issue, RawConfig};
use connector_api::{Definition, Error, ExactlyOnce, Position, Result, SourceConnector};

use crate::config::{Settings, SnapshotMode, keys};
use crate::position::{self, Stored};
use crate::task::PostgresTask;
use crate::validate;

/// Streams the tables of a PostgreSQL database into topics.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresConnector;

impl SourceConnector for PostgresConnector {
    type Task = PostgresTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "io.debezium.connector.postgresql.PostgresConnector",
            aliases: &["postgres-source", "postgresql", "postgres"],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Streams the tables of a PostgreSQL database into topics: all rows first, then every change.",
            config: keys::definition(),
        }
    }

    fn task(&self) -> PostgresTask {
        PostgresTask::default()
    }

    /// One task: a slot has one reader.
    async fn split(&self, config: &Config, _: usize) -> Result<Vec<RawConfig>> {
        let mut task = config.raw().clone();
        task.insert("task.class".to_owned(), "io.debezium.connector.postgresql.PostgresConnectorTask".to_owned());
        Ok(vec![task])
    }

    async fn validate(&self, config: &Config) -> Vec<Issue> {
        validate::validate(config).await
    }

    /// Positions in the stream name each change. A snapshot that is cut off begins again, so its rows may come twice.
    fn exactly_once(&self, config: &Config) -> ExactlyOnce {
        match Settings::new(config) {
            Ok(settings) if settings.snapshot.mode == SnapshotMode::NoData => ExactlyOnce::Supported,
            _ => ExactlyOnce::Unsupported,
        }
    }

    async fn check_positions(&self, config: &Config, positions: &[Position]) -> Result<()> {
        let settings = Settings::new(config)?;
        let ours = position::partition(&settings.records.prefix);
        for Position { partition, offset } in positions {
            if *partition != ours {
                let prefix = &settings.records.prefix;
                return Err(Error::reject(format!("the connector's only partition is {{\"server\": \"{prefix}\"}}")));
            }
            if offset.as_ref().is_some_and(|offset| Stored::from_offset(offset).is_none()) {
                return Err(Error::reject(
                    "an offset needs `lsn`, as a number; and a `naru_phase`, if it has one, must be known",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_one_task_under_its_original_s_name() {
        let config = keys::definition().check(&RawConfig::from([("topic.prefix".into(), "p".into())])).config;
        let tasks = PostgresConnector.split(&config, 5).await.unwrap();
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0]["topic.prefix"], "p");
        assert_eq!(tasks[0]["task.class"], "io.debezium.connector.postgresql.PostgresConnectorTask");
    }

    #[test]
    fn only_a_stream_without_a_snapshot_is_exactly_once() {
        let pairs =
            [("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d"), ("topic.prefix", "p")];
        let with = |mode: &str| {
            let mut raw: connector_api::config::RawConfig =
                pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            raw.insert("snapshot.mode".into(), mode.into());
            PostgresConnector.exactly_once(&keys::definition().check(&raw).config)
        };
        assert_eq!(with("no_data"), ExactlyOnce::Supported);
        assert_eq!(with("initial"), ExactlyOnce::Unsupported);
    }
}
