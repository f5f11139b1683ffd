//! Values as JSON.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use connector_api::data::{Decimal, Value};
use connector_api::{Error, Result};

use super::super::append_base64;
use super::DecimalFormat;
use super::plan::{Plan, Shape};

/// Writes a value by its schema. The error names the field whose value does not fit.
pub(super) fn write_value(plan: &Plan, value: &Value, decimals: DecimalFormat, out: &mut BytesMut) -> Result<()> {
    match (&plan.shape, value) {
        (_, Value::Null) => return write_missing(plan, decimals, out),
        (Shape::Boolean, Value::Boolean(_))
        | (Shape::Int8, Value::Int8(_))
        | (Shape::Int16, Value::Int16(_))
        | (Shape::Int32, Value::Int32(_))
        | (Shape::Int64, Value::Int64(_))
        | (Shape::Float32, Value::Float32(_))
        | (Shape::Float64, Value::Float64(_))
        | (Shape::String, Value::String(_))
        | (Shape::Bytes, Value::Bytes(_)) => write_plain(value, out),
        (Shape::Decimal { scale }, Value::Decimal(number)) => write_decimal(number, *scale, decimals, out)?,
        (Shape::Array(items), Value::Array(values)) => {
            list(values, out, |item, out| write_value(items, item, decimals, out))?;
        }
        (Shape::Map(keys, values), Value::Map(entries)) => write_map(keys, values, entries, decimals, out)?,
        (Shape::Struct(schema, fields), Value::Struct(record)) => {
            if !Arc::ptr_eq(schema, record.schema()) && schema != record.schema() {
                return Err(Error::fatal("a struct has another schema than the schema around it says"));
            }
            if fields.is_empty() {
                out.put_slice(b"{");
            }
            for ((name, field), value) in fields.iter().zip(record.values()) {
                out.put_slice(name);
                write_value(field, value, decimals, out).map_err(|error| in_field(name, &error))?;
            }
            out.put_u8(b'}');
        }
        (_, other) => return Err(Error::fatal(format!("{} does not fit its schema", kind_of(other)))),
    }
    Ok(())
}

fn write_missing(plan: &Plan, decimals: DecimalFormat, out: &mut BytesMut) -> Result<()> {
    match &plan.default {
        Some(default) if !default.is_null() => write_value(plan, default, decimals, out),
        _ if plan.optional => {
            out.put_slice(b"null");
            Ok(())
        }
        _ => Err(Error::fatal("null for a required value without a default")),
    }
}

fn in_field(name: &[u8], error: &Error) -> Error {
    let name = String::from_utf8_lossy(name);
    let name = name.trim_matches(['{', ',', '"', ':']);
    Error::new(error.decision().clone(), format!("field `{name}`: {}", error.message()))
}

fn write_decimal(number: &Decimal, scale: u32, decimals: DecimalFormat, out: &mut BytesMut) -> Result<()> {
    if decimals == DecimalFormat::Numeric {
        out.put_slice(number.as_str().as_bytes());
        return Ok(());
    }
    let unscaled = number
        .unscaled(scale)
        .ok_or_else(|| Error::reject(format!("the decimal {number} has more than {scale} digits behind its point")))?;
    out.put_u8(b'"');
    append_base64(&unscaled, out);
    out.put_u8(b'"');
    Ok(())
}

fn write_map(
    keys: &Plan,
    values: &Plan,
    entries: &[(Value, Value)],
    decimals: DecimalFormat,
    out: &mut BytesMut,
) -> Result<()> {
    if !matches!(keys.shape, Shape::String) {
        return list(entries, out, |(key, value), out| {
            out.put_u8(b'[');
            write_value(keys, key, decimals, out)?;
            out.put_u8(b',');
            write_value(values, value, decimals, out)?;
            out.put_u8(b']');
            Ok(())
        });
    }
    for (index, (key, value)) in entries.iter().enumerate() {
        out.put_u8(if index == 0 { b'{' } else { b',' });
        write_text(key.as_str().ok_or_else(|| Error::fatal("the key of a map is no text"))?, out);
        out.put_u8(b':');
        write_value(values, value, decimals, out)?;
    }
    if entries.is_empty() {
        out.put_u8(b'{');
    }
    out.put_u8(b'}');
    Ok(())
}

