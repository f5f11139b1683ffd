//! The settings of a task's producer or consumer: the worker's, and the connector's own above them.

use std::time::Duration;

use broker_client::{FetchConfig, ProducerConfig};
use broker_wire::records::Compression;
use connector_api::config::{Config, ConfigDef, Issue, RawConfig};

use super::client_keys::{consumer_keys, producer_keys};
use super::raw::{at_whole_key, behind};

/// How a sink reads.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// The most records in one call of the sink.
    pub max_poll_records: usize,
    /// Begin at the first record of a partition without a committed offset; at its end otherwise.
    pub from_earliest: bool,
    /// How to fetch.
    pub fetch: FetchConfig,
    /// See [`broker_client::MemberConfig::session_timeout`].
    pub session_timeout: Duration,
    /// See [`broker_client::MemberConfig::heartbeat_interval`].
    pub heartbeat_interval: Duration,
    /// See [`broker_client::MemberConfig::rebalance_timeout`].
    pub rebalance_timeout: Duration,
    /// The group, if it is not the usual one.
    pub group: Option<String>,
}

impl ConsumerSettings {
    /// The group of a sink: its own, or the usual one.
    pub fn group_of(&self, connector: &str) -> String {
        self.group.clone().unwrap_or_else(|| format!("connect-{connector}"))
    }
}

/// The settings behind a prefix in two layers: the worker's (`producer.`) and the connector's (`producer.override.`).
fn layered(worker: &RawConfig, connector: &RawConfig, kind: &str) -> RawConfig {
    let mut all = behind(worker, &format!("{kind}."));
    all.extend(behind(connector, &format!("{kind}.override.")));
    all
}

fn checked(def: &ConfigDef, raw: &RawConfig, prefix: &str) -> (Config, Vec<Issue>) {
    let checked = def.check(raw);
    (checked.config, checked.issues.into_iter().map(|issue| at_whole_key(issue, prefix)).collect())
}

/// What there is to say about `producer.*` or `consumer.*` in a worker's configuration.
pub fn worker_issues(worker: &RawConfig) -> Vec<Issue> {
    let none = RawConfig::new();
    let mut issues = checked(&producer_keys(), &layered(worker, &none, "producer"), "producer.").1;
    issues.extend(checked(&consumer_keys(), &layered(worker, &none, "consumer"), "consumer.").1);
    issues
}

/// What there is to say about `producer.override.*` or `consumer.override.*` in a connector's configuration.
pub fn override_issues(connector: &RawConfig, is_source: bool) -> Vec<Issue> {
    let none = RawConfig::new();
    if is_source {
        checked(&producer_keys(), &layered(&none, connector, "producer"), "producer.override.").1
    } else {
        checked(&consumer_keys(), &layered(&none, connector, "consumer"), "consumer.override.").1
    }
}

/// The producer of a source's task.
pub fn producer_config(worker: &RawConfig, connector: &RawConfig) -> ProducerConfig {
    let (config, _) = checked(&producer_keys(), &layered(worker, connector, "producer"), "producer.");
    let codec = config.text("compression.type").to_ascii_lowercase();
    let request_bytes = config.count("max.request.size");
    ProducerConfig {
        compression: Compression::ALL.into_iter().find(|known| known.name() == codec).unwrap_or_default(),
        batch_bytes: config.count("batch.size").min(request_bytes),
        request_bytes,
        max_in_flight: config.count("max.in.flight.requests.per.connection").max(1),
        request_timeout: config.millis("request.timeout.ms"),
        idempotent: config.boolean("enable.idempotence"),
        acks: if config.text("acks") == "1" { 1 } else { -1 },
        ..ProducerConfig::default()
    }
}

/// How long the log lets a transaction of a source's task be open.
pub fn transaction_timeout(worker: &RawConfig, connector: &RawConfig) -> Duration {
    let (config, _) = checked(&producer_keys(), &layered(worker, connector, "producer"), "producer.");
    config.millis("transaction.timeout.ms")
}

/// The consumer of a sink's task.
pub fn consumer_settings(worker: &RawConfig, connector: &RawConfig) -> ConsumerSettings {
    let (config, _) = checked(&consumer_keys(), &layered(worker, connector, "consumer"), "consumer.");
    let bytes = |key: &str| i32::try_from(config.count(key)).unwrap_or(i32::MAX);
    ConsumerSettings {
        max_poll_records: config.count("max.poll.records").max(1),
        from_earliest: !config.text("auto.offset.reset").eq_ignore_ascii_case("latest"),
        fetch: FetchConfig {
            max_wait: config.millis("fetch.max.wait.ms"),
            min_bytes: bytes("fetch.min.bytes"),
            max_bytes: bytes("fetch.max.bytes"),
            partition_bytes: bytes("max.partition.fetch.bytes"),
            read_committed: config.text("isolation.level").eq_ignore_ascii_case("read_committed"),
        },
        session_timeout: config.millis("session.timeout.ms"),
        heartbeat_interval: config.millis("heartbeat.interval.ms"),
        rebalance_timeout: config.millis("max.poll.interval.ms"),
        group: config.optional("group.id").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_connector_s_override_wins_over_the_worker_s_setting() {
        let worker =
            raw(&[("producer.batch.size", "1000"), ("producer.acks", "1"), ("consumer.max.poll.records", "7")]);
        let connector =
            raw(&[("producer.override.batch.size", "2000"), ("producer.override.compression.type", "ZSTD")]);
        let config = producer_config(&worker, &connector);
        assert_eq!((config.batch_bytes, config.acks, config.compression), (2000, 1, Compression::Zstd));
        assert_eq!(consumer_settings(&worker, &connector).max_poll_records, 7);
    }

    #[test]
    fn issues_name_the_key_as_the_user_wrote_it() {
        let issues =
            override_issues(&raw(&[("producer.override.batch.siez", "1"), ("producer.override.acks", "0")]), true);
        let said: Vec<String> = issues.iter().map(ToString::to_string).collect();
        assert!(said[0].contains("`producer.override.acks` is wrong: it must be one of"), "{said:?}");
        assert!(said[1].starts_with("`producer.override.batch.siez` is not a known key"), "{said:?}");
        assert!(said[1].contains("nearest known key is `batch.size`"), "{said:?}");
    }
}
