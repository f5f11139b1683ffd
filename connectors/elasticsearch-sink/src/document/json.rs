//! Values with schemas as the JSON of documents.
//!
//! As the worker's own JSON, but for two things that the servers need otherwise: days since 1970 become milliseconds, which a
//! field of type `date` reads as what they are; and maps become lists of keys and values, unless their keys are text and
//! `compact.map.entries` is true.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connector_api::data::{Kind, Schema, Value, logical};
use serde_json::to_writer;

const MILLIS_OF_A_DAY: i64 = 86_400_000;

/// Appends a value. `compact` says that maps with text as keys become objects.
pub fn write(value: &Value, schema: Option<&Schema>, compact: bool, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int32(days) if schema.is_some_and(|schema| schema.is_logical(logical::DATE)) => {
            integer(i64::from(*days) * MILLIS_OF_A_DAY, out);
        }
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
            integer(value.as_i64().unwrap_or_default(), out);
        }
        Value::Float32(number) if number.is_finite() => write_serde(number, out),
        Value::Float64(number) if number.is_finite() => write_serde(number, out),
        Value::Float32(number) => write_serde(&infinite(f64::from(*number)), out),
        Value::Float64(number) => write_serde(&infinite(*number), out),
        Value::String(text) => write_serde(&**text, out),
        Value::Bytes(bytes) => write_serde(&BASE64_STANDARD.encode(bytes), out),
        Value::Decimal(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Value::Array(items) => {
            let of =
                schema.and_then(|schema| if let Kind::Array(items) = &schema.kind { Some(&**items) } else { None });
            list(items, out, |item, out| write(item, of, compact, out));
        }
        Value::Map(entries) => map(entries, schema, compact, out),
        Value::Struct(record) => {
            let fields = record.schema().fields().iter().zip(record.values());
            object(fields.map(|(field, value)| (&*field.name, value, Some(&*field.schema))), compact, out);
        }
    }
}

fn map(entries: &[(Value, Value)], schema: Option<&Schema>, compact: bool, out: &mut Vec<u8>) {
    let (keys, values) = match schema.map(|schema| &schema.kind) {
        Some(Kind::Map(keys, values)) => (Some(&**keys), Some(&**values)),
        _ => (None, None),
    };
    let is_text =
        keys.map_or_else(|| entries.iter().all(|(key, _)| key.as_str().is_some()), |keys| keys.kind == Kind::String);
    if is_text && (compact || schema.is_none()) {
        return object(
            entries.iter().map(|(key, value)| (key.as_str().unwrap_or_default(), value, values)),
            compact,
            out,
        );
    }
    list(entries, out, |(key, value), out| {
        out.extend_from_slice(b"{\"key\":");
        write(key, keys, compact, out);
        out.extend_from_slice(b",\"value\":");
        write(value, values, compact, out);
        out.push(b'}');
    });
}

fn object<'a>(
    entries: impl Iterator<Item = (&'a str, &'a Value, Option<&'a Schema>)>,
    compact: bool,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (index, (name, value, schema)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_serde(name, out);
        out.push(b':');
        write(value, schema, compact, out);
    }
    out.push(b'}');
}

fn list<T>(items: &[T], out: &mut Vec<u8>, mut each: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(b']');
}

fn integer(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// JSON has no such numbers; as Kafka Connect writes them.
fn infinite(number: f64) -> &'static str {
    match number {
        number if number.is_nan() => "NaN",
        number if number > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn write_serde<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Writing text and finite numbers into memory does not fail.
    let _ = to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::data::{Decimal, Field, Struct};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn text(value: &Value, schema: Option<&Schema>, compact: bool) -> String {
        let mut out = Vec::new();
        write(value, schema, compact, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_the_servers_read_them() {
        let date = Schema::new(Kind::Int32).named(logical::DATE);
        let fields = vec![
            Field::new("day", date),
            Field::new("price", Schema::decimal(2)),
            Field::new("raw", Schema::new(Kind::Bytes)),
            Field::new("list", Schema::new(Kind::Array(Arc::new(Schema::new(Kind::Int32).named(logical::DATE))))),
            Field::new("none", Schema::string().optional()),
        ];
        let schema = Arc::new(Schema::structure(fields));
        let values = vec![
            Value::Int32(19_000),
            Value::Decimal(Decimal::new("-12.50".into()).unwrap()),
            Value::Bytes(vec![1, 2, 255].into()),
            Value::Array(vec![Value::Int32(1)]),
            Value::Null,
        ];
        let record = Value::Struct(Struct::new(schema.clone(), values));
        assert_eq!(
            text(&record, Some(&schema), true),
            r#"{"day":1641600000000,"price":-12.50,"raw":"AQL/","list":[86400000],"none":null}"#
        );
    }

    #[test]
    fn maps_become_objects_or_lists_of_keys_and_values() {
        let of = |keys: Kind| Schema::new(Kind::Map(Arc::new(Schema::new(keys)), Arc::new(Schema::new(Kind::Int32))));
        let texts = Value::Map(vec![("a".into(), Value::Int32(1)), ("b".into(), Value::Int32(2))]);
        assert_eq!(text(&texts, Some(&of(Kind::String)), true), r#"{"a":1,"b":2}"#);
        let entries = r#"[{"key":"a","value":1},{"key":"b","value":2}]"#;
        assert_eq!(text(&texts, Some(&of(Kind::String)), false), entries);
        assert_eq!(text(&texts, None, false), r#"{"a":1,"b":2}"#, "without a schema it is an object of the data");
        let numbers = Value::Map(vec![(Value::Int32(7), Value::Int32(1))]);
        assert_eq!(text(&numbers, Some(&of(Kind::Int32)), true), r#"[{"key":7,"value":1}]"#);
        assert_eq!(text(&Value::Map(Vec::new()), Some(&of(Kind::String)), true), "{}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_json_with_the_same_values(name in "\\PC{0,8}", words in "\\PC{0,20}", whole: i64, float: f64, yes: bool) {
            let entry = |name: &str, value: Value| (Value::from(name), value);
            let value = Value::Map(vec![
                entry("t", Value::from(words.as_str())), entry("w", Value::Int64(whole)), entry("f", Value::Float64(float)),
                entry("l", Value::Array(vec![Value::Boolean(yes), Value::Null])), entry(&format!("x{name}"), Value::Null),
            ]);
            let found: serde_json::Value = serde_json::from_str(&text(&value, None, true)).unwrap();
            prop_assert_eq!(found["t"].as_str(), Some(words.as_str()));
            prop_assert_eq!(found["w"].as_i64(), Some(whole));
            let near = found["f"].as_f64().map(|found| (found - float).abs() <= float.abs() * 1e-15);
            prop_assert_eq!(near, float.is_finite().then_some(true));
            prop_assert_eq!(&found["l"], &serde_json::json!([yes, null]));
        }
    }
}
