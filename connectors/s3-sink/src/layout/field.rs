//! Fields of values: of JSON found without building the value, of structured values by their schema.

use std::borrow::Cow;
use std::fmt;

use connector_api::data::{Payload, Schema, Value, logical};
use connector_api::{Error, Result, SinkRecord};
use serde_json::value::RawValue;

/// The JSON text of a field, named by its path with dots between names. `None` if there is no such field.
pub(crate) fn find<'a>(json: &'a [u8], path: &str) -> Option<&'a str> {
    let mut found: &'a str = std::str::from_utf8(json).ok()?;
    for name in path.split('.') {
        found = member(found, name)?;
    }
    Some(found)
}

fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_map(&mut reader, Member(name)).ok().flatten()
}

fn find_value<'v>(mut schema: Option<&'v Schema>, mut value: &'v Value, path: &str) -> Option<String> {
    for name in path.split('.') {
        match value {
            Value::Struct(inner) => {
                let index = inner.schema().index_of(name)?;
                schema = inner.schema().fields().get(index).map(|field| &*field.schema);
                value = inner.values().get(index)?;
            }
            Value::Map(entries) => {
                schema = None;
                value = &entries.iter().find(|(key, _)| key.as_str() == Some(name))?.1;
            }
            _ => return None,
        }
    }
    Some(json(schema, value))
}

/// A single value as JSON; days are told as the milliseconds at which they begin.
fn json(schema: Option<&Schema>, value: &Value) -> String {
    match value {
        Value::Int32(days) if schema.is_some_and(|schema| schema.is_logical(logical::DATE)) => {
            (i64::from(*days) * 86_400_000).to_string()
        }
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
            value.as_i64().unwrap_or_default().to_string()
        }
        Value::Float32(number) => number.to_string(),
        Value::Float64(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::String(text) => serde_json::Value::from(&**text).to_string(),
        Value::Bytes(_) | Value::Array(_) | Value::Map(_) | Value::Struct(_) => "{}".to_owned(),
    }
}

struct Member<'n>(&'n str);

impl<'de> serde::de::Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// The last of several members of one name counts, as in most readers.
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// `<field>=<value>`; the value's characters that would make another folder are written as `%XX`.
pub(super) fn folder_value(record: &SinkRecord, field: &str) -> Result<String> {
    let found = field_of(record, field)?;
    let text = match found.as_deref() {
        None | Some("null") => {
            return Err(Error::reject(format!("the value has no field `{field}` to choose the folder by"))
                .remedy("Correct `partition.field.name` or the data."));
        }
        Some(text) if text.starts_with(['{', '[']) => {
            return Err(Error::reject(format!("the field `{field}` is no single value, so it names no folder"))
                .remedy("Correct `partition.field.name`."));
        }
        Some(text) => text,
    };
    let plain = match serde_json::from_str::<String>(text) {
        Ok(plain) => plain,
        Err(_) => text.to_owned(),
    };
    Ok(format!("{field}={}", encoded(&plain)))
}

/// Folders are made by delimiters alone, so what a value holds of `/`, `%` and control characters is encoded. An
/// empty value and one of dots, which some stores take for a way up, are too.
fn encoded(value: &str) -> String {
    let dots = !value.is_empty() && value.bytes().all(|byte| byte == b'.');
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() || matches!(character, '/' | '\\' | '%') || (dots && character == '.') {
            let mut bytes = [0; 4];
            character.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        } else {
            out.push(character);
        }
    }
    out
}

/// The JSON text of a field of a record's value. `None` if there is no such field.
pub(super) fn field_of<'r>(record: &'r SinkRecord, path: &str) -> Result<Option<Cow<'r, str>>> {
    match &record.value {
        Payload::Json(json) => Ok(find(json, path).map(Cow::Borrowed)),
        Payload::Structured { schema, value } => Ok(find_value(schema.as_deref(), value, path).map(Cow::Owned)),
        _ => Err(Error::reject("the value is bytes, so it has no fields").remedy("Set `format.class` to JSON.")),
    }
}
