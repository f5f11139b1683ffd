//! Values as JSON.

use std::sync::Arc;

use connector_api::data::{Decimal, Struct, Value};
use connector_api::{Error, Result};

use super::super::append_base64;
use super::DecimalFormat;
use super::plan::{FieldName, Plan, Shape};

/// Writes values by their schemas. Errors name the field whose value does not fit.
pub(super) struct Writer {
    decimals: DecimalFormat,
    /// The shared struct that was written last, and its text: it often comes again in the next record.
    last_shared: Option<(Struct, Vec<u8>)>,
}

impl Writer {
    pub fn new(decimals: DecimalFormat) -> Writer {
        Writer { decimals, last_shared: None }
    }

    pub fn value(&mut self, plan: &Plan, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match (&plan.shape, value) {
            (_, Value::Null) => return self.missing(plan, out),
            (Shape::Boolean, Value::Boolean(_))
            | (Shape::Int8, Value::Int8(_))
            | (Shape::Int16, Value::Int16(_))
            | (Shape::Int32, Value::Int32(_))
            | (Shape::Int64, Value::Int64(_))
            | (Shape::Float32, Value::Float32(_))
            | (Shape::Float64, Value::Float64(_))
            | (Shape::String, Value::String(_))
            | (Shape::Bytes, Value::Bytes(_)) => write_plain(value, out),
            (Shape::Decimal { scale }, Value::Decimal(number)) => write_decimal(number, *scale, self.decimals, out)?,
            (Shape::Array(items), Value::Array(values)) => {
                list(values, out, |item, out| self.value(items, item, out))?;
            }
            (Shape::Map(keys, values), Value::Map(entries)) => self.map((keys, values), entries, out)?,
            (Shape::Struct(schema, fields), Value::Struct(record)) => {
                if !Arc::ptr_eq(schema, record.schema()) && schema != record.schema() {
                    return Err(Error::fatal("a struct has another schema than the schema around it says"));
                }
                match record.is_shared() {
                    true => self.shared(fields, record, out)?,
                    false => self.fields(fields, record, out)?,
                }
            }
            (_, other) => return Err(Error::fatal(format!("{} does not fit its schema", kind_of(other)))),
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[(FieldName, Plan)], record: &Struct, out: &mut Vec<u8>) -> Result<()> {
        if fields.is_empty() {
            out.push(b'{');
        }
        for ((name, field), value) in fields.iter().zip(record.values()) {
            name.write(out);
            self.value(field, value, out).map_err(|error| name.blame(&error))?;
        }
        out.push(b'}');
        Ok(())
    }

    /// Structs that many records share are written once.
    fn shared(&mut self, fields: &[(FieldName, Plan)], record: &Struct, out: &mut Vec<u8>) -> Result<()> {
        if let Some((last, text)) = &self.last_shared
            && last.is_same(record)
        {
            out.extend_from_slice(text);
            return Ok(());
        }
        let from = out.len();
        self.fields(fields, record, out)?;
        self.last_shared = Some((record.clone(), out[from..].to_vec()));
        Ok(())
    }

    fn missing(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<()> {
        match &plan.default {
            Some(default) if !default.is_null() => self.value(plan, default, out),
            _ if plan.optional => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(Error::fatal("null for a required value without a default")),
        }
    }

    fn map(&mut self, plans: (&Plan, &Plan), entries: &[(Value, Value)], out: &mut Vec<u8>) -> Result<()> {
        let (keys, values) = plans;
        if !matches!(keys.shape, Shape::String) {
            return list(entries, out, |(key, value), out| {
                out.push(b'[');
                self.value(keys, key, out)?;
                out.push(b',');
                self.value(values, value, out)?;
                out.push(b']');
                Ok(())
            });
        }
        for (index, (key, value)) in entries.iter().enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            write_text(key.as_str().ok_or_else(|| Error::fatal("the key of a map is no text"))?, out);
            out.push(b':');
            self.value(values, value, out)?;
        }
        if entries.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }
}

fn write_decimal(number: &Decimal, scale: u32, decimals: DecimalFormat, out: &mut Vec<u8>) -> Result<()> {
    if decimals == DecimalFormat::Numeric {
        out.extend_from_slice(number.as_str().as_bytes());
        return Ok(());
    }
    let unscaled = number
        .unscaled(scale)
        .ok_or_else(|| Error::reject(format!("the decimal {number} has more than {scale} digits behind its point")))?;
    out.push(b'"');
    append_base64(&unscaled, out);
    out.push(b'"');
    Ok(())
}

fn list<T>(items: &[T], out: &mut Vec<u8>, mut each: impl FnMut(&T, &mut Vec<u8>) -> Result<()>) -> Result<()> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Writes a value of which no schema is known, decimals as numbers.
pub(crate) fn write_plain(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Int8(number) => write_integer(i64::from(*number), out),
        Value::Int16(number) => write_integer(i64::from(*number), out),
        Value::Int32(number) => write_integer(i64::from(*number), out),
        Value::Int64(number) => write_integer(*number, out),
        Value::Float32(number) if number.is_finite() => {
            out.extend_from_slice(ryu::Buffer::new().format(*number).as_bytes())
        }
        Value::Float64(number) if number.is_finite() => {
            out.extend_from_slice(ryu::Buffer::new().format(*number).as_bytes())
        }
        Value::Float32(number) => write_not_finite(f64::from(*number), out),
        Value::Float64(number) => write_not_finite(*number, out),
        Value::String(text) => write_text(text, out),
        Value::Decimal(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Value::Bytes(bytes) => {
            out.push(b'"');
            append_base64(bytes, out);
            out.push(b'"');
        }
        Value::Array(_) | Value::Map(_) | Value::Struct(_) => write_plain_nested(value, out),
    }
}

fn write_plain_nested(value: &Value, out: &mut Vec<u8>) {
    let infallible = |item: &Value, out: &mut Vec<u8>| {
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
            out.push(b'[');
            write_plain(key, out);
            out.push(b',');
            write_plain(value, out);
            out.push(b']');
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

fn write_object<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, value)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write_plain(value, out);
    }
    out.push(b'}');
}

fn write_integer(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// JSON has no such numbers; they are written as Kafka Connect writes them.
fn write_not_finite(number: f64, out: &mut Vec<u8>) {
    let text: &[u8] = if number.is_nan() {
        b"\"NaN\""
    } else if number > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    };
    out.extend_from_slice(text);
}

/// How much text is looked at before it is copied.
const CHUNK: usize = 64;

/// Text in quotes. Chunks that need no escape are copied whole.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for chunk in text.as_bytes().chunks(CHUNK) {
        // Without a way out of the loop the compiler looks at many bytes at once.
        if chunk.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
            write_escaped(chunk, out);
        } else {
            out.extend_from_slice(chunk);
        }
    }
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if needs_escape(*byte) {
            out.extend_from_slice(&bytes[done..at]);
            done = at + 1;
            write_escape(*byte, out);
        }
    }
    out.extend_from_slice(&bytes[done..]);
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        other => out.extend_from_slice(&[
            b'\\',
            b'u',
            b'0',
            b'0',
            HEX[usize::from(other >> 4)],
            HEX[usize::from(other & 15)],
        ]),
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
