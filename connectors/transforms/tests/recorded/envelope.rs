//! Payloads as the recording writes them: `{"schema", "payload"}` as `JsonConverter` has it, or `{"plain"}` without a schema, in which
//! `{"$", "v"}` tells types that JSON does not know.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_api::data::{Decimal, Field, Kind, Payload, Schema, Struct, Value, logical};
use serde_json::{Map, Value as Json, json};

pub fn read(json: &Json) -> Payload {
    match (json.get("plain"), json.get("schema")) {
        (Some(plain), _) => Payload::Structured { schema: None, value: read_plain(plain) },
        (None, Some(schema)) => {
            let schema = Arc::new(read_schema(schema));
            let value = read_value(&schema, &json["payload"]);
            Payload::structured(schema, value)
        }
        (None, None) => Payload::Null,
    }
}

pub fn write(payload: &Payload) -> Json {
    match payload {
        Payload::Structured { schema: Some(schema), value } => {
            json!({"schema": write_schema(schema), "payload": write_value(Some(schema), value)})
        }
        Payload::Structured { schema: None, value } => json!({"plain": write_value(None, value)}),
        _ => Json::Null,
    }
}

fn read_plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Int64(number.as_i64().unwrap()),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::Array(items.iter().map(read_plain).collect()),
        Json::Object(fields) => match fields.get("$") {
            Some(kind) => read_tagged(kind.as_str().unwrap(), fields["v"].as_str().unwrap()),
            None => Value::Map(fields.iter().map(|(name, field)| (name.as_str().into(), read_plain(field))).collect()),
        },
    }
}

fn read_tagged(kind: &str, text: &str) -> Value {
    match kind {
        "int8" => Value::Int8(text.parse().unwrap()),
        "int16" => Value::Int16(text.parse().unwrap()),
        "int32" => Value::Int32(text.parse().unwrap()),
        "float32" => Value::Float32(text.parse().unwrap()),
        "float64" => Value::Float64(text.parse().unwrap()),
        "bytes" => Value::Bytes(STANDARD.decode(text).unwrap().into()),
        _ => Value::Decimal(Decimal::new(text.into()).unwrap()),
    }
}

fn read_schema(json: &Json) -> Schema {
    let inner = |name: &str| Arc::new(read_schema(&json[name]));
    let kind = match json["type"].as_str().unwrap() {
        "boolean" => Kind::Boolean,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "array" => Kind::Array(inner("items")),
        "map" => Kind::Map(inner("keys"), inner("values")),
        _ => {
            let fields = json["fields"].as_array().unwrap().iter();
            Kind::Struct(fields.map(|field| Field::new(field["field"].as_str().unwrap(), read_schema(field))).collect())
        }
    };
    let text = |name: &str| json.get(name).and_then(Json::as_str).map(Arc::from);
    let parameters = json.get("parameters").and_then(Json::as_object).into_iter().flatten();
    let mut schema = Schema {
        optional: json["optional"] == true,
        name: text("name"),
        version: json.get("version").and_then(Json::as_i64).map(|version| version as i32),
        doc: text("doc"),
        parameters: parameters.map(|(name, value)| (name.as_str().into(), value.as_str().unwrap().into())).collect(),
        ..Schema::new(kind)
    };
    schema.default = json.get("default").map(|default| read_value(&Arc::new(schema.clone()), default));
    schema
}

fn read_value(schema: &Arc<Schema>, json: &Json) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    let integer = || json.as_i64().unwrap();
    match &schema.kind {
        Kind::Boolean => Value::Boolean(json.as_bool().unwrap()),
        Kind::Int8 => Value::Int8(integer() as i8),
        Kind::Int16 => Value::Int16(integer() as i16),
        Kind::Int32 => Value::Int32(integer() as i32),
        Kind::Int64 => Value::Int64(integer()),
        Kind::Float32 => Value::Float32(json.as_f64().unwrap() as f32),
        Kind::Float64 => Value::Float64(json.as_f64().unwrap()),
        Kind::String => json.as_str().unwrap().into(),
        Kind::Bytes if schema.is_logical(logical::DECIMAL) => {
            Value::Decimal(Decimal::new(json.to_string().into()).unwrap())
        }
        Kind::Bytes => Value::Bytes(STANDARD.decode(json.as_str().unwrap()).unwrap().into()),
        Kind::Array(items) => {
            Value::Array(json.as_array().unwrap().iter().map(|item| read_value(items, item)).collect())
        }
        Kind::Map(_, values) => {
            let entries = json.as_object().unwrap().iter();
            Value::Map(entries.map(|(name, value)| (name.as_str().into(), read_value(values, value))).collect())
        }
        Kind::Struct(fields) => {
            let values = fields.iter().map(|field| read_value(&field.schema, &json[&*field.name]));
            Value::Struct(Struct::new(schema.clone(), values.collect()))
        }
    }
}

