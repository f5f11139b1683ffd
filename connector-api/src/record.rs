//! Records: what a source makes and what a sink receives.

use std::sync::Arc;

use bytes::Bytes;

use crate::data::Payload;

/// A topic's name.
pub type Topic = Arc<str>;

/// A record's headers in order. A name may occur more than once.
pub type Headers = Vec<Header>;

/// A header: a name and a value, which the worker's header converter writes and reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The name.
    pub name: Arc<str>,
    /// The value.
    pub value: Payload,
}

/// A record on its way into the log.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRecord {
    /// Where it goes.
    pub topic: Topic,
    /// The partition; `None` leaves the choice to the key, or to the worker where there is no key.
    pub partition: Option<i32>,
    /// The key.
    pub key: Payload,
    /// The value; null is a tombstone.
    pub value: Payload,
    /// The headers.
    pub headers: Headers,
    /// When it happened, in milliseconds since 1970-01-01 UTC; `None` for the moment of sending.
    pub timestamp: Option<i64>,
}

impl SourceRecord {
    /// A record of a key and a value.
    pub fn new(topic: impl Into<Topic>, key: Payload, value: Payload) -> SourceRecord {
        SourceRecord { topic: topic.into(), partition: None, key, value, headers: Vec::new(), timestamp: None }
    }

    /// About how much memory the record takes, in bytes: what limits on batches count.
    pub fn size(&self) -> usize {
        size_of::<SourceRecord>() + self.key.heap_size() + self.value.heap_size() + headers_size(&self.headers)
    }
}

/// A record out of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkRecord {
    /// The topic, as transforms left it: what a sink derives names of tables, files or indexes from.
    pub topic: Topic,
    /// The partition that holds the record in the log: offsets are counted by it.
    pub origin: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The key.
    pub key: Payload,
    /// The value; null is a tombstone.
    pub value: Payload,
    /// The headers.
    pub headers: Headers,
    /// Milliseconds since 1970-01-01 UTC; `None` where the log has none.
    pub timestamp: Option<i64>,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
}

impl SinkRecord {
    /// A record of a value alone, as it stands at that place in the log.
    pub fn new(origin: TopicPartition, offset: i64, value: Payload) -> SinkRecord {
        let (topic, timestamp_type) = (origin.topic.clone(), TimestampType::CreateTime);
        let (key, headers, timestamp) = (Payload::Null, Vec::new(), None);
        SinkRecord { topic, origin, offset, key, value, headers, timestamp, timestamp_type }
    }

    /// About how much memory the record takes, in bytes.
    pub fn size(&self) -> usize {
        size_of::<SinkRecord>() + self.key.heap_size() + self.value.heap_size() + headers_size(&self.headers)
    }
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The log, when it appended the record.
    LogAppendTime,
}

/// A partition of a topic in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// That partition of that topic.
    pub fn new(topic: impl Into<Topic>, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Bytes as a payload: the shortest way to pass on what needs no reading.
impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Payload {
        Payload::Bytes(bytes)
    }
}

fn headers_size(headers: &Headers) -> usize {
    headers.iter().map(|header| size_of::<Header>() + header.name.len() + header.value.heap_size()).sum()
}
