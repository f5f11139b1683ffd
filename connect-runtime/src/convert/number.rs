//! Converters of single numbers and booleans: fixed width, big-endian.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use connector_api::config::{Config, ConfigDef};
use connector_api::data::{Format, Kind, Payload, Schema, Value};
use connector_api::{Converter, ConverterPlugin, Definition, Error, Result, Use};

use super::built_in;
use super::json::write_plain;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberKind {
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
}

pub(super) struct NumberConverter(pub NumberKind);

impl ConverterPlugin for NumberConverter {
    fn definition(&self) -> Definition {
        let class = match self.0 {
            NumberKind::Short => "org.apache.kafka.connect.converters.ShortConverter",
            NumberKind::Integer => "org.apache.kafka.connect.converters.IntegerConverter",
            NumberKind::Long => "org.apache.kafka.connect.converters.LongConverter",
            NumberKind::Float => "org.apache.kafka.connect.converters.FloatConverter",
            NumberKind::Double => "org.apache.kafka.connect.converters.DoubleConverter",
            NumberKind::Boolean => "org.apache.kafka.connect.converters.BooleanConverter",
        };
        built_in(class, "Values of fixed width, big-endian.", ConfigDef::new())
    }

    fn converter(&self, _: &Config, _: Use) -> Result<Box<dyn Converter>> {
        let kind = match self.0 {
            NumberKind::Short => Kind::Int16,
            NumberKind::Integer => Kind::Int32,
            NumberKind::Long => Kind::Int64,
            NumberKind::Float => Kind::Float32,
            NumberKind::Double => Kind::Float64,
            NumberKind::Boolean => Kind::Boolean,
        };
        Ok(Box::new(Fixed { kind: self.0, schema: Arc::new(Schema::new(kind).optional()) }))
    }
}

struct Fixed {
    kind: NumberKind,
    schema: Arc<Schema>,
}

impl Converter for Fixed {
    fn encode(&mut self, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
        let value = match payload {
            Payload::Null | Payload::Structured { value: Value::Null, .. } => return Ok(false),
            Payload::Structured { value, .. } => value,
            Payload::Bytes(_) | Payload::Json(_) => return Err(self.mismatch(topic)),
        };
        match (self.kind, value) {
            (NumberKind::Short, Value::Int16(number)) => out.put_i16(*number),
            (NumberKind::Integer, Value::Int32(number)) => out.put_i32(*number),
            (NumberKind::Long, Value::Int64(number)) => out.put_i64(*number),
            (NumberKind::Float, Value::Float32(number)) => out.put_f32(*number),
            (NumberKind::Double, Value::Float64(number)) => out.put_f64(*number),
            (NumberKind::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            _ => return Err(self.mismatch(topic)),
        }
        Ok(true)
    }

    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload> {
        if format == Format::Bytes {
            return Ok(Payload::Bytes(bytes.clone()));
        }
        let value = self.read(bytes).ok_or_else(|| {
            let (kind, length) = (self.kind, bytes.len());
            Error::reject(format!("{length} bytes of a record of topic {topic} are no {kind:?}"))
        })?;
        if format == Format::Structured {
            return Ok(Payload::structured(self.schema.clone(), value));
        }
        let mut out = Vec::new();
        write_plain(&value, &mut out);
        Ok(Payload::Json(out.into()))
    }
}

impl Fixed {
    fn read(&self, bytes: &[u8]) -> Option<Value> {
        Some(match self.kind {
            NumberKind::Short => Value::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
            NumberKind::Integer => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
            NumberKind::Long => Value::Int64(i64::from_be_bytes(bytes.try_into().ok()?)),
            NumberKind::Float => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
            NumberKind::Double => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
            NumberKind::Boolean => match bytes {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                _ => return None,
            },
        })
    }

    fn mismatch(&self, topic: &str) -> Error {
        Error::reject(format!("a record for topic {topic} is no {:?}", self.kind))
            .remedy("Choose the converter that fits the connector's values.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_wrong_widths_are_named() {
        let mut converter = NumberConverter(NumberKind::Long).converter(&Config::default(), Use::Key).unwrap();
        let mut out = Vec::new();
        let payload = Payload::Structured { schema: None, value: Value::Int64(-2) };
        assert!(converter.encode("t", &payload, &mut out).unwrap());
        let bytes = Bytes::from(out);
        assert_eq!(bytes.len(), 8);
        let back = converter.decode("t", &bytes, Format::Structured).unwrap();
        assert_eq!(back.as_value(), Some(&Value::Int64(-2)));
        assert_eq!(converter.decode("t", &bytes, Format::Json).unwrap(), Payload::Json(Bytes::from_static(b"-2")));
        assert!(converter.decode("t", &bytes.slice(1..), Format::Json).is_err());
        assert!(converter.encode("t", &Payload::text("2"), &mut Vec::new()).is_err());
    }
}
