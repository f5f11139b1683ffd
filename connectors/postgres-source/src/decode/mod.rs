//! From the server's text to values. The snapshot and the stream share this code, so they cannot disagree.

mod array;
pub mod binary;
pub mod defaults;
mod geometry;
mod hstore;
mod interval;
mod number;
pub mod plan;
mod stand_in;
mod time;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connector_api::data::{Decimal, Schema, Struct, Text, Value};

pub use stand_in::{placeholder, zero};

use crate::config::modes::BinaryMode;

/// A value does not fit its schema, for this reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// How the text of one type becomes a value.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// `t` or `f`.
    Boolean,
    /// 16 bits.
    Int16,
    /// 32 bits.
    Int32,
    /// 64 bits; also object ids, which have no sign.
    Int64,
    /// 32-bit floating point.
    Float32,
    /// 64-bit floating point.
    Float64,
    /// Text as it is.
    Text,
    /// A number with as many digits behind the point as the schema says.
    Decimal,
    /// A number that brings its own scale, as a struct of that schema.
    VariableDecimal(Arc<Schema>),
    /// A number as 64-bit floating point.
    DecimalDouble,
    /// A number as text with that many digits behind the point, as they come if none.
    DecimalText(Option<u32>),
    /// An amount of money, then as one of the decimals.
    Money(Box<Decoder>, u32),
    /// Days.
    Date(time::DateForm),
    /// Time of day.
    Time(time::TimeForm),
    /// Date and time.
    Timestamp(time::TimestampForm),
    /// A moment, in ISO 8601 with that many digits behind the second.
    ZonedTimestamp(u32),
    /// Time of day with a zone, in ISO 8601 at UTC.
    ZonedTime,
    /// A span of time in microseconds, months taken at their mean length.
    IntervalMicros,
    /// A span of time in ISO 8601.
    IntervalText,
    /// `bytea`.
    Binary(BinaryMode),
    /// The text of any type as bytes.
    TextAsBinary(BinaryMode),
    /// A single bit.
    Bit,
    /// Bits, the last one first.
    Bits,
    /// Keys and values as JSON text.
    HstoreJson,
    /// Keys and values as a map.
    HstoreMap,
    /// A point, box, line ... as structs of that schema.
    Geometry(geometry::Shape, Arc<Schema>),
    /// Values of one type. The byte stands between elements.
    Array(Box<Decoder>, u8),
}

/// Room for text that has to be written anew: many values share one allocation.
#[derive(Debug, Default)]
pub struct Scratch(BytesMut);

/// How much room is made at once, in bytes.
const SCRATCH_SIZE: usize = 16 << 10;

impl Scratch {
    /// What `write` has written.
    pub fn bytes(&mut self, write: impl FnOnce(&mut BytesMut)) -> Bytes {
        if self.0.capacity() < 128 {
            self.0.reserve(SCRATCH_SIZE);
        }
        write(&mut self.0);
        self.0.split().freeze()
    }

    /// The same as text; nothing but UTF-8 may be written.
    pub fn text(&mut self, write: impl FnOnce(&mut BytesMut)) -> Result<Text, Unreadable> {
        text(self.bytes(write))
    }
}

fn text(bytes: Bytes) -> Result<Text, Unreadable> {
    Text::try_from(bytes).map_err(|_| Unreadable("it is not UTF-8"))
}

impl Decoder {
    /// Reads a value. `cell` is a part of `buffer`, and text values stay a part of it.
    pub fn decode(&self, cell: &[u8], buffer: &Bytes, scratch: &mut Scratch) -> Result<Value, Unreadable> {
        let shared = || buffer.slice_ref(cell);
        match self {
            Decoder::Boolean => Ok(Value::Boolean(cell == b"t")),
            Decoder::Int16 => number::integer(cell).map(Value::Int16),
            Decoder::Int32 => number::integer(cell).map(Value::Int32),
            Decoder::Int64 => number::integer(cell).map(Value::Int64),
            Decoder::Float32 => number::float(cell).map(Value::Float32),
            Decoder::Float64 | Decoder::DecimalDouble => number::float(cell).map(Value::Float64),
            Decoder::Text => text(shared()).map(Value::String),
            Decoder::Decimal => number::decimal(text(shared())?).map(Value::Decimal),
            Decoder::VariableDecimal(schema) => number::variable(text(shared())?, schema).map(Value::Struct),
            Decoder::DecimalText(scale) => number::decimal_text(text(shared())?, *scale).map(Value::String),
            Decoder::Money(form, digits) => number::money(cell, form, *digits, scratch),
            Decoder::Date(form) => form.decode(cell, scratch),
            Decoder::Time(form) => form.decode(cell, scratch),
            Decoder::Timestamp(form) => form.decode(cell, scratch),
            Decoder::ZonedTimestamp(digits) => time::zoned_timestamp(cell, *digits, scratch).map(Value::String),
            Decoder::ZonedTime => time::zoned_time(cell, scratch).map(Value::String),
            Decoder::IntervalMicros => interval::micros(cell).map(Value::Int64),
            Decoder::IntervalText => interval::text(cell, scratch).map(Value::String),
            Decoder::Binary(mode) => binary::bytea(cell, *mode, scratch),
            Decoder::TextAsBinary(mode) => binary::shown(shared(), *mode, scratch),
            Decoder::Bit => binary::bit(cell).map(Value::Boolean),
            Decoder::Bits => binary::bits(cell).map(Value::Bytes),
            Decoder::HstoreJson => hstore::json(cell, scratch).map(Value::String),
            Decoder::HstoreMap => hstore::map(cell).map(Value::Map),
            Decoder::Geometry(shape, schema) => geometry::decode(*shape, cell, schema),
            Decoder::Array(element, delimiter) => array::decode(cell, *delimiter, element, scratch).map(Value::Array),
        }
    }

    /// Reads a value from text of its own.
    pub fn decode_text(&self, text: &str, scratch: &mut Scratch) -> Result<Value, Unreadable> {
        let buffer = Bytes::copy_from_slice(text.as_bytes());
        self.decode(&buffer, &buffer, scratch)
    }
}

/// Zero in the form of [`Decoder::VariableDecimal`].
fn variable_zero(schema: &Arc<Schema>) -> Value {
    let value = Value::Bytes(Bytes::from_static(&[0]));
    Value::Struct(Struct::new(schema.clone(), vec![Value::Int32(0), value]))
}

fn decimal_zero() -> Value {
    Decimal::new(Text::from_static("0")).map_or(Value::Null, Value::Decimal)
}
