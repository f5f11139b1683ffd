//! Transforms and predicates: small changes to records between a connector and the log, and which records they are for.
//!
//! The keys `transforms` and `predicates` of a connector name them, in Kafka Connect's way. They see the records of a source before
//! they are converted to bytes, and those for a sink after they have been read.

use crate::config::{Config, Issue};
use crate::connector::Definition;
use crate::data::Payload;
use crate::error::{Failed, Result};
use crate::record::{Headers, SinkRecord, SourceRecord, Topic};

/// The parts of a record that a transform may look at and change, the same for sources and sinks.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformRecord {
    /// The topic. A source writes to it; a sink derives names from it.
    pub topic: Topic,
    /// The partition, where it is set: always for a sink, which takes no notice of changes.
    pub partition: Option<i32>,
    /// The offset in the log, for a sink; nothing comes of changing it.
    pub offset: Option<i64>,
    /// The key.
    pub key: Payload,
    /// The value.
    pub value: Payload,
    /// The headers.
    pub headers: Headers,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Keep,
    /// It goes nowhere, which counts as delivered.
    Drop,
}

/// Which payloads a transform or predicate looks into. Those come as [`Payload::Null`] or [`Payload::Structured`]; the others in
/// whatever form they are, so that JSON that nobody looks into is passed on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Keys.
    pub key: bool,
    /// Values.
    pub value: bool,
}

/// Changes records one by one, in their order. Every task has one of its own, so it may keep caches and counts.
pub trait Transform {
    /// Changes a record.
    ///
    /// What an error does: one that says retry has the same record come again, for as long as `errors.retry.timeout` allows, so it
    /// must have left the record as it was. Every other one, also fail and fatal, and a retry that comes too late, is a record that
    /// cannot be taken: `errors.tolerance` says whether the task goes on without it.
    fn apply(&mut self, record: &mut TransformRecord) -> Result<Fate>;
}

impl dyn Transform + '_ {
    /// [`apply`](Transform::apply) to each of these: the indexes of those that are dropped, and those that failed.
    pub fn apply_all<'r>(&mut self, records: impl Iterator<Item = &'r mut TransformRecord>) -> (Vec<usize>, Failed) {
        let (mut dropped, mut failed) = (Vec::new(), Vec::new());
        for (index, record) in records.enumerate() {
            match self.apply(record) {
                Ok(Fate::Keep) => {}
                Ok(Fate::Drop) => dropped.push(index),
                Err(why) => failed.push((index, why)),
            }
        }
        (dropped, failed)
    }
}

/// A kind of transform, by its class.
pub trait TransformPlugin: Send + Sync + 'static {
    /// Names, version, keys: those behind `transforms.NAME.` but for `type`, `predicate`, `negate` and `plugin.version`.
    fn definition(&self) -> Definition;

    /// What is wrong with a configuration beyond single keys.
    fn validate(&self, _config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// What it looks into with that configuration.
    fn reads(&self, _config: &Config) -> Reads {
        Reads::BOTH
    }

    /// One for a task.
    fn transform(&self, config: &Config) -> Result<Box<dyn Transform>>;
}

/// Says for which records a transform is.
pub trait Predicate {
    /// Whether it is for that record. Errors are those of [`Transform::apply`].
    fn test(&mut self, record: &TransformRecord) -> Result<bool>;
}

impl dyn Predicate + '_ {
    /// [`test`](Predicate::test) for each of these; false for those that failed.
    pub fn test_all<'r>(&mut self, records: impl Iterator<Item = &'r TransformRecord>) -> (Vec<bool>, Failed) {
        let mut failed = Vec::new();
        let tested = records.enumerate().map(|(index, record)| {
            self.test(record).unwrap_or_else(|why| {
                failed.push((index, why));
                false
            })
        });
        (tested.collect(), failed)
    }
}

/// A kind of predicate, by its class.
pub trait PredicatePlugin: Send + Sync + 'static {
    /// Names, version, keys: those behind `predicates.NAME.` but for `type` and `plugin.version`.
    fn definition(&self) -> Definition;

    /// What is wrong with a configuration beyond single keys.
    fn validate(&self, _config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// What it looks into with that configuration.
    fn reads(&self, _config: &Config) -> Reads {
        Reads::NONE
    }

    /// One for a task.
    fn predicate(&self, config: &Config) -> Result<Box<dyn Predicate>>;
}

impl Reads {
    /// Neither.
    pub const NONE: Reads = Reads { key: false, value: false };
    /// Keys alone.
    pub const KEY: Reads = Reads { key: true, value: false };
    /// Values alone.
    pub const VALUE: Reads = Reads { key: false, value: true };
    /// Both.
    pub const BOTH: Reads = Reads { key: true, value: true };

    /// What either looks into.
    pub fn and(self, other: Reads) -> Reads {
        Reads { key: self.key || other.key, value: self.value || other.value }
    }
}

impl TransformRecord {
    /// The parts of a source's record.
    pub fn of_source(record: SourceRecord) -> TransformRecord {
        let SourceRecord { topic, partition, key, value, headers, timestamp } = record;
        TransformRecord { topic, partition, offset: None, key, value, headers, timestamp }
    }

    /// The source's record again.
    pub fn into_source(self) -> SourceRecord {
        let TransformRecord { topic, partition, key, value, headers, timestamp, .. } = self;
        SourceRecord { topic, partition, key, value, headers, timestamp }
    }

    /// The parts of a record for a sink.
    pub fn of_sink(record: &mut SinkRecord) -> TransformRecord {
        TransformRecord {
            topic: record.topic.clone(),
            partition: Some(record.origin.partition),
            offset: Some(record.offset),
            key: std::mem::replace(&mut record.key, Payload::Null),
            value: std::mem::replace(&mut record.value, Payload::Null),
            headers: std::mem::take(&mut record.headers),
            timestamp: record.timestamp,
        }
    }

    /// Puts them back. The record's place in the log stays what it is.
    pub fn into_sink(self, record: &mut SinkRecord) {
        let TransformRecord { topic, key, value, headers, timestamp, .. } = self;
        (record.topic, record.key, record.value, record.headers, record.timestamp) =
            (topic, key, value, headers, timestamp);
    }

    /// Whether the value is null: in whatever form, also as JSON that nobody has looked into, a deletion.
    pub fn is_tombstone(&self) -> bool {
        self.value.is_nothing() || matches!(&self.value, Payload::Json(json) if json.trim_ascii() == b"null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Value;

    #[test]
    fn a_tombstone_is_one_in_whatever_form() {
        let is_tombstone =
            |value| TransformRecord::of_source(SourceRecord::new("t", Payload::Null, value)).is_tombstone();
        let null = Payload::Structured { schema: None, value: Value::Null };
        let json = |text: &'static str| Payload::Json(text.into());
        assert!([Payload::Null, null, json("null"), json(" null\n")].into_iter().all(is_tombstone));
        assert!(![json("{}"), json("\"null\""), Payload::Bytes("null".into())].into_iter().any(is_tombstone));
    }
}
