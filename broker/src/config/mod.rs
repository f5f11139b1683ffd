//! The broker's settings: Kafka's keys where Kafka has one.

mod listener;
mod table;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use broker_wire::records::TimestampType;
use thiserror::Error;

pub use listener::Address;
pub use table::{ConfigKey, KEYS};

pub use crate::groups::coordinator::GroupLimits;
pub use crate::groups::membership::JoinLimits;
pub use crate::log::folder::Durability;
pub use crate::log::partition::LogConfig;
pub use crate::transactions::coordinator::TransactionLimits;

/// A key or value that the broker cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The key does not exist.
    #[error("unknown setting {key}{}", .nearest.map(|near| format!(": did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// The key.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },
    /// The value is not possible.
    #[error("{key}={value}: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What would be possible.
        reason: String,
    },
}

/// The broker's settings. [`KEYS`] says what each is for.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// `listeners`.
    pub listeners: Vec<Address>,
    /// `advertised.listeners`: one for each listener, or none.
    pub advertised_listeners: Vec<Address>,
    /// `log.dirs`.
    pub log_dir: PathBuf,
    /// `node.id`.
    pub node_id: i32,
    /// `durability`.
    pub durability: Durability,
    /// `num.partitions`.
    pub num_partitions: u32,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `log.segment.bytes`, `message.max.bytes` and `log.message.timestamp.type`.
    pub log: LogConfig,
    /// `max.connections`, `connections.max.idle.ms` and the other limits of a connection.
    pub connections: ConnectionLimits,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: usize,
    /// `max.partitions.per.request`.
    pub max_partitions_per_request: usize,
    /// `max.partitions`.
    pub max_partitions: usize,
    /// The settings of groups.
    pub groups: GroupLimits,
    /// The settings of transactions.
    pub transactions: TransactionLimits,
    /// The values as they were given, for DescribeConfigs.
    pub given: BTreeMap<String, String>,
}

/// Limits of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `max.connections`.
    pub max: usize,
    /// `connections.max.idle.ms`.
    pub idle_ms: u64,
    /// `socket.request.max.bytes`.
    pub request_max_bytes: usize,
    /// `socket.first.request.max.bytes`.
    pub first_request_max_bytes: usize,
    /// `max.pending.requests.per.connection`.
    pub pending_requests: usize,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        let mut errors = Vec::new();
        Self::read(&BTreeMap::new(), &mut errors)
    }
}

impl BrokerConfig {
    /// Reads settings. All that is wrong is reported, not just the first.
    ///
    /// # Errors
    /// Keys that do not exist and values that are not possible.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self, Vec<ConfigError>> {
        let mut errors: Vec<ConfigError> =
            properties.keys().filter(|key| table::find(key).is_none()).map(|key| unknown(key)).collect();
        let config = Self::read(properties, &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    fn read(properties: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) -> Self {
        let mut read = Reading { properties, errors };
        let listeners = read.addresses("listeners");
        let advertised_listeners = read.addresses("advertised.listeners");
        if !advertised_listeners.is_empty() && advertised_listeners.len() != listeners.len() {
            read.refuse("advertised.listeners", "give one address for each of listeners, in their order");
        }
        let connections = ConnectionLimits {
            max: read.number("max.connections", 1..=1_000_000),
            idle_ms: read.number("connections.max.idle.ms", 1000..=i64::MAX),
            request_max_bytes: read.number("socket.request.max.bytes", 1024..=i64::from(i32::MAX)),
            first_request_max_bytes: read.number("socket.first.request.max.bytes", 1024..=i64::from(i32::MAX)),
            pending_requests: read.number("max.pending.requests.per.connection", 1..=10_000),
        };
        let log = LogConfig {
            segment_bytes: read.number("log.segment.bytes", 1024..=i64::from(i32::MAX)),
            max_message_bytes: read.number("message.max.bytes", 61..=i64::from(i32::MAX)),
            timestamp_type: read.choice(
                "log.message.timestamp.type",
                &[("CreateTime", TimestampType::CreateTime), ("LogAppendTime", TimestampType::LogAppendTime)],
            ),
        };
        for key in ["log.retention.ms", "log.retention.bytes"] {
            read.only(key, "-1", "only -1 is possible: retention is not offered yet, records are kept");
        }
        read.only("default.replication.factor", "1", "only 1 is possible: there is one broker");
        Self {
            listeners,
            advertised_listeners,
            log_dir: read.folder("log.dirs"),
            node_id: read.number("node.id", 0..=i64::from(i32::MAX)),
            durability: read.choice("durability", &[("fsync", Durability::Fsync), ("os", Durability::Os)]),
            num_partitions: read.number("num.partitions", 1..=10_000),
            auto_create_topics: read.choice("auto.create.topics.enable", &[("true", true), ("false", false)]),
            delete_topics: read.choice("delete.topic.enable", &[("true", true), ("false", false)]),
            log,
            connections,
            fetch_max_bytes: read.number("fetch.max.bytes", 1024..=i64::from(i32::MAX)),
            max_partitions_per_request: read.number("max.partitions.per.request", 1..=1_000_000),
            max_partitions: read.number("max.partitions", 1..=1_000_000),
            groups: read.groups(),
            transactions: TransactionLimits {
                max_timeout_ms: read.number("transaction.max.timeout.ms", 1..=i64::from(i32::MAX)),
                id_expiration_ms: read.number("transactional.id.expiration.ms", 1..=i64::from(i32::MAX)),
                journal_partitions: read.number("transaction.state.log.num.partitions", 1..=1000),
            },
            given: properties.clone(),
        }
    }
}

/// The known key that looks most like `key`, if one looks like it at all.
pub fn nearest(key: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let likeness = |known: &'static str| (strsim::normalized_damerau_levenshtein(key, known), known);
    let best = known.map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= 0.6).map(|(_, known)| known)
}

