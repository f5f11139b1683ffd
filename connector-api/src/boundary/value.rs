//! Values and schemas as bytes.
//!
//! A value is a tag and its content. A struct names its schema by a number in the table of its batch, plus one; 0 says that it
//! is the schema that stands where the struct stands, which is the common case and costs nothing.

use std::sync::Arc;

use super::frame::{Malformed, Read, Reader, Writer};
use crate::data::{Decimal, Field, Kind, Schema, Struct, Value};

/// How deep values and schemas may be nested: as deep as the worker reads JSON, whose values come through here.
pub const MAX_DEPTH: usize = 128;

/// Schemas that a batch names by numbers.
pub trait SchemaNumbers {
    /// The number of a schema.
    fn number_of(&mut self, schema: &Arc<Schema>) -> u32;
}

/// Appends a value. `expected` is the schema that stands in its place.
pub fn write(to: &mut Writer, value: &Value, expected: Option<&Arc<Schema>>, schemas: &mut impl SchemaNumbers) {
    match value {
        Value::Null => to.u8(0),
        Value::Boolean(false) => to.u8(1),
        Value::Boolean(true) => to.u8(2),
        Value::Int8(number) => to.u8(3).u8(number.cast_unsigned()),
        Value::Int16(number) => {
            to.u8(4).bytes.extend_from_slice(&number.to_le_bytes());
            to
        }
        Value::Int32(number) => to.u8(5).u32(number.cast_unsigned()),
        Value::Int64(number) => to.u8(6).i64(*number),
        Value::Float32(number) => to.u8(7).u32(number.to_bits()),
        Value::Float64(number) => to.u8(8).u64(number.to_bits()),
        Value::String(text) => to.u8(9).text(text),
        Value::Bytes(bytes) => to.u8(10).bytes(bytes),
        Value::Decimal(number) => to.u8(11).text(number.as_str()),
        Value::Array(items) => {
            let inner = expected.and_then(|schema| element(schema));
            to.u8(12).list(items.iter(), |to, item| write(to, item, inner, schemas));
            to
        }
        Value::Map(entries) => {
            let (key_schema, value_schema) = expected.and_then(|schema| entry(schema)).unzip();
            to.u8(13).list(entries.iter(), |to, (key, value)| {
                write(to, key, key_schema, schemas);
                write(to, value, value_schema, schemas);
            });
            to
        }
        Value::Struct(value) => {
            let own = value.schema();
            let is_expected = expected.is_some_and(|schema| Arc::ptr_eq(schema, own));
            let number = if is_expected { 0 } else { schemas.number_of(own).wrapping_add(1) };
            to.u8(14).u32(number).count(value.values().len());
            for (field, value) in own.fields().iter().zip(value.values()) {
                write(to, value, Some(&field.schema), schemas);
            }
            to
        }
    };
}

/// Reads a value.
pub fn read(from: &mut Reader, expected: Option<&Arc<Schema>>, schemas: &[Arc<Schema>]) -> Read<Value> {
    read_at(from, expected, schemas, 0)
}

fn read_at(from: &mut Reader, expected: Option<&Arc<Schema>>, schemas: &[Arc<Schema>], depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return Err(Malformed("a value is nested too deep"));
    }
    Ok(match from.u8()? {
        0 => Value::Null,
        1 => Value::Boolean(false),
        2 => Value::Boolean(true),
        3 => Value::Int8(from.u8()?.cast_signed()),
        4 => Value::Int16(i16::from_le_bytes(*from.array()?)),
        5 => Value::Int32(from.u32()?.cast_signed()),
        6 => Value::Int64(from.i64()?),
        7 => Value::Float32(f32::from_bits(from.u32()?)),
        8 => Value::Float64(f64::from_bits(from.u64()?)),
        9 => Value::String(from.text()?),
        10 => Value::Bytes(from.bytes()?),
        11 => Value::Decimal(Decimal::new(from.text()?).map_err(|_| Malformed("a decimal is not a plain number"))?),
        12 => {
            let inner = expected.and_then(|schema| element(schema));
            Value::Array(from.list(|from| read_at(from, inner, schemas, depth + 1))?)
        }
        13 => {
            let (key, value) = expected.and_then(|schema| entry(schema)).unzip();
            Value::Map(from.list(|from| {
                Ok((read_at(from, key, schemas, depth + 1)?, read_at(from, value, schemas, depth + 1)?))
            })?)
        }
        14 => {
            let schema = match from.u32()? {
                0 => expected.filter(|schema| matches!(schema.kind, Kind::Struct(_))),
                number => schemas.get(number as usize - 1),
            };
            let schema = schema.ok_or(Malformed("a struct has no schema"))?.clone();
            let count = from.count()?;
            if count != schema.fields().len() {
                return Err(Malformed("a struct has not as many values as its schema has fields"));
            }
            let mut values = Vec::with_capacity(count);
            for field in schema.fields() {
                values.push(read_at(from, Some(&field.schema), schemas, depth + 1)?);
            }
            Value::Struct(Struct::new(schema, values))
        }
        _ => return Err(Malformed("a value has an unknown tag")),
    })
}

