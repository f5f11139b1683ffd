//! One value from one type to another, as Java's conversions have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_api::data::{Schema, Value, logical};

use super::spec::Target;
use crate::java::date::{date_text, time_text, timestamp_text};
use crate::java::number::{float_text, parse_float, parse_float32};
use crate::part::kind_of;

/// Casts a value. Null stays null. The error goes on after "the field ...".
pub(super) fn cast(schema: Option<&Schema>, value: Value, to: Target) -> Result<Value, String> {
    if value.is_null() {
        return Ok(value);
    }
    let kind = kind_of(&value);
    let cast = match to {
        Target::String => text(schema, value),
        _ => number(&value, to),
    };
    cast.ok_or_else(|| format!("holds {kind} that cannot be cast to {}", to.name()))
}

fn number(value: &Value, to: Target) -> Option<Value> {
    match value {
        Value::String(text) => parsed(text, to),
        Value::Boolean(flag) => Some(from_integer(i64::from(*flag), to)),
        Value::Float32(number) => Some(from_float(f64::from(*number), to)),
        Value::Float64(number) => Some(from_float(*number, to)),
        Value::Decimal(number) => from_decimal(number.as_str(), to),
        other => Some(from_integer(other.as_i64()?, to)),
    }
}

/// Integers that are too large lose their upper bits.
fn from_integer(number: i64, to: Target) -> Value {
    match to {
        Target::Int8 => Value::Int8(number as i8),
        Target::Int16 => Value::Int16(number as i16),
        Target::Int32 => Value::Int32(number as i32),
        Target::Float32 => Value::Float32(number as f32),
        Target::Float64 => Value::Float64(number as f64),
        Target::Boolean => Value::Boolean(number != 0),
        Target::Int64 | Target::String => Value::Int64(number),
    }
}

/// Floats lose their fraction and stop at the ends of what an int32 or int64 holds; the smaller ones are cut out of an int32.
fn from_float(number: f64, to: Target) -> Value {
    match to {
        Target::Int8 => Value::Int8(number as i32 as i8),
        Target::Int16 => Value::Int16(number as i32 as i16),
        Target::Int32 => Value::Int32(number as i32),
        Target::Float32 => Value::Float32(number as f32),
        Target::Float64 => Value::Float64(number),
        Target::Boolean => Value::Boolean(number as i64 != 0),
        Target::Int64 | Target::String => Value::Int64(number as i64),
    }
}

fn from_decimal(digits: &str, to: Target) -> Option<Value> {
    match to {
        Target::Float32 => Some(Value::Float32(digits.parse().ok()?)),
        Target::Float64 => Some(Value::Float64(digits.parse().ok()?)),
        _ => {
            let whole: i128 = digits.split('.').next()?.parse().ok()?;
            Some(from_integer(whole as i64, to))
        }
    }
}

fn parsed(text: &str, to: Target) -> Option<Value> {
    Some(match to {
        Target::Int8 => Value::Int8(text.parse().ok()?),
        Target::Int16 => Value::Int16(text.parse().ok()?),
        Target::Int32 => Value::Int32(text.parse().ok()?),
        Target::Int64 => Value::Int64(text.parse().ok()?),
        Target::Float32 => Value::Float32(parse_float32(text)?),
        Target::Float64 => Value::Float64(parse_float(text)?),
        Target::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        Target::String => Value::String(text.into()),
    })
}

fn text(schema: Option<&Schema>, value: Value) -> Option<Value> {
    let text = match value {
        Value::String(_) => return Some(value),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float32(number) => float_text(number),
        Value::Float64(number) => float_text(number),
        Value::Decimal(number) => number.as_str().to_owned(),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        other => {
            let number = other.as_i64()?;
            match schema.and_then(|schema| schema.name.as_deref()) {
                Some(logical::DATE) => date_text(number)?,
                Some(logical::TIME) => time_text(number)?,
                Some(logical::TIMESTAMP) => timestamp_text(number)?,
                _ => number.to_string(),
            }
        }
    };
    Some(text.into())
}
