//! Records as Kafka Connect's JSON converter writes them, with schemas: what Debezium's consumers see.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connector_api::data::{Kind, Payload, Schema, Value};
use serde_json::{Map, Value as Json, json};

/// `{"schema": ..., "payload": ...}`; null for nothing.
pub fn payload(payload: &Payload) -> Json {
    match payload {
        Payload::Null => Json::Null,
        Payload::Structured { schema: Some(schema), value: found } => {
            json!({ "schema": schema_json(schema), "payload": value(schema, found) })
        }
        other => panic!("a payload without a schema: {other:?}"),
    }
}

/// The payload alone.
pub fn plain(payload: &Payload) -> Json {
    self::payload(payload).get_mut("payload").map_or(Json::Null, Json::take)
}

fn schema_json(schema: &Schema) -> Json {
    let mut out = Map::new();
    let name = match &schema.kind {
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
            out.insert("items".into(), schema_json(items));
            "array"
        }
        Kind::Map(keys, values) => {
            out.insert("keys".into(), schema_json(keys));
            out.insert("values".into(), schema_json(values));
            "map"
        }
        Kind::Struct(fields) => {
            let field = |field: &connector_api::data::Field| {
                let mut json = schema_json(&field.schema);
                json["field"] = Json::from(&*field.name);
                json
            };
            out.insert("fields".into(), fields.iter().map(field).collect());
            "struct"
        }
    };
    out.insert("type".into(), name.into());
    out.insert("optional".into(), schema.optional.into());
    schema.name.as_ref().map(|name| out.insert("name".into(), Json::from(&**name)));
    schema.version.map(|version| out.insert("version".into(), version.into()));
    schema.doc.as_ref().map(|doc| out.insert("doc".into(), Json::from(&**doc)));
    if !schema.parameters.is_empty() {
        let parameters = schema.parameters.iter().map(|(name, value)| (name.to_string(), Json::from(&**value)));
        out.insert("parameters".into(), Json::Object(parameters.collect()));
    }
    if let Some(default) = &schema.default {
        let bare = Schema { default: None, ..schema.clone() };
        out.insert("default".into(), value(&bare, default));
    }
    Json::Object(out)
}

fn value(schema: &Schema, found: &Value) -> Json {
    match found {
        Value::Null => match &schema.default {
            Some(default) => value(&Schema { default: None, ..schema.clone() }, default),
            None => {
                assert!(schema.optional, "null where {schema:?} allows none");
                Json::Null
            }
        },
        Value::Boolean(value) => (*value).into(),
        Value::Int8(value) => (*value).into(),
        Value::Int16(value) => (*value).into(),
        Value::Int32(value) => (*value).into(),
        Value::Int64(value) => (*value).into(),
        Value::Float32(value) => {
            serde_json::from_str(&format!("{value:?}")).unwrap_or_else(|_| special(f64::from(*value)))
        }
        Value::Float64(value) => serde_json::from_str(&format!("{value:?}")).unwrap_or_else(|_| special(*value)),
        Value::String(value) => Json::from(&**value),
        Value::Bytes(value) => STANDARD.encode(value).into(),
        Value::Decimal(value) => {
            let unscaled = value.unscaled(schema.scale());
            STANDARD.encode(unscaled.unwrap_or_else(|| panic!("{value} does not fit scale {}", schema.scale()))).into()
        }
        Value::Array(items) => match &schema.kind {
            Kind::Array(item) => items.iter().map(|found| value(item, found)).collect(),
            other => panic!("an array under {other:?}"),
        },
        Value::Map(entries) => match &schema.kind {
            Kind::Map(_, values) => {
                let entry =
                    |(key, found): &(Value, Value)| (key.as_str().unwrap_or("").to_owned(), value(values, found));
                Json::Object(entries.iter().map(entry).collect())
            }
            other => panic!("a map under {other:?}"),
        },
        Value::Struct(found) => {
            assert_eq!(**found.schema(), *schema, "a struct shows the schema of its field");
            let fields = schema.fields().iter().zip(found.values());
            Json::Object(fields.map(|(field, found)| (field.name.to_string(), value(&field.schema, found))).collect())
        }
    }
}

fn special(number: f64) -> Json {
    match number {
        number if number.is_nan() => "NaN".into(),
        number if number > 0.0 => "Infinity".into(),
        _ => "-Infinity".into(),
    }
}

/// A schema in a line, such as `bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2}`.
pub fn line(schema: &Schema) -> String {
    let mut out = match &schema.kind {
        Kind::Array(items) => format!("array<{}>", line(items)),
        Kind::Map(keys, values) => format!("map<{}, {}>", line(keys), line(values)),
        Kind::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name, line(&field.schema))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        _ => schema_json(schema)["type"].as_str().unwrap_or("").to_owned(),
    };
    if schema.optional {
        out.push('?');
    }
    let version = schema.version.map(|version| format!("v{version}"));
    for part in schema.name.as_deref().map(str::to_owned).into_iter().chain(version) {
        out.push_str(&format!(" {part}"));
    }
    if !schema.parameters.is_empty() {
        let parameters: Vec<String> = schema.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        out.push_str(&format!(" {{{}}}", parameters.join(", ")));
    }
    if let Some(default) = &schema.default {
        out.push_str(&format!(" = {}", value(&Schema { default: None, ..schema.clone() }, default)));
    }
    out
}
