//! What can be configured about a topic: Kafka's keys, as far as they mean something here.

use std::collections::BTreeMap;

use broker_wire::records::TimestampType;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::log::partition::LogConfig;

/// One key: its default, kind and meaning.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name of the key.
    pub name: &'static str,
    /// Value where nobody sets it; an empty one is the broker's setting.
    pub default: &'static str,
    /// Type number of DescribeConfigs.
    pub kind: i8,
    /// What it is for.
    pub meaning: &'static str,
}

const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;
const LIST: i8 = 7;

/// Every key that a topic knows.
pub const KEYS: &[Key] = &[
    Key {
        name: "cleanup.policy",
        default: "delete",
        kind: LIST,
        meaning: "delete or compact. Compaction is not offered yet: a compacted topic keeps everything, which is a legal state of one.",
    },
    Key {
        name: "compression.type",
        default: "producer",
        kind: STRING,
        meaning: "Only producer: batches are stored as they came.",
    },
    Key {
        name: "max.message.bytes",
        default: "",
        kind: INT,
        meaning: "Largest record batch in bytes; without it message.max.bytes of the broker.",
    },
    Key {
        name: "message.timestamp.type",
        default: "CreateTime",
        kind: STRING,
        meaning: "CreateTime keeps the producer's timestamps, LogAppendTime sets the broker's.",
    },
    Key {
        name: "min.insync.replicas",
        default: "1",
        kind: INT,
        meaning: "Only 1: there is one replica, and it is synced before it acknowledges.",
    },
    Key {
        name: "retention.bytes",
        default: "-1",
        kind: LONG,
        meaning: "Only -1: records are not deleted by size yet.",
    },
    Key { name: "retention.ms", default: "-1", kind: LONG, meaning: "Only -1: records are not deleted by age yet." },
    Key {
        name: "segment.bytes",
        default: "",
        kind: INT,
        meaning: "Size in bytes at which a new segment is started; without it log.segment.bytes of the broker.",
    },
];

/// A key or value that a topic cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicConfigError {
    /// The key does not exist here.
    #[error("unknown topic config {key}{}", .nearest.map(|near| format!(": did you mean {near}?")).unwrap_or_default())]
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
        reason: &'static str,
    },
}

/// The configs that were set for a topic; everything else is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicConfig {
    set: BTreeMap<String, String>,
}

impl TopicConfig {
    /// Checks keys and values. A null value sets the default, as Kafka does.
    ///
    /// # Errors
    /// The first key or value that is not possible.
    pub fn new<'a>(configs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<Self, TopicConfigError> {
        let mut set = BTreeMap::new();
        for (name, value) in configs {
            let key = find(name)?;
            if let Some(value) = value {
                check(key, value)?;
                set.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(Self { set })
    }

    /// The value that was set for a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.set.get(key).map(String::as_str)
    }

    /// What the partitions' logs need to know; `broker` has what is not set.
    pub fn log(&self, broker: &LogConfig) -> LogConfig {
        let number = |key| self.get(key).and_then(|value| value.parse().ok());
        LogConfig {
            segment_bytes: number("segment.bytes").unwrap_or(broker.segment_bytes),
            max_message_bytes: number("max.message.bytes").map_or(broker.max_message_bytes, |bytes| bytes as usize),
            timestamp_type: match self.get("message.timestamp.type") {
                Some("LogAppendTime") => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
        }
    }
}

fn find(name: &str) -> Result<&'static Key, TopicConfigError> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let nearest = crate::config::nearest(name, KEYS.iter().map(|key| key.name));
        TopicConfigError::Unknown { key: name.chars().take(100).collect(), nearest }
    })
}

fn check(key: &'static Key, value: &str) -> Result<(), TopicConfigError> {
    let number = value.parse::<i64>().ok();
    let wrong = match key.name {
        "cleanup.policy" if !value.split(',').all(|policy| matches!(policy.trim(), "delete" | "compact")) => {
            "use delete, compact, or both with a comma"
        }
        "compression.type" if value != "producer" => "only producer is offered: batches are stored as they came",
        "max.message.bytes" if number.is_none_or(|bytes| !(0..=i64::from(i32::MAX)).contains(&bytes)) => {
            "use a number of bytes"
        }
        "message.timestamp.type" if !matches!(value, "CreateTime" | "LogAppendTime") => {
            "use CreateTime or LogAppendTime"
        }
        "min.insync.replicas" if number != Some(1) => "only 1 is possible: there is one replica",
        "retention.ms" | "retention.bytes" if number != Some(-1) => {
            "only -1 is possible: retention is not offered yet, records are kept"
        }
        "segment.bytes" if number.is_none_or(|bytes| !(MIN_SEGMENT..=i64::from(i32::MAX)).contains(&bytes)) => {
            "use a number of bytes from 1024 to 2147483647"
        }
        _ => return Ok(()),
    };
    Err(TopicConfigError::Value { key: key.name, value: value.chars().take(100).collect(), reason: wrong })
}

/// Smallest `segment.bytes`.
pub const MIN_SEGMENT: i64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> Result<TopicConfig, TopicConfigError> {
        TopicConfig::new([(key, Some(value))])
    }

    #[test]
    fn what_is_not_offered_is_refused_with_a_sentence() {
        for (key, value) in [
            ("retention.ms", "604800000"),
            ("compression.type", "zstd"),
            ("min.insync.replicas", "2"),
            ("segment.bytes", "many"),
            ("max.message.bytes", "-1"),
            ("cleanup.policy", "shred"),
        ] {
            let error = one(key, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{key}={value}: ")), "{error}");
        }
        for (key, value) in [("retention.ms", "-1"), ("cleanup.policy", "compact,delete"), ("segment.bytes", "1024")] {
            assert_eq!(one(key, value).unwrap().get(key), Some(value));
        }
    }

    #[test]
    fn a_misspelled_key_names_its_neighbour() {
        let error = one("retension.ms", "-1").unwrap_err().to_string();
        assert_eq!(error, "unknown topic config retension.ms: did you mean retention.ms?");
    }

    #[test]
    fn a_null_value_is_the_default_and_defaults_come_from_the_broker() {
        let config = TopicConfig::new([("max.message.bytes", None)]).unwrap();
        let broker = LogConfig { segment_bytes: 7, max_message_bytes: 9, timestamp_type: TimestampType::CreateTime };
        assert_eq!(config.log(&broker), broker);
        let config = TopicConfig::new([("message.timestamp.type", Some("LogAppendTime"))]).unwrap();
        assert_eq!(config.log(&broker).timestamp_type, TimestampType::LogAppendTime);
    }
}
