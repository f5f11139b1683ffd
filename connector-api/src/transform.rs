//! Transforms: small changes to records between a connector and the log.

use crate::data::Payload;
use crate::error::Result;
use crate::record::{Headers, Topic};

/// The parts of a record that a transform may change, the same for sources and sinks.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformRecord {
    /// The topic.
    pub topic: Topic,
    /// The partition, where it is set.
    pub partition: Option<i32>,
    /// The key.
    pub key: Payload,
    /// The value.
    pub value: Payload,
    /// The headers.
    pub headers: Headers,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
}

/// Changes records one by one. Payloads come structured.
pub trait Transform: Send {
    /// The changed record; `None` drops it, which counts as delivered.
    fn apply(&mut self, record: TransformRecord) -> Result<Option<TransformRecord>>;
}