fn unknown(key: &str) -> ConfigError {
    ConfigError::Unknown { key: key.to_owned(), nearest: nearest(key, KEYS.iter().map(|key| key.name)) }
}

/// Reads values and gathers what is wrong with them; a wrong value counts as the default.
struct Reading<'a> {
    properties: &'a BTreeMap<String, String>,
    errors: &'a mut Vec<ConfigError>,
}

impl Reading<'_> {
    fn value(&self, key: &'static str) -> String {
        let default = || table::find(key).map_or("", |key| key.default).to_owned();
        self.properties.get(key).map_or_else(default, |value| value.trim().to_owned())
    }

    fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        let value = self.value(key);
        self.errors.push(ConfigError::Value { key, value, reason: reason.into() });
    }

    fn number<T: TryFrom<i64> + Default>(&mut self, key: &'static str, range: RangeInclusive<i64>) -> T {
        let number = self.value(key).parse::<i64>().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(key, format!("use a number from {} to {}", range.start(), range.end()));
        }
        number.and_then(|number| T::try_from(number).ok()).unwrap_or_default()
    }

    fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> T {
        let value = self.value(key);
        match choices.iter().find(|(name, _)| *name == value) {
            Some((_, choice)) => *choice,
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                self.refuse(key, format!("use {}", names.join(" or ")));
                choices[0].1
            }
        }
    }

    fn only(&mut self, key: &'static str, value: &str, reason: &str) {
        if self.value(key) != value {
            self.refuse(key, reason);
        }
    }

    fn folder(&mut self, key: &'static str) -> PathBuf {
        let value = self.value(key);
        if value.is_empty() || value.contains(',') {
            self.refuse(key, "give one folder");
        }
        PathBuf::from(value)
    }

    fn addresses(&mut self, key: &'static str) -> Vec<Address> {
        let value = self.value(key);
        let mut addresses = Vec::new();
        for text in value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            match Address::from_str(text) {
                Ok(address) => addresses.push(address),
                Err(reason) => self.refuse(key, reason),
            }
        }
        addresses
    }

    fn groups(&mut self) -> GroupLimits {
        GroupLimits {
            join: JoinLimits {
                awaited: None,
                initial_delay_ms: self.number("group.initial.rebalance.delay.ms", 0..=600_000),
                max_size: self.number("group.max.size", 1..=i64::from(i32::MAX)),
            },
            min_session_ms: self.number("group.min.session.timeout.ms", 1..=i64::from(i32::MAX)),
            max_session_ms: self.number("group.max.session.timeout.ms", 1..=i64::from(i32::MAX)),
            max_metadata: self.number("offset.metadata.max.bytes", 0..=32_767),
            journal_partitions: self.number("offsets.topic.num.partitions", 1..=1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<BrokerConfig, Vec<String>> {
        let properties = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let texts = |errors: Vec<ConfigError>| errors.iter().map(ToString::to_string).collect();
        BrokerConfig::from_properties(&properties).map_err(texts)
    }

    #[test]
    fn the_defaults_are_possible() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://127.0.0.1:9092");
        assert_eq!((config.durability, config.num_partitions), (Durability::Fsync, 1));
        assert_eq!(config.log.max_message_bytes, 1_048_588);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let errors = read(&[("num.partition", "3"), ("durability", "maybe"), ("log.retention.ms", "5")]).unwrap_err();
        assert_eq!(
            errors,
            [
                "unknown setting num.partition: did you mean num.partitions?",
                "log.retention.ms=5: only -1 is possible: retention is not offered yet, records are kept",
                "durability=maybe: use fsync or os",
            ]
        );
        let errors = read(&[("zookeeper.connect", "x"), ("listeners", "SSL://:9")]).unwrap_err();
        assert_eq!(errors[0], "unknown setting zookeeper.connect");
        assert!(errors[1].starts_with("listeners=SSL://:9: "), "{}", errors[1]);
    }

    #[test]
    fn each_listener_has_its_advertised_address() {
        let config = read(&[
            ("listeners", "PLAINTEXT://0.0.0.0:9092, PLAINTEXT://127.0.0.1:0"),
            ("advertised.listeners", "PLAINTEXT://log.example:9092,PLAINTEXT://[::1]:9093"),
        ]);
        let advertised = config.unwrap().advertised_listeners;
        assert_eq!((advertised[1].host.as_str(), advertised[1].port), ("::1", 9093));
        assert!(read(&[("advertised.listeners", "PLAINTEXT://a:1,PLAINTEXT://b:2")]).is_err());
    }

    #[test]
    fn the_manual_lists_every_key_as_the_table_has_it() {
        let manual = include_str!("../../README.md");
        for key in KEYS {
            let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
            let row = format!("| `{}` | {default} | {} |", key.name, key.meaning);
            assert!(manual.contains(&row), "README.md lacks this row:\n{row}");
        }
    }

    #[test]
    fn every_key_has_a_meaning_and_stands_once() {
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        assert!(KEYS.iter().all(|key| !key.meaning.is_empty()));
        assert!(names.is_sorted());
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
    }
}
