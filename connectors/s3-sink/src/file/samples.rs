//! Records of every type, and what a reader must find of them.

use std::sync::Arc;

use connector_api::data::{Decimal, Field, Kind, Payload, Schema, Struct, Value, logical};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A struct with a field of every type, required and optional, and types inside each other.
pub(super) fn everything() -> Arc<Schema> {
    let of = Schema::new;
    let list = |item: Schema| of(Kind::Array(item.into()));
    let map = |key: Schema, value: Schema| of(Kind::Map(key.into(), value.into()));
    let inner = || {
        let fields = vec![
            Field::new("a", of(Kind::Int32)),
            Field::new("list", list(of(Kind::Int64).optional())),
            Field::new("text", Schema::string().optional()),
        ];
        Schema::structure(fields).named("a.b.Inner")
    };
    let single = [
        ("boolean", of(Kind::Boolean)),
        ("int8", of(Kind::Int8)),
        ("int16", of(Kind::Int16)),
        ("int32", of(Kind::Int32)),
        ("int64", of(Kind::Int64)),
        ("float32", of(Kind::Float32)),
        ("float64", of(Kind::Float64)),
        ("string", Schema::string().doc("words")),
        ("bytes", of(Kind::Bytes)),
        ("decimal", Schema::decimal(3)),
        ("date", of(Kind::Int32).named(logical::DATE).version(1)),
        ("time", of(Kind::Int32).named(logical::TIME).version(1)),
        ("timestamp", of(Kind::Int64).named(logical::TIMESTAMP).version(1)),
    ];
    let mut fields: Vec<Field> = Vec::new();
    for (name, schema) in single {
        fields.push(Field::new(name, schema.clone()));
        fields.push(Field::new(format!("{name}_maybe"), schema.optional()));
    }
    fields.extend([
        Field::new("inner", inner()),
        Field::new("inner_maybe", inner().optional()),
        Field::new("other_inner", Schema::structure(vec![Field::new("x", of(Kind::Int8))]).named("a.b.Inner")),
        Field::new("unnamed", Schema::structure(vec![Field::new("x", of(Kind::Int64))])),
        Field::new("inners", list(inner().optional()).optional()),
        Field::new("lists", list(list(Schema::string()))),
        Field::new("map", map(Schema::string(), of(Kind::Int64).optional()).optional()),
        Field::new("numbered", map(of(Kind::Int32), inner())),
    ]);
    Arc::new(Schema::structure(fields))
}

/// Records of a schema.
pub(super) fn records(schema: &Arc<Schema>, most: usize) -> impl Strategy<Value = Vec<Payload>> + use<> {
    let schema = schema.clone();
    let record = values(&schema).prop_map(move |value| Payload::structured(schema.clone(), value));
    prop::collection::vec(record, 1..most)
}

fn values(schema: &Arc<Schema>) -> BoxedStrategy<Value> {
    let present: BoxedStrategy<Value> = match &schema.kind {
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Int8 => any::<i8>().prop_map(Value::Int8).boxed(),
        Kind::Int16 => any::<i16>().prop_map(Value::Int16).boxed(),
        Kind::Int32 if schema.is_logical(logical::DATE) => (0..40_000).prop_map(Value::Int32).boxed(),
        Kind::Int32 if schema.is_logical(logical::TIME) => (0..86_400_000).prop_map(Value::Int32).boxed(),
        Kind::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
        Kind::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        Kind::Float32 => (-1e6f32..1e6).prop_map(Value::Float32).boxed(),
        Kind::Float64 => (-1e9..1e9).prop_map(Value::Float64).boxed(),
        Kind::String => ".{0,8}".prop_map(Value::from).boxed(),
        Kind::Bytes if schema.is_logical(logical::DECIMAL) => {
            let number = any::<i64>().prop_map(|number| format!("{}.{:03}", number / 7, number.unsigned_abs() % 1000));
            number.prop_map(|text| Value::Decimal(Decimal::new(text.into()).unwrap())).boxed()
        }
        Kind::Bytes => prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        Kind::Array(item) => prop::collection::vec(values(item), 0..4).prop_map(Value::Array).boxed(),
        Kind::Map(key, value) => {
            let entries = prop::collection::vec((values(key), values(value)), 0..4);
            let unlike = |entries: Vec<(Value, Value)>| {
                let mut kept: Vec<(Value, Value)> = Vec::new();
                for entry in entries {
                    if kept.iter().all(|(key, _)| *key != entry.0) {
                        kept.push(entry);
                    }
                }
                Value::Map(kept)
            };
            entries.prop_map(unlike).boxed()
        }
        Kind::Struct(fields) => {
            let schema = schema.clone();
            let each: Vec<BoxedStrategy<Value>> = fields.iter().map(|field| values(&field.schema)).collect();
            each.prop_map(move |values| Value::Struct(Struct::new(schema.clone(), values))).boxed()
        }
    };
    if schema.optional { prop_oneof![1 => Just(Value::Null), 3 => present].boxed() } else { present }
}

/// A record as a reader must see it: decimals as their unscaled bytes, maps as sorted lists of two.
pub(super) fn as_json(value: &Value, schema: &Schema) -> Json {
    match (value, &schema.kind) {
        (Value::Decimal(number), _) => json!(number.unscaled(schema.scale())),
        (Value::Bytes(bytes), _) => json!(bytes.to_vec()),
        (Value::Array(items), Kind::Array(item)) => items.iter().map(|value| as_json(value, item)).collect(),
        (Value::Map(entries), Kind::Map(key, of)) => {
            sorted(entries.iter().map(|(name, value)| (as_json(name, key), as_json(value, of))))
        }
        (Value::Struct(value), Kind::Struct(fields)) => {
            let fields = fields.iter().zip(value.values());
            fields.map(|(field, value)| (field.name.to_string(), as_json(value, &field.schema))).collect()
        }
        (Value::Boolean(value), _) => json!(value),
        (Value::Float32(value), _) => json!(value),
        (Value::Float64(value), _) => json!(value),
        (Value::String(text), _) => json!(&**text),
        (Value::Null, _) => Json::Null,
        (number, _) => json!(number.as_i64()),
    }
}

/// Entries of a map in an order of their own.
pub(super) fn sorted(entries: impl Iterator<Item = (Json, Json)>) -> Json {
    let mut entries: Vec<Json> = entries.map(|(key, value)| json!([key, value])).collect();
    entries.sort_by_key(ToString::to_string);
    entries.into()
}