fn list<T>(items: &[T], out: &mut BytesMut, mut each: impl FnMut(&T, &mut BytesMut) -> Result<()>) -> Result<()> {
    out.put_u8(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        each(item, out)?;
    }
    out.put_u8(b']');
    Ok(())
}

/// Writes a value of which no schema is known, decimals as numbers.
pub(crate) fn write_plain(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => out.put_slice(b"null"),
        Value::Boolean(true) => out.put_slice(b"true"),
        Value::Boolean(false) => out.put_slice(b"false"),
        Value::Int8(number) => write_integer(i64::from(*number), out),
        Value::Int16(number) => write_integer(i64::from(*number), out),
        Value::Int32(number) => write_integer(i64::from(*number), out),
        Value::Int64(number) => write_integer(*number, out),
        Value::Float32(number) if number.is_finite() => out.put_slice(ryu::Buffer::new().format(*number).as_bytes()),
        Value::Float64(number) if number.is_finite() => out.put_slice(ryu::Buffer::new().format(*number).as_bytes()),
        Value::Float32(number) => write_not_finite(f64::from(*number), out),
        Value::Float64(number) => write_not_finite(*number, out),
        Value::String(text) => write_text(text, out),
        Value::Decimal(number) => out.put_slice(number.as_str().as_bytes()),
        Value::Bytes(bytes) => {
            out.put_u8(b'"');
            append_base64(bytes, out);
            out.put_u8(b'"');
        }
        Value::Array(_) | Value::Map(_) | Value::Struct(_) => write_plain_nested(value, out),
    }
}

fn write_plain_nested(value: &Value, out: &mut BytesMut) {
    let infallible = |item: &Value, out: &mut BytesMut| {
        write_plain(item, out);
        Ok(())
    };
    let written = match value {
        Value::Array(items) => list(items, out, infallible),
        Value::Map(entries) if entries.iter().all(|(key, _)| key.as_str().is_some()) => {
            write_object(entries.iter().map(|(key, value)| (key.as_str().unwrap_or_default(), value)), out);
            Ok(())
        }
        Value::Map(entries) => list(entries, out, |(key, value), out| {
            out.put_u8(b'[');
            write_plain(key, out);
            out.put_u8(b',');
            write_plain(value, out);
            out.put_u8(b']');
            Ok(())
        }),
        Value::Struct(record) => {
            let fields = record.schema().fields().iter().zip(record.values());
            write_object(fields.map(|(field, value)| (&*field.name, value)), out);
            Ok(())
        }
        other => {
            write_plain(other, out);
            Ok(())
        }
    };
    debug_assert!(written.is_ok(), "writing without a schema has nothing to refuse");
}

fn write_object<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut BytesMut) {
    out.put_u8(b'{');
    for (index, (name, value)) in entries.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        write_text(name, out);
        out.put_u8(b':');
        write_plain(value, out);
    }
    out.put_u8(b'}');
}

fn write_integer(number: i64, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// JSON has no such numbers; they are written as Kafka Connect writes them.
fn write_not_finite(number: f64, out: &mut BytesMut) {
    let text: &[u8] = if number.is_nan() {
        b"\"NaN\""
    } else if number > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    };
    out.put_slice(text);
}

/// Text in quotes. Runs of bytes that need no escape are copied whole.
pub(super) fn write_text(text: &str, out: &mut BytesMut) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.put_u8(b'"');
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.put_slice(&bytes[done..at]);
        done = at + 1;
        write_escape(*byte, out);
    }
    out.put_slice(&bytes[done..]);
    out.put_u8(b'"');
}

fn write_escape(byte: u8, out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'"' => out.put_slice(b"\\\""),
        b'\\' => out.put_slice(b"\\\\"),
        b'\n' => out.put_slice(b"\\n"),
        b'\r' => out.put_slice(b"\\r"),
        b'\t' => out.put_slice(b"\\t"),
        0x08 => out.put_slice(b"\\b"),
        0x0c => out.put_slice(b"\\f"),
        other => out.put_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]]),
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => "an integer",
        Value::Float32(_) | Value::Float64(_) => "a float",
        Value::String(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Decimal(_) => "a decimal",
        Value::Array(_) => "an array",
        Value::Map(_) => "a map",
        Value::Struct(_) => "a struct",
    }
}
