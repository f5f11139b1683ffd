//! Values as Avro's bytes.

use std::sync::Arc;

use connector_api::data::{Kind, Schema, Value, logical};

use super::schema::is_text_map;

/// How the values of a schema are written.
#[derive(Debug)]
pub(super) struct Plan {
    optional: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text,
    Bytes,
    Decimal(u32),
    Array(Box<Plan>),
    /// Avro's own map: keys are text.
    Map(Box<Plan>),
    /// Any other map: an array of records of a key and a value.
    Entries(Box<(Plan, Plan)>),
    Record(Vec<(Arc<str>, Plan)>),
}

impl Plan {
    /// For records of that schema, which are never null themselves.
    pub fn of_record(schema: &Schema) -> Plan {
        Plan { optional: false, ..Plan::new(schema) }
    }

    /// For values of that schema.
    fn new(schema: &Schema) -> Plan {
        let boxed = |schema: &Schema| Box::new(Plan::new(schema));
        let what = match &schema.kind {
            Kind::Boolean => What::Boolean,
            Kind::Int8 | Kind::Int16 | Kind::Int32 => What::Int,
            Kind::Int64 => What::Long,
            Kind::Float32 => What::Float,
            Kind::Float64 => What::Double,
            Kind::String => What::Text,
            Kind::Bytes if schema.is_logical(logical::DECIMAL) => What::Decimal(schema.scale()),
            Kind::Bytes => What::Bytes,
            Kind::Array(item) => What::Array(boxed(item)),
            Kind::Map(key, value) if is_text_map(key) => What::Map(boxed(value)),
            Kind::Map(key, value) => What::Entries(Box::new((Plan::new(key), Plan::new(value)))),
            Kind::Struct(fields) => {
                What::Record(fields.iter().map(|field| (field.name.clone(), Plan::new(&field.schema))).collect())
            }
        };
        Plan { optional: schema.optional, what }
    }

    /// Appends a value. The error says what is wrong with it.
    pub fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
        match (self.optional, value) {
            (true, Value::Null) => {
                out.push(0);
                return Ok(());
            }
            (true, _) => out.push(2),
            (false, _) => {}
        }
        match (&self.what, value) {
            (What::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            (What::Int | What::Long, Value::Int8(_) | Value::Int16(_) | Value::Int32(_))
            | (What::Long, Value::Int64(_)) => long(value.as_i64().unwrap_or_default(), out),
            (What::Float, Value::Float32(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (What::Double, Value::Float64(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (What::Text, Value::String(text)) => bytes(text.as_bytes(), out),
            (What::Bytes, Value::Bytes(value)) => bytes(value, out),
            (What::Decimal(scale), Value::Decimal(number)) => {
                let unscaled = number.unscaled(*scale);
                bytes(&unscaled.ok_or_else(|| format!("{number} has more than {scale} decimal places"))?, out);
            }
            (What::Array(item), Value::Array(items)) => {
                counted(items.len(), out, |out| items.iter().try_for_each(|value| item.write(value, out)))?;
            }
            (What::Map(plan), Value::Map(entries)) => counted(entries.len(), out, |out| {
                entries.iter().try_for_each(|(key, value)| {
                    let key = key.as_str().ok_or_else(|| "a key of a map is not text".to_owned())?;
                    bytes(key.as_bytes(), out);
                    plan.write(value, out)
                })
            })?,
            (What::Entries(plans), Value::Map(entries)) => counted(entries.len(), out, |out| {
                entries.iter().try_for_each(|(key, value)| {
                    plans.0.write(key, out)?;
                    plans.1.write(value, out)
                })
            })?,
            (What::Record(fields), Value::Struct(value)) if fields.len() == value.values().len() => {
                for ((name, plan), value) in fields.iter().zip(value.values()) {
                    plan.write(value, out).map_err(|why| format!("`{name}`: {why}"))?;
                }
            }
            (_, Value::Null) => return Err("nothing stands where something must".to_owned()),
            _ => return Err("it is of another type".to_owned()),
        }
        Ok(())
    }
}

/// Items in one block, with their number before them and the end after them.
fn counted(
    count: usize,
    out: &mut Vec<u8>,
    items: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    if count > 0 {
        long(count as i64, out);
        items(out)?;
    }
    out.push(0);
    Ok(())
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// An int or long: zigzag, then seven bits a byte, the lowest first.
pub(super) fn long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
