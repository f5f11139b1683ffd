//! What a schema says about the fields of an index.

use connector_api::data::{Field, Kind, Schema, logical};
use serde_json::{Map, Value, json};

/// Texts longer than this are searched but neither sorted nor counted by, as is usual.
const KEYWORD: usize = 256;

/// The `properties` of a mapping for a document of that schema; empty where it is no struct.
///
/// Defaults do not become `null_value`: the converter has put them in the place of nulls already, and the servers let nobody
/// change one.
pub fn properties(schema: &Schema, compact: bool) -> Map<String, Value> {
    schema.fields().iter().map(|field| of_field(field, compact)).collect()
}

fn of_field(field: &Field, compact: bool) -> (String, Value) {
    (field.name.to_string(), of_schema(&field.schema, compact))
}

fn of_schema(schema: &Schema, compact: bool) -> Value {
    match schema.name.as_deref() {
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => return json!({"type": "date"}),
        Some(logical::DECIMAL) => return json!({"type": "double"}),
        _ => {}
    }
    let plain = |name: &str| json!({ "type": name });
    match &schema.kind {
        Kind::Boolean => plain("boolean"),
        Kind::Int8 => plain("byte"),
        Kind::Int16 => plain("short"),
        Kind::Int32 => plain("integer"),
        Kind::Int64 => plain("long"),
        Kind::Float32 => plain("float"),
        Kind::Float64 => plain("double"),
        Kind::Bytes => plain("binary"),
        Kind::String => {
            json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": KEYWORD}}})
        }
        Kind::Array(items) => of_schema(items, compact),
        // Its entries are fields that only the data name.
        Kind::Map(keys, _) if compact && keys.kind == Kind::String => plain("object"),
        Kind::Map(keys, values) => {
            json!({"properties": {"key": of_schema(keys, compact), "value": of_schema(values, compact)}})
        }
        Kind::Struct(_) => json!({ "properties": properties(schema, compact) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn every_type_has_its_mapping() {
        let text = || Arc::new(Schema::string());
        let named = |kind: Kind, name: &str| Schema::new(kind).named(name);
        let map = |keys: Kind| Schema::new(Kind::Map(Arc::new(Schema::new(keys)), Arc::new(Schema::new(Kind::Int32))));
        let inner = Schema::structure(vec![Field::new("x", Schema::new(Kind::Float64))]);
        let keyword = json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}});
        for (schema, expected) in [
            (Schema::new(Kind::Boolean), json!({"type": "boolean"})),
            (Schema::new(Kind::Int8), json!({"type": "byte"})),
            (Schema::new(Kind::Int16), json!({"type": "short"})),
            (Schema::new(Kind::Int32), json!({"type": "integer"})),
            (Schema::new(Kind::Int64), json!({"type": "long"})),
            (Schema::new(Kind::Float32), json!({"type": "float"})),
            (Schema::new(Kind::Float64), json!({"type": "double"})),
            (Schema::new(Kind::Bytes), json!({"type": "binary"})),
            (Schema::string(), keyword.clone()),
            (Schema::decimal(2), json!({"type": "double"})),
            (named(Kind::Int32, logical::DATE), json!({"type": "date"})),
            (named(Kind::Int32, logical::TIME), json!({"type": "date"})),
            (named(Kind::Int64, logical::TIMESTAMP), json!({"type": "date"})),
            (named(Kind::Int64, "io.debezium.time.MicroTimestamp"), json!({"type": "long"})),
            (Schema::new(Kind::Array(text())), keyword.clone()),
            (map(Kind::String), json!({"type": "object"})),
            (map(Kind::Int8), json!({"properties": {"key": {"type": "byte"}, "value": {"type": "integer"}}})),
            (inner, json!({"properties": {"x": {"type": "double"}}})),
        ] {
            assert_eq!(of_schema(&schema, true), expected);
        }
        let entries = json!({"properties": {"key": keyword, "value": {"type": "integer"}}});
        assert_eq!(of_schema(&map(Kind::String), false), entries);
    }
}
