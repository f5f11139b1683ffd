//! Values: what a record holds once somebody needs its structure.

use std::sync::Arc;

use bytes::Bytes;

use super::{Decimal, Schema, Text};

/// A value of Kafka Connect's data model. Cloning is cheap for text and bytes, deep for arrays, maps and structs.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// 8 bits, signed.
    Int8(i8),
    /// 16 bits, signed.
    Int16(i16),
    /// 32 bits, signed; also dates (days) and times (milliseconds).
    Int32(i32),
    /// 64 bits, signed; also timestamps (milliseconds).
    Int64(i64),
    /// IEEE 754, 32 bits.
    Float32(f32),
    /// IEEE 754, 64 bits.
    Float64(f64),
    /// Text.
    String(Text),
    /// Bytes.
    Bytes(Bytes),
    /// A decimal number; its schema is `BYTES` named [`logical::DECIMAL`](super::logical::DECIMAL).
    Decimal(Decimal),
    /// A list.
    Array(Vec<Value>),
    /// Keys to values, in order.
    Map(Vec<(Value, Value)>),
    /// Named fields in the order of their schema.
    Struct(Struct),
}

/// A struct: one value for each field of its schema, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    schema: Arc<Schema>,
    values: Vec<Value>,
}

impl Struct {
    /// A struct from all its values. Fewer values than fields are filled up with null; more are cut off.
    pub fn new(schema: Arc<Schema>, mut values: Vec<Value>) -> Struct {
        values.resize(schema.fields().len(), Value::Null);
        Struct { schema, values }
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The values, one for each field.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values, one for each field.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The value of a field; `None` if the schema has no such field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.values.get(self.schema.index_of(field)?)
    }

    /// Replaces the value of a field. False if the schema has no such field.
    pub fn set(&mut self, field: &str, value: Value) -> bool {
        let slot = self.schema.index_of(field).and_then(|index| self.values.get_mut(index));
        slot.map(|slot| *slot = value).is_some()
    }
}

impl Value {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Any integer, widened.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::Int8(number) => Some(i64::from(number)),
            Value::Int16(number) => Some(i64::from(number)),
            Value::Int32(number) => Some(i64::from(number)),
            Value::Int64(number) => Some(number),
            _ => None,
        }
    }

    /// A struct.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Value::Struct(value) => Some(value),
            _ => None,
        }
    }

    /// About how much memory the value takes beyond its own slot, in bytes. Shared buffers count in full.
    pub fn heap_size(&self) -> usize {
        const SLOT: usize = size_of::<Value>();
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Decimal(number) => number.as_str().len(),
            Value::Array(items) => items.iter().map(|item| SLOT + item.heap_size()).sum(),
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| 2 * SLOT + key.heap_size() + value.heap_size()).sum()
            }
            Value::Struct(value) => value.values.iter().map(|item| SLOT + item.heap_size()).sum(),
            _ => 0,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int64(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Boolean(value)
    }
}
