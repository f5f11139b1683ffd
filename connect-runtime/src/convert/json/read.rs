//! JSON as values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_api::data::{Decimal, Field, Kind, Schema, Struct, Value, logical};
use connector_api::{Error, Result};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// Reads a value by its schema, straight from the text: numbers keep every digit.
pub(super) fn read_value(schema: &Arc<Schema>, json: &str) -> Result<Value> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = Seed(schema).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|why| Error::reject("a value does not fit its schema").caused_by(why))
}

/// Reads one value of a schema.
struct Seed<'s>(&'s Arc<Schema>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let value = from.deserialize_option(Nullable(self.0))?;
        match (value, &self.0.default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) if self.0.optional => Ok(Value::Null),
            (None, None) => Err(D::Error::custom("null for a required value without a default")),
        }
    }
}

struct Nullable<'s>(&'s Arc<Schema>);

impl<'de> Visitor<'de> for Nullable<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the schema")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        read_present(self.0, from).map(Some)
    }
}

fn read_present<'de, D: Deserializer<'de>>(schema: &Arc<Schema>, from: D) -> Result<Value, D::Error> {
    Ok(match &schema.kind {
        Kind::Boolean => Value::Boolean(bool::deserialize(from)?),
        Kind::Int8 => Value::Int8(i8::deserialize(from)?),
        Kind::Int16 => Value::Int16(i16::deserialize(from)?),
        Kind::Int32 => Value::Int32(i32::deserialize(from)?),
        Kind::Int64 => Value::Int64(i64::deserialize(from)?),
        Kind::Float32 => Value::Float32(float(&Json::deserialize(from)?)? as f32),
        Kind::Float64 => Value::Float64(float(&Json::deserialize(from)?)?),
        Kind::String => Value::String(String::deserialize(from)?.into()),
        Kind::Bytes if schema.is_logical(logical::DECIMAL) => {
            Value::Decimal(decimal(<&RawValue>::deserialize(from)?.get(), schema.scale())?)
        }
        Kind::Bytes => Value::Bytes(base64(&Cow::<str>::deserialize(from)?)?.into()),
        Kind::Array(items) => from.deserialize_seq(Items(items))?,
        Kind::Map(keys, values) if keys.kind == Kind::String => from.deserialize_any(Entries(keys, values))?,
        Kind::Map(keys, values) => from.deserialize_seq(Entries(keys, values))?,
        Kind::Struct(fields) => from.deserialize_map(Fields(schema, fields))?,
    })
}

fn float<E: serde::de::Error>(json: &Json) -> Result<f64, E> {
    let number = match json {
        Json::String(text) if text == "NaN" => Some(f64::NAN),
        Json::String(text) if text == "Infinity" => Some(f64::INFINITY),
        Json::String(text) if text == "-Infinity" => Some(f64::NEG_INFINITY),
        other => other.as_f64(),
    };
    number.ok_or_else(|| E::custom("no number"))
}

fn base64<E: serde::de::Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(|_| E::custom("bytes are not in Base64"))
}

fn decimal<E: serde::de::Error>(json: &str, scale: u32) -> Result<Decimal, E> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => Ok(Decimal::from_unscaled(&base64(text)?, scale)),
        None => Decimal::new(json.to_owned().into()).map_err(E::custom),
    }
}

struct Items<'s>(&'s Arc<Schema>);

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Seed(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
}

/// A map: an object, or a list of pairs.
struct Entries<'s>(&'s Arc<Schema>, &'s Arc<Schema>);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            values.push((name.into(), entries.next_value_seed(Seed(self.1))?));
        }
        Ok(Value::Map(values))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(pair) = pairs.next_element_seed(Pair(self.0, self.1))? {
            values.push(pair);
        }
        Ok(Value::Map(values))
    }
}

struct Pair<'s>(&'s Arc<Schema>, &'s Arc<Schema>);

impl<'de> DeserializeSeed<'de> for Pair<'_> {
    type Value = (Value, Value);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(Value, Value), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pair<'_> {
    type Value = (Value, Value);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair of key and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<(Value, Value), A::Error> {
        let key = pair.next_element_seed(Seed(self.0))?;
        let value = pair.next_element_seed(Seed(self.1))?;
        match (key, value, pair.next_element::<IgnoredAny>()?) {
            (Some(key), Some(value), None) => Ok((key, value)),
            _ => Err(A::Error::custom("an entry of a map is no pair")),
        }
    }
}

struct Fields<'s>(&'s Arc<Schema>, &'s [Field]);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// Fields mostly come in the order of the schema; those that the schema does not have are passed over.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values: Vec<Option<Value>> = vec![None; self.1.len()];
        let mut next = 0;
        while let Some(name) = entries.next_key::<Cow<'de, str>>()? {
            let expected = self.1.get(next).filter(|field| *field.name == *name).map(|_| next);
            let Some(index) = expected.or_else(|| self.0.index_of(&name)) else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            let field = &self.1[index];
            let value = entries.next_value_seed(Seed(&field.schema));
            values[index] = Some(value.map_err(|why| in_field(field, &why))?);
            next = index + 1;
        }
        let filled = values.into_iter().zip(self.1).map(|(value, field)| match value {
            Some(value) => Ok(value),
            None => absent(field),
        });
        Ok(Value::Struct(Struct::new(self.0.clone(), filled.collect::<Result<_, A::Error>>()?)))
    }
}

fn absent<E: serde::de::Error>(field: &Field) -> Result<Value, E> {
    match &field.schema.default {
        Some(default) => Ok(default.clone()),
        None if field.schema.optional => Ok(Value::Null),
        None => Err(E::custom(format!("field `{}`: missing and without a default", field.name))),
    }
}

fn in_field<E: serde::de::Error>(field: &Field, why: &E) -> E {
    E::custom(format!("field `{}`: {why}", field.name))
}
