//! What stands for a value that the server did not send.

use bytes::Bytes;
use connector_api::data::{Kind, Schema, Text, Value};

use super::{Decoder, Scratch, decimal_zero, variable_zero};
use crate::config::modes::Modes;

/// What stands for a value that is stored apart from its row and was not touched: `unavailable.value.placeholder` in a
/// form that the schema can hold, as Debezium does it. Null where there is no such form.
pub fn placeholder(decoder: &Decoder, schema: &Schema, modes: &Modes) -> Value {
    let text = || Value::String(modes.placeholder_text());
    let bytes = || Bytes::copy_from_slice(&modes.placeholder);
    let mut scratch = Scratch::default();
    match decoder {
        Decoder::Text | Decoder::DecimalText(_) => text(),
        Decoder::Binary(mode) | Decoder::TextAsBinary(mode) => match schema.kind {
            Kind::Bytes => Value::Bytes(bytes()),
            _ if *mode == crate::config::modes::BinaryMode::Hex => text(),
            _ => super::binary::shown(bytes(), *mode, &mut scratch).unwrap_or(Value::Null),
        },
        Decoder::HstoreMap => Value::Map(vec![(text(), text())]),
        Decoder::HstoreJson => {
            let word = serde_json::Value::from(modes.placeholder_text().to_string());
            Value::from(format!("{{{word}:{word}}}"))
        }
        Decoder::Array(element, _) => array(element, schema, modes),
        _ => Value::Null,
    }
}

fn array(element: &Decoder, schema: &Schema, modes: &Modes) -> Value {
    let numbers = |number: fn(u8) -> Value| Value::Array(modes.placeholder.iter().map(|byte| number(*byte)).collect());
    match (element, &schema.kind) {
        (Decoder::Int16, _) => numbers(|byte| Value::Int16(i16::from(byte as i8))),
        (Decoder::Int32 | Decoder::Date(super::time::DateForm::Days), _) => {
            numbers(|byte| Value::Int32(i32::from(byte as i8)))
        }
        (Decoder::Int64, _) => numbers(|byte| Value::Int64(i64::from(byte as i8))),
        (Decoder::Text | Decoder::Binary(_) | Decoder::HstoreJson | Decoder::HstoreMap, Kind::Array(inner)) => {
            Value::Array(vec![placeholder(element, inner, modes)])
        }
        _ => Value::Null,
    }
}

/// What stands for a value that may not be null in the part of an old row that the server did not send: the nothing of
/// its type, as Debezium does it.
pub fn zero(decoder: &Decoder) -> Value {
    let word = |text: &'static str| Value::String(Text::from_static(text));
    match decoder {
        Decoder::Boolean | Decoder::Bit => Value::Boolean(false),
        Decoder::Int16 => Value::Int16(0),
        Decoder::Int32 => Value::Int32(0),
        Decoder::Int64 | Decoder::IntervalMicros => Value::Int64(0),
        Decoder::Float32 => Value::Float32(0.0),
        Decoder::Float64 | Decoder::DecimalDouble => Value::Float64(0.0),
        Decoder::Decimal => decimal_zero(),
        Decoder::VariableDecimal(schema) => variable_zero(schema),
        Decoder::DecimalText(_) => word("0"),
        Decoder::Money(form, _) => zero(form),
        Decoder::Text => word(""),
        Decoder::HstoreJson => word("{}"),
        Decoder::HstoreMap => Value::Map(Vec::new()),
        Decoder::ZonedTimestamp(_) => word("1970-01-01T00:00:00Z"),
        Decoder::ZonedTime => word("00:00:00Z"),
        Decoder::IntervalText => word("P0Y0M0DT0H0M0S"),
        Decoder::Binary(mode) | Decoder::TextAsBinary(mode) => {
            super::binary::shown(Bytes::new(), *mode, &mut Scratch::default()).unwrap_or(Value::Null)
        }
        Decoder::Bits => Value::Bytes(Bytes::new()),
        Decoder::Array(_, _) => Value::Array(Vec::new()),
        Decoder::Geometry(shape, _) => read(decoder, shape.zero()),
        Decoder::Date(_) => read(decoder, "1970-01-01"),
        Decoder::Time(_) => read(decoder, "00:00:00"),
        Decoder::Timestamp(_) => read(decoder, "1970-01-01 00:00:00"),
    }
}

fn read(decoder: &Decoder, text: &str) -> Value {
    decoder.decode_text(text, &mut Scratch::default()).unwrap_or(Value::Null)
}
