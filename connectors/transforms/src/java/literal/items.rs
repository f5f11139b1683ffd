//! One schema for the items of an array, or for the keys or values of a map.

use std::sync::Arc;

use connector_api::data::{Kind, Schema, Value};

use crate::part::{Entries, Part};

/// What the items seen so far have in common: numbers widen, everything else must be alike.
pub(super) struct Common {
    schema: Option<Arc<Schema>>,
    alike: bool,
    nulls: bool,
}

impl Default for Common {
    fn default() -> Common {
        Common { schema: None, alike: true, nulls: false }
    }
}

impl Common {
    /// One more item.
    pub fn add(&mut self, item: &Part) {
        match (&self.schema, &item.schema) {
            (_, None) if item.value.is_null() => self.nulls = true,
            (_, None) => self.alike = false,
            (None, Some(first)) => self.schema = Some(first.clone()),
            (Some(old), Some(new)) => match wider(old, new) {
                Some(both) => self.schema = Some(both.clone()),
                None => self.alike = false,
            },
        }
    }

    /// An array of these items; without a schema if they have nothing in common. `None` if it is none.
    pub fn array(self, items: Vec<Value>) -> Option<Part> {
        Some(match self.into_schema()? {
            None => Part::plain(Value::Array(items)),
            Some(schema) => {
                let items = items.into_iter().map(|item| widened(item, &schema.kind)).collect();
                Part::typed(Arc::new(Schema::new(Kind::Array(schema))), Value::Array(items))
            }
        })
    }

    /// A map of these entries, whose keys are what `self` has seen. `None` if it is none.
    pub fn map(self, values: Common, entries: Entries) -> Option<Part> {
        Some(match (self.into_schema()?, values.into_schema()?) {
            (Some(keys), Some(values)) => {
                let wide = |(key, value)| (widened(key, &keys.kind), widened(value, &values.kind));
                let entries = entries.into_iter().map(wide).collect();
                Part::typed(Arc::new(Schema::new(Kind::Map(keys, values))), Value::Map(entries))
            }
            _ => Part::plain(Value::Map(entries)),
        })
    }

    /// The common schema, if there is one; `None` if there is but nulls do not fit it, as in Kafka Connect.
    fn into_schema(self) -> Option<Option<Arc<Schema>>> {
        let schema = self.schema.filter(|_| self.alike);
        (schema.is_none() || !self.nulls).then_some(schema)
    }
}

/// Sets an entry; one with that key is replaced.
pub(super) fn put(entries: &mut Entries, key: Value, value: Value) {
    match entries.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key, value)),
    }
}

fn wider<'s>(one: &'s Arc<Schema>, other: &'s Arc<Schema>) -> Option<&'s Arc<Schema>> {
    if one == other {
        return Some(one);
    }
    let rank = |schema: &Schema| rank(&schema.kind).filter(|_| schema.name.is_none());
    if rank(one)? > rank(other)? { Some(one) } else { Some(other) }
}

fn rank(kind: &Kind) -> Option<u8> {
    match kind {
        Kind::Int8 => Some(0),
        Kind::Int16 => Some(1),
        Kind::Int32 => Some(2),
        Kind::Int64 => Some(3),
        Kind::Float32 => Some(4),
        Kind::Float64 => Some(5),
        _ => None,
    }
}

fn widened(value: Value, kind: &Kind) -> Value {
    let float = match &value {
        Value::Float32(number) => Some(f64::from(*number)),
        Value::Float64(number) => Some(*number),
        other => other.as_i64().map(|number| number as f64),
    };
    match (kind, value.as_i64(), float) {
        (Kind::Int16, Some(number), _) => i16::try_from(number).map_or(value, Value::Int16),
        (Kind::Int32, Some(number), _) => i32::try_from(number).map_or(value, Value::Int32),
        (Kind::Int64, Some(number), _) => Value::Int64(number),
        (Kind::Float32, _, Some(number)) => Value::Float32(number as f32),
        (Kind::Float64, _, Some(number)) => Value::Float64(number),
        _ => value,
    }
}
