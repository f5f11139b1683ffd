//! Fields of values: of JSON found without building the value, of structured values by their schema.

use std::borrow::Cow;
use std::fmt::Write;

use connector_api::data::{Payload, Schema, Value, json_field, logical};
use connector_api::{Error, Result, SinkRecord};

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

/// Writes `<field>=<value>`; the value's characters that would make another folder are written as `%XX`.
pub(super) fn write_folder_of_field(record: &SinkRecord, field: &str, path: &mut String) -> Result<()> {
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
    let plain = json_field::plain(text);
    path.extend([field, "="]);
    write_encoded(plain.as_deref().unwrap_or(text), path);
    Ok(())
}

/// Folders are made by delimiters alone, so what a value holds of `/`, `%` and control characters is encoded. An
/// empty value and one of dots, which some stores take for a way up, are too.
fn write_encoded(value: &str, path: &mut String) {
    let dots = !value.is_empty() && value.bytes().all(|byte| byte == b'.');
    let is_plain = |character: char| !character.is_control() && !matches!(character, '/' | '\\' | '%');
    for character in value.chars() {
        if is_plain(character) && !dots {
            path.push(character);
        } else {
            let mut bytes = [0; 4];
            character.encode_utf8(&mut bytes).bytes().for_each(|byte| {
                let _ = write!(path, "%{byte:02X}");
            });
        }
    }
}

/// The JSON text of a field of a record's value. `None` if there is no such field.
pub(super) fn field_of<'r>(record: &'r SinkRecord, path: &str) -> Result<Option<Cow<'r, str>>> {
    match &record.value {
        Payload::Json(json) => Ok(json_field::find(json, path).map(Cow::Borrowed)),
        Payload::Structured { schema, value } => Ok(find_value(schema.as_deref(), value, path).map(Cow::Owned)),
        _ => Err(Error::reject("the value is bytes, so it has no fields").remedy("Set `format.class` to JSON.")),
    }
}
