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
#[derive(Clone, Debug)]
pub struct Struct {
    schema: Arc<Schema>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Own(Vec<Value>),
    Shared(Arc<[Value]>),
}

impl Struct {
    /// A struct from all its values. Fewer values than fields are filled up with null; more are cut off.
    pub fn new(schema: Arc<Schema>, mut values: Vec<Value>) -> Struct {
        values.resize(schema.fields().len(), Value::Null);
        Struct { schema, values: Values::Own(values) }
    }

    /// The same struct, cheap to clone. Worth it where many records hold one that is the same in all of them:
    /// converters write such a struct once.
    pub fn into_shared(self) -> Struct {
        let schema = self.schema.clone();
        Struct { schema, values: Values::Shared(self.into_values().into()) }
    }

    /// Whether this was made by [`into_shared`](Self::into_shared).
    pub fn is_shared(&self) -> bool {
        matches!(self.values, Values::Shared(_))
    }

    /// Whether both are clones of one shared struct.
    pub fn is_same(&self, other: &Struct) -> bool {
        match (&self.values, &other.values) {
            (Values::Shared(own), Values::Shared(others)) => {
                Arc::ptr_eq(own, others) && Arc::ptr_eq(&self.schema, &other.schema)
            }
            _ => false,
        }
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The values, one for each field.
    pub fn values(&self) -> &[Value] {
        match &self.values {
            Values::Own(values) => values,
            Values::Shared(values) => values,
        }
    }

    /// The values, one for each field.
    pub fn into_values(self) -> Vec<Value> {
        match self.values {
            Values::Own(values) => values,
            Values::Shared(values) => values.to_vec(),
        }
    }

    /// The value of a field; `None` if the schema has no such field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.values().get(self.schema.index_of(field)?)
    }

    /// Replaces the value of a field. False if the schema has no such field.
    pub fn set(&mut self, field: &str, value: Value) -> bool {
        let Some(index) = self.schema.index_of(field) else { return false };
        if let Values::Shared(shared) = &self.values {
            self.values = Values::Own(shared.to_vec());
        }
        match &mut self.values {
            Values::Own(values) => values.get_mut(index).map(|slot| *slot = value).is_some(),
            Values::Shared(_) => false,
        }
    }
}

impl PartialEq for Struct {
    fn eq(&self, other: &Struct) -> bool {
        self.is_same(other) || (self.schema == other.schema && self.values() == other.values())
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
            Value::Struct(value) => value.values().iter().map(|item| SLOT + item.heap_size()).sum(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Field, Kind};

    #[test]
    fn a_shared_struct_is_one_until_somebody_changes_it() {
        let fields = vec![Field::new("a", Schema::new(Kind::Int64)), Field::new("b", Schema::string().optional())];
        let own = Struct::new(Arc::new(Schema::structure(fields)), vec![Value::Int64(1)]);
        let shared = own.clone().into_shared();
        let mut changed = shared.clone();
        assert!(shared.is_same(&changed) && !shared.is_same(&own) && shared == own);
        assert!(changed.set("a", Value::Int64(2)) && !changed.set("c", Value::Null));
        assert!(!changed.is_shared() && changed != shared);
        assert_eq!((shared.get("a"), changed.get("a")), (Some(&Value::Int64(1)), Some(&Value::Int64(2))));
        assert_eq!(shared.into_values(), own.into_values());
    }
}