fn write_schema(schema: &Schema) -> Json {
    let mut json = Map::new();
    let mut set = |name: &str, value: Option<Json>| value.map(|value| json.insert(name.to_owned(), value));
    let kind = match &schema.kind {
        Kind::Boolean => "boolean",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(items) => {
            set("items", Some(write_schema(items)));
            "array"
        }
        Kind::Map(keys, values) => {
            set("keys", Some(write_schema(keys)));
            set("values", Some(write_schema(values)));
            "map"
        }
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let mut json = write_schema(&field.schema);
                json["field"] = json!(&*field.name);
                json
            });
            set("fields", Some(fields.collect()));
            "struct"
        }
    };
    set("type", Some(kind.into()));
    set("optional", Some(schema.optional.into()));
    set("name", schema.name.as_deref().map(Json::from));
    set("version", schema.version.map(Json::from));
    set("doc", schema.doc.as_deref().map(Json::from));
    let parameters = schema.parameters.iter().map(|(name, value)| (name.to_string(), json!(&**value)));
    let parameters: Map<String, Json> = parameters.collect();
    set("parameters", Some(parameters).filter(|parameters| !parameters.is_empty()).map(Json::Object));
    set("default", schema.default.as_ref().map(|default| write_value(Some(schema), default)));
    Json::Object(json)
}

/// Numbers of values with a schema stand as such; of those without one, all but int64 say what they are.
fn write_value(schema: Option<&Schema>, value: &Value) -> Json {
    let tagged =
        |kind: &str, text: String| if schema.is_some() { number(&text) } else { json!({"$": kind, "v": text}) };
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Int8(number) => tagged("int8", number.to_string()),
        Value::Int16(number) => tagged("int16", number.to_string()),
        Value::Int32(number) => tagged("int32", number.to_string()),
        Value::Int64(number) => json!(number),
        Value::Float32(number) => tagged("float32", number.to_string().replace("inf", "Infinity")),
        Value::Float64(number) => tagged("float64", number.to_string().replace("inf", "Infinity")),
        Value::String(text) => json!(&**text),
        Value::Bytes(bytes) if schema.is_some() => json!(STANDARD.encode(bytes)),
        Value::Bytes(bytes) => json!({"$": "bytes", "v": STANDARD.encode(bytes)}),
        Value::Decimal(number) => tagged("decimal", number.to_string()),
        Value::Array(items) => {
            let of = match schema.map(|schema| &schema.kind) {
                Some(Kind::Array(items)) => Some(&**items),
                _ => None,
            };
            items.iter().map(|item| write_value(of, item)).collect()
        }
        Value::Map(entries) => write_map(schema, entries),
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            fields.map(|(field, value)| (field.name.to_string(), write_value(Some(&field.schema), value))).collect()
        }
    }
}

/// Maps whose keys are no text are lists of pairs, as `JsonConverter` has them.
fn write_map(schema: Option<&Schema>, entries: &[(Value, Value)]) -> Json {
    let (keys, values) = match schema.map(|schema| &schema.kind) {
        Some(Kind::Map(keys, values)) => (Some(&**keys), Some(&**values)),
        _ => (None, None),
    };
    if keys.is_some_and(|keys| keys.kind != Kind::String) {
        return entries
            .iter()
            .map(|(key, value)| json!([write_value(keys, key), write_value(values, value)]))
            .collect();
    }
    let name = |key: &Value| key.as_str().map_or_else(|| key.as_i64().unwrap_or(0).to_string(), str::to_owned);
    entries.iter().map(|(key, value)| (name(key), write_value(values, value))).collect()
}

/// A number, or what JSON writes in quotes for want of one.
fn number(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}
