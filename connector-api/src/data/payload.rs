//! Keys and values of records on their way.

use std::sync::Arc;

use bytes::Bytes;

use super::{Schema, Value};

/// A record's key or value. It stays bytes until somebody needs its structure.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// No key; or no value, which a compacted topic takes as a deletion (a tombstone).
    Null,
    /// Bytes of which nothing is known.
    Bytes(Bytes),
    /// One JSON text, complete and valid, without a schema around it.
    Json(Bytes),
    /// A value, with its schema where there is one.
    Structured {
        /// What the value is made of; `None` where nothing says so.
        schema: Option<Arc<Schema>>,
        /// The value.
        value: Value,
    },
}

/// The form in which a sink asks for keys or values.
///
/// The worker decodes, checks or passes on accordingly, and a record that cannot be given in that form never reaches
/// the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As [`Payload::Bytes`]: what the log holds, unread.
    Bytes,
    /// As [`Payload::Json`]: bytes that are JSON already are checked and passed on.
    Json,
    /// As [`Payload::Structured`].
    Structured,
}

impl Payload {
    /// Text without a schema.
    pub fn text(text: impl Into<super::Text>) -> Payload {
        Payload::Structured { schema: None, value: Value::String(text.into()) }
    }

    /// A value with its schema.
    pub fn structured(schema: Arc<Schema>, value: Value) -> Payload {
        Payload::Structured { schema: Some(schema), value }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Payload::Null)
    }

    /// Whether there is nothing, in whatever form: also a value that is null.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Payload::Null | Payload::Structured { value: Value::Null, .. })
    }

    /// The bytes of a payload that is bytes or JSON.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Payload::Bytes(bytes) | Payload::Json(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value of a structured payload.
    pub fn as_value(&self) -> Option<&Value> {
        match self {
            Payload::Structured { value, .. } => Some(value),
            _ => None,
        }
    }

    /// About how much memory the payload takes beyond its own slot, in bytes.
    pub fn heap_size(&self) -> usize {
        match self {
            Payload::Null => 0,
            Payload::Bytes(bytes) | Payload::Json(bytes) => bytes.len(),
            Payload::Structured { value, .. } => value.heap_size(),
        }
    }
}
