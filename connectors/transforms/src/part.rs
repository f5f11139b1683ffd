//! A record's key or value, taken out of the record to be changed.

use std::sync::Arc;

use connector_api::data::{Payload, Schema, Struct, Text, Value};

use crate::refusal::Refusal;

/// What a transform works on: a value and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// The schema, where there is one. A null value may have one too.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

/// The entries of a map in their order.
pub(crate) type Entries = Vec<(Value, Value)>;

const NULL_REMEDY: &str = "To let such records pass, give the transform a `predicate` of type `RecordIsTombstone` and \
                           `negate=true`.";

impl Part {
    /// A value without a schema.
    pub fn plain(value: Value) -> Part {
        Part { schema: None, value }
    }

    /// A value with a schema.
    pub fn typed(schema: Arc<Schema>, value: Value) -> Part {
        Part { schema: Some(schema), value }
    }

    /// A struct with its own schema.
    pub fn structure(schema: Arc<Schema>, values: Vec<Value>) -> Part {
        Part::typed(schema.clone(), Value::Struct(Struct::new(schema, values)))
    }

    /// Takes a payload apart. A struct that comes without a schema beside it has its own.
    pub fn of(payload: Payload) -> Result<Part, Refusal> {
        match payload {
            Payload::Null => Ok(Part::plain(Value::Null)),
            Payload::Bytes(bytes) => Ok(Part::plain(Value::Bytes(bytes))),
            Payload::Json(_) => Err(Refusal::new("it is JSON text that has not been read")),
            Payload::Structured { schema: None, value: Value::Struct(value) } => {
                Ok(Part::typed(value.schema().clone(), Value::Struct(value)))
            }
            Payload::Structured { schema, value } => Ok(Part { schema, value }),
        }
    }

    /// The payload again. Null without a schema is no payload at all, such as a tombstone.
    pub fn into_payload(self) -> Payload {
        match self {
            Part { schema: None, value: Value::Null } => Payload::Null,
            Part { schema, value } => Payload::Structured { schema, value },
        }
    }
}

/// The entries of a value without a schema, which must be a map.
pub(crate) fn entries(value: Value) -> Result<Entries, Refusal> {
    match value {
        Value::Map(entries) => Ok(entries),
        other => Err(without_fields(&other)),
    }
}

/// A value with a schema, which must be a struct.
pub(crate) fn structure(value: Value) -> Result<Struct, Refusal> {
    match value {
        Value::Struct(value) => Ok(value),
        other => Err(without_fields(&other)),
    }
}

pub(crate) fn without_fields(value: &Value) -> Refusal {
    match value {
        Value::Null => Refusal::new("it is null, which has no fields").remedy(NULL_REMEDY),
        other => Refusal::new(format!("it is {}, which has no fields", kind_of(other))),
    }
}

/// Where the entry of that name stands.
pub(crate) fn position(entries: &Entries, name: &str) -> Option<usize> {
    entries.iter().position(|(key, _)| key.as_str() == Some(name))
}

/// The value of the entry of that name; null if there is none.
pub(crate) fn get(entries: &Entries, name: &str) -> Value {
    let found = entries.iter().find(|(key, _)| key.as_str() == Some(name));
    found.map_or(Value::Null, |(_, value)| value.clone())
}

/// Sets the entry of that name: in its place if it is there, at the end if it is not.
pub(crate) fn put(entries: &mut Entries, name: &Text, value: Value) {
    match position(entries, name).and_then(|at| entries.get_mut(at)) {
        Some((_, old)) => *old = value,
        None => entries.push((Value::String(name.clone()), value)),
    }
}

/// A value's type in words, with its article.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Int8(_) => "an int8",
        Value::Int16(_) => "an int16",
        Value::Int32(_) => "an int32",
        Value::Int64(_) => "an int64",
        Value::Float32(_) => "a float32",
        Value::Float64(_) => "a float64",
        Value::String(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Decimal(_) => "a decimal",
        Value::Array(_) => "an array",
        Value::Map(_) => "a map",
        Value::Struct(_) => "a struct",
    }
}
