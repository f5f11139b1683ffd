//! The narrowest type for a number.

use std::sync::Arc;

use connector_api::data::{Decimal, Kind, Schema, Value};

use super::typed;
use crate::java::number::Literal;
use crate::part::Part;

/// A number of the narrowest type that holds it: whole ones as integers, others as floats even if those lose digits, as in Kafka
/// Connect, and decimals beyond the range of floats.
pub(super) fn parse(token: &str) -> Option<Part> {
    let literal = Literal::parse(token)?;
    if let Some(whole) = literal.whole() {
        return Some(integer(whole));
    }
    if literal.scale() != 0 {
        if literal.float32().is_finite() {
            return Some(typed(Kind::Float32, Value::Float32(literal.float32())));
        }
        if literal.float().is_finite() {
            return Some(typed(Kind::Float64, Value::Float64(literal.float())));
        }
    }
    let decimal = Decimal::new(literal.plain().into()).ok()?;
    Some(Part::typed(Arc::new(Schema::decimal(decimal.scale())), Value::Decimal(decimal)))
}

fn integer(number: i64) -> Part {
    if let Ok(number) = i8::try_from(number) {
        return typed(Kind::Int8, Value::Int8(number));
    }
    if let Ok(number) = i16::try_from(number) {
        return typed(Kind::Int16, Value::Int16(number));
    }
    match i32::try_from(number) {
        Ok(number) => typed(Kind::Int32, Value::Int32(number)),
        Err(_) => typed(Kind::Int64, Value::Int64(number)),
    }
}