fn element(schema: &Arc<Schema>) -> Option<&Arc<Schema>> {
    match &schema.kind {
        Kind::Array(inner) => Some(inner),
        _ => None,
    }
}

fn entry(schema: &Arc<Schema>) -> Option<(&Arc<Schema>, &Arc<Schema>)> {
    match &schema.kind {
        Kind::Map(key, value) => Some((key, value)),
        _ => None,
    }
}

/// Defaults stand inside a schema, where no table is: their structs have the schemas of their places.
struct AsDeclared;

impl SchemaNumbers for AsDeclared {
    fn number_of(&mut self, _: &Arc<Schema>) -> u32 {
        u32::MAX
    }
}

/// Appends a schema.
pub fn write_schema(to: &mut Writer, schema: &Arc<Schema>) {
    let (tag, inner): (u8, &[&Arc<Schema>]) = match &schema.kind {
        Kind::Boolean => (0, &[]),
        Kind::Int8 => (1, &[]),
        Kind::Int16 => (2, &[]),
        Kind::Int32 => (3, &[]),
        Kind::Int64 => (4, &[]),
        Kind::Float32 => (5, &[]),
        Kind::Float64 => (6, &[]),
        Kind::String => (7, &[]),
        Kind::Bytes => (8, &[]),
        Kind::Array(inner) => (9, &[inner]),
        Kind::Map(key, value) => (10, &[key, value]),
        Kind::Struct(_) => (11, &[]),
    };
    to.u8(tag).u8(u8::from(schema.optional));
    to.option(schema.name.as_deref(), |to, name| {
        to.text(name);
    });
    to.option(schema.version, |to, version| {
        to.u32(version.cast_unsigned());
    });
    to.option(schema.doc.as_deref(), |to, doc| {
        to.text(doc);
    });
    to.list(schema.parameters.iter(), |to, (name, value)| {
        to.text(name).text(value);
    });
    inner.iter().for_each(|inner| write_schema(to, inner));
    if let Kind::Struct(fields) = &schema.kind {
        to.list(fields.iter(), |to, field| {
            to.text(&field.name);
            write_schema(to, &field.schema);
        });
    }
    // Behind the rest, because the default of a struct is read by its fields.
    to.option(schema.default.as_ref(), |to, value| write(to, value, Some(schema), &mut AsDeclared));
}

/// Reads a schema.
pub fn read_schema(from: &mut Reader) -> Read<Arc<Schema>> {
    read_schema_at(from, 0)
}

fn read_schema_at(from: &mut Reader, depth: usize) -> Read<Arc<Schema>> {
    if depth > MAX_DEPTH {
        return Err(Malformed("a schema is nested too deep"));
    }
    let tag = from.u8()?;
    let mut schema = Schema::new(Kind::Boolean);
    schema.optional = from.flag()?;
    schema.name = from.option(shared)?;
    schema.version = from.option(|from| from.u32().map(u32::cast_signed))?;
    schema.doc = from.option(shared)?;
    schema.parameters = from.list(|from| Ok((shared(from)?, shared(from)?)))?;
    schema.kind = match tag {
        0 => Kind::Boolean,
        1 => Kind::Int8,
        2 => Kind::Int16,
        3 => Kind::Int32,
        4 => Kind::Int64,
        5 => Kind::Float32,
        6 => Kind::Float64,
        7 => Kind::String,
        8 => Kind::Bytes,
        9 => Kind::Array(read_schema_at(from, depth + 1)?),
        10 => Kind::Map(read_schema_at(from, depth + 1)?, read_schema_at(from, depth + 1)?),
        11 => Kind::Struct(from.list(|from| {
            let name = shared(from)?;
            Ok(Field { name, schema: read_schema_at(from, depth + 1)? })
        })?),
        _ => return Err(Malformed("a schema has an unknown type")),
    };
    if from.flag()? {
        let bare = Arc::new(schema.clone());
        schema.default = Some(read_at(from, Some(&bare), &[], depth + 1)?);
    }
    Ok(Arc::new(schema))
}

fn shared(from: &mut Reader) -> Read<Arc<str>> {
    from.text().map(|text| Arc::from(&*text))
}
