//! A record's headers as one payload: a list of names and values, values as text, in the shapes of the original.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connector_api::data::{Field, Kind, Payload, Schema, Struct, Value, logical};
use connector_api::{Error, Header, Result};
use serde_json::{Value as Json, json};

use super::Shape;

static HEADER: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let fields = vec![Field::new("key", Schema::string()), Field::new("value", Schema::string().optional())];
    Arc::new(Schema::structure(fields))
});

static HEADERS: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::new(Kind::Array(HEADER.clone()))));

/// The headers for an output of that shape.
pub(crate) fn headers_as(shape: &Shape, headers: &[Header]) -> Result<Payload> {
    if headers.is_empty() {
        return Err(Error::reject("the record has no headers")
            .remedy("With `store.kafka.headers` each record must have some. Set it to `false` otherwise."));
    }
    let texts = headers.iter().map(|header| (&*header.name, text(&header.value)));
    Ok(match shape {
        Shape::Avro(_) | Shape::Parquet(_) => {
            let one = |(name, value): (&str, Option<String>)| {
                let values = vec![name.into(), value.map_or(Value::Null, Value::from)];
                Value::Struct(Struct::new(HEADER.clone(), values))
            };
            Payload::structured(HEADERS.clone(), Value::Array(texts.map(one).collect()))
        }
        Shape::JsonLines(_) | Shape::Bytes(..) => {
            let list: Vec<Json> = texts.map(|(name, value)| json!({"key": name, "value": value})).collect();
            Payload::Json(json!({ "headers": list }).to_string().into())
        }
    })
}

fn text(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Null | Payload::Structured { value: Value::Null, .. } => None,
        Payload::Bytes(bytes) => Some(BASE64_STANDARD.encode(bytes)),
        Payload::Json(json) => Some(String::from_utf8_lossy(json).into_owned()),
        Payload::Structured { schema, value } => Some(match value {
            Value::String(text) => text.to_string(),
            value => match to_json(schema.as_deref(), value) {
                Json::String(text) => text,
                other => other.to_string(),
            },
        }),
    }
}

fn to_json(schema: Option<&Schema>, value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Int32(number) if named(schema, logical::DATE) => day(*number),
        Value::Int32(number) if named(schema, logical::TIME) => time(*number),
        Value::Int64(number) if named(schema, logical::TIMESTAMP) => instant(*number),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => json!(value.as_i64()),
        Value::Float32(number) if number.is_finite() => json!(number),
        Value::Float64(number) if number.is_finite() => json!(number),
        Value::Float32(number) => json!(number.to_string()),
        Value::Float64(number) => json!(number.to_string()),
        Value::String(text) => json!(&**text),
        Value::Bytes(bytes) => json!(BASE64_STANDARD.encode(bytes)),
        Value::Decimal(number) => json!(number.as_str()),
        Value::Array(items) => items.iter().map(|item| to_json(item_of(schema), item)).collect(),
        Value::Map(entries) => {
            let name = |key: &Value| match to_json(None, key) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            entries.iter().map(|(key, value)| (name(key), to_json(item_of(schema), value))).collect()
        }
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            fields.map(|(field, value)| (field.name.to_string(), to_json(Some(&field.schema), value))).collect()
        }
    }
}

fn named(schema: Option<&Schema>, name: &str) -> bool {
    schema.is_some_and(|schema| schema.is_logical(name))
}

fn item_of(schema: Option<&Schema>) -> Option<&Schema> {
    match &schema?.kind {
        Kind::Array(item) | Kind::Map(_, item) => Some(item),
        _ => None,
    }
}

fn day(days: i32) -> Json {
    let instant = jiff::Timestamp::from_second(i64::from(days) * 86_400).unwrap_or_default();
    json!(instant.strftime("%Y-%m-%d").to_string())
}

fn time(millis: i32) -> Json {
    let instant = jiff::Timestamp::from_millisecond(i64::from(millis)).unwrap_or_default();
    json!(instant.strftime("%H:%M:%S%.3fZ").to_string())
}

fn instant(millis: i64) -> Json {
    let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    json!(instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{AvroCodec, Codec};

    fn header(name: &str, value: Payload) -> Header {
        Header { name: name.into(), value }
    }

    #[test]
    fn headers_are_a_list_of_names_and_texts() {
        let time = Schema::new(Kind::Int64).named(logical::TIMESTAMP);
        let list = Value::Array(vec![Value::Int32(1), Value::Null]);
        let headers = [
            header("a", Payload::text("x")),
            header("a", Payload::Null),
            header("b", Payload::Bytes(vec![0, 255].into())),
            header("t", Payload::structured(Arc::new(time), Value::Int64(1_700_000_000_123))),
            header("l", Payload::Structured { schema: None, value: list }),
        ];
        let json = headers_as(&Shape::JsonLines(Codec::None), &headers).unwrap();
        let read: Json = serde_json::from_slice(json.as_bytes().unwrap()).unwrap();
        assert_eq!(
            read,
            json!({"headers": [
                {"key": "a", "value": "x"}, {"key": "a", "value": null}, {"key": "b", "value": "AP8="},
                {"key": "t", "value": "2023-11-14T22:13:20.123Z"}, {"key": "l", "value": "[1,null]"},
            ]})
        );
        let avro = headers_as(&Shape::Avro(AvroCodec::Null), &headers).unwrap();
        assert!(matches!(avro.as_value(), Some(Value::Array(items)) if items.len() == 5));
        assert!(headers_as(&Shape::Avro(AvroCodec::Null), &[]).is_err());
    }
}
