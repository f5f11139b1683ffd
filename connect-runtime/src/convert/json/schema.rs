//! Schemas as JSON, in Kafka Connect's form, both ways.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Schema, Value};
use connector_api::{Error, Result};
use serde_json::Value as Json;

use super::DecimalFormat;
use super::plan::Plan;
use super::read::read_value;
use super::write::{Writer, write_text};

/// Schemas nest at most that deep when they are read.
const MAX_DEPTH: usize = 64;

/// Appends a schema.
pub(super) fn write_schema(schema: &Arc<Schema>, out: &mut Vec<u8>) {
    write(schema, None, out);
}

fn write(schema: &Arc<Schema>, field: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(type_name(&schema.kind).as_bytes());
    out.push(b'"');
    write_parts(&schema.kind, out);
    out.extend_from_slice(if schema.optional { b",\"optional\":true" } else { b",\"optional\":false" });
    if let Some(name) = &schema.name {
        out.extend_from_slice(b",\"name\":");
        write_text(name, out);
    }
    if let Some(version) = schema.version {
        out.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    if let Some(doc) = &schema.doc {
        out.extend_from_slice(b",\"doc\":");
        write_text(doc, out);
    }
    for (index, (name, value)) in schema.parameters.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"parameters\":{" } else { b"," });
        write_text(name, out);
        out.push(b':');
        write_text(value, out);
    }
    if !schema.parameters.is_empty() {
        out.push(b'}');
    }
    write_default(schema, out);
    if let Some(field) = field {
        out.extend_from_slice(b",\"field\":");
        write_text(field, out);
    }
    out.push(b'}');
}

fn write_parts(kind: &Kind, out: &mut Vec<u8>) {
    match kind {
        Kind::Array(items) => {
            out.extend_from_slice(b",\"items\":");
            write(items, None, out);
        }
        Kind::Map(keys, values) => {
            out.extend_from_slice(b",\"keys\":");
            write(keys, None, out);
            out.extend_from_slice(b",\"values\":");
            write(values, None, out);
        }
        Kind::Struct(fields) => {
            out.extend_from_slice(b",\"fields\":[");
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(&field.schema, Some(&field.name), out);
            }
            out.push(b']');
        }
        _ => {}
    }
}

/// A default that does not fit its schema is left out: the schema is still true without it.
fn write_default(schema: &Arc<Schema>, out: &mut Vec<u8>) {
    let Some(default) = &schema.default else { return };
    let mut text = Vec::new();
    if Writer::new(DecimalFormat::Base64).value(&Plan::new(schema), default, &mut text).is_ok() {
        out.extend_from_slice(b",\"default\":");
        out.extend_from_slice(&text);
    }
}

fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    }
}

/// Reads a schema.
pub(super) fn read_schema(json: &Json) -> Result<Schema> {
    read(json, 0)
}

fn read(json: &Json, depth: usize) -> Result<Schema> {
    if depth > MAX_DEPTH {
        return Err(Error::reject(format!("a schema is nested deeper than {MAX_DEPTH} levels")));
    }
    let name = json.get("type").and_then(Json::as_str).ok_or_else(|| Error::reject("a schema has no `type`"))?;
    let mut schema = Schema::new(read_kind(name, json, depth)?);
    schema.optional = json.get("optional").and_then(Json::as_bool).unwrap_or(false);
    schema.name = json.get("name").and_then(Json::as_str).map(Into::into);
    schema.version = json.get("version").and_then(Json::as_i64).and_then(|version| i32::try_from(version).ok());
    schema.doc = json.get("doc").and_then(Json::as_str).map(Into::into);
    for (name, value) in json.get("parameters").and_then(Json::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        schema.parameters.push((name.as_str().into(), value.into()));
    }
    if let Some(default) = json.get("default").filter(|default| !default.is_null()) {
        let shared = Arc::new(schema.clone());
        schema.default = Some(read_value(&shared, &default.to_string())?).filter(|value| *value != Value::Null);
    }
    Ok(schema)
}

fn read_kind(name: &str, json: &Json, depth: usize) -> Result<Kind> {
    let part = |part: &str| match json.get(part) {
        Some(schema) => read(schema, depth + 1).map(Arc::new),
        None => Err(Error::reject(format!("a schema of type {name} has no `{part}`"))),
    };
    Ok(match name {
        "boolean" => Kind::Boolean,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "array" => Kind::Array(part("items")?),
        "map" => Kind::Map(part("keys")?, part("values")?),
        "struct" => Kind::Struct(read_fields(json, depth)?),
        other => return Err(Error::reject(format!("`{other}` is no type of a schema"))),
    })
}

fn read_fields(json: &Json, depth: usize) -> Result<Vec<Field>> {
    let fields = json.get("fields").and_then(Json::as_array);
    let fields = fields.ok_or_else(|| Error::reject("a schema of type struct has no `fields`"))?;
    let field = |field: &Json| {
        let name = field.get("field").and_then(Json::as_str);
        let name = name.ok_or_else(|| Error::reject("a field of a schema has no name in `field`"))?;
        Ok(Field::new(name, read(field, depth + 1)?))
    };
    fields.iter().map(field).collect()
}
