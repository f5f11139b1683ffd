//! Schemas and values at random.

use std::sync::Arc;

use connector_api::data::{Decimal, Field, Kind, Payload, Schema, Struct, Value, logical};
use proptest::collection::vec;
use proptest::prelude::*;

/// A word that no error may repeat.
pub const CANARY: &str = "canary-7f3a";

/// Names of fields, few enough for configurations to meet them.
pub fn name() -> impl Strategy<Value = String> {
    "[abc]|a\\.b|ü"
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(CANARY.to_owned()), "[-+0-9.eE]{0,6}", "2024-0[1-9]-0[1-9]", "\\PC{0,8}"]
}

/// A schema, at most some levels deep.
pub fn schema() -> impl Strategy<Value = Arc<Schema>> {
    let kinds = prop_oneof![
        Just(Kind::Boolean),
        Just(Kind::Int8),
        Just(Kind::Int16),
        Just(Kind::Int32),
        Just(Kind::Int64),
        Just(Kind::Float32),
        Just(Kind::Float64),
        Just(Kind::String),
        Just(Kind::Bytes),
    ];
    let logical = prop_oneof![
        Just(Schema::decimal(2)),
        Just(Schema::new(Kind::Int32).named(logical::DATE).version(1)),
        Just(Schema::new(Kind::Int32).named(logical::TIME).version(1)),
        Just(Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1)),
    ];
    let leaf = prop_oneof![kinds.prop_map(Schema::new), logical];
    let optional = |schemas: BoxedStrategy<Schema>| {
        (schemas, any::<bool>()).prop_map(|(schema, optional)| Arc::new(Schema { optional, ..schema })).boxed()
    };
    optional(leaf.boxed()).prop_recursive(3, 24, 5, move |inner| {
        let array = inner.clone().prop_map(|items| Schema::new(Kind::Array(items)));
        let map = inner.clone().prop_map(|values| Schema::new(Kind::Map(Arc::new(Schema::string()), values)));
        optional(prop_oneof![1 => array, 1 => map, 6 => structure(inner.boxed())].boxed())
    })
}

fn structure(inner: BoxedStrategy<Arc<Schema>>) -> BoxedStrategy<Schema> {
    let fields = vec((name(), inner), 0..5).prop_map(|fields| {
        let mut distinct: Vec<Field> = Vec::new();
        for (name, schema) in fields {
            if !distinct.iter().any(|field| *field.name == *name) {
                distinct.push(Field::new(name, schema));
            }
        }
        Schema::structure(distinct).named("n")
    });
    fields.boxed()
}

/// A struct's schema without maps in it.
pub fn struct_of_leaves_and_structs() -> impl Strategy<Value = Arc<Schema>> {
    let leaf = prop_oneof![Just(Schema::string()), Just(Schema::new(Kind::Int32)), Just(Schema::new(Kind::Boolean))];
    let leaf = (leaf, any::<bool>()).prop_map(|(schema, optional)| Arc::new(Schema { optional, ..schema }));
    let inner = leaf.prop_recursive(3, 16, 4, |inner| structure(inner.boxed()).prop_map(Arc::new));
    structure(inner.boxed()).prop_map(Arc::new)
}

/// A value of a schema; null where that is allowed, now and then.
pub fn value(schema: Arc<Schema>) -> BoxedStrategy<Value> {
    let present = match &schema.kind {
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Int8 => any::<i8>().prop_map(Value::Int8).boxed(),
        Kind::Int16 => any::<i16>().prop_map(Value::Int16).boxed(),
        Kind::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
        Kind::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        Kind::Float32 => any::<f32>().prop_map(Value::Float32).boxed(),
        Kind::Float64 => any::<f64>().prop_map(Value::Float64).boxed(),
        Kind::String => text().prop_map(Value::from).boxed(),
        Kind::Bytes if schema.is_logical(logical::DECIMAL) => {
            any::<i64>().prop_map(|number| Value::Decimal(Decimal::from_unscaled(&number.to_be_bytes(), 2))).boxed()
        }
        Kind::Bytes => vec(any::<u8>(), 0..5).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        Kind::Array(items) => vec(value(items.clone()), 0..3).prop_map(Value::Array).boxed(),
        Kind::Map(_, values) => vec((name(), value(values.clone())), 0..3)
            .prop_map(|entries| Value::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect()))
            .boxed(),
        Kind::Struct(fields) => {
            let values: Vec<_> = fields.iter().map(|field| value(field.schema.clone())).collect();
            let schema = schema.clone();
            values.prop_map(move |values| Value::Struct(Struct::new(schema.clone(), values))).boxed()
        }
    };
    if schema.optional { prop_oneof![1 => Just(Value::Null), 4 => present].boxed() } else { present }
}

/// A value without a schema.
pub fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Int64),
        any::<f64>().prop_map(Value::Float64),
        any::<i8>().prop_map(Value::Int8),
        text().prop_map(Value::from),
        Just(Value::Bytes(CANARY.into())),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let map = vec((name(), inner.clone()), 0..5).prop_map(|entries| {
            let mut distinct: Vec<(Value, Value)> = Vec::new();
            for (name, value) in entries {
                let name = Value::from(name);
                if !distinct.iter().any(|(known, _)| *known == name) {
                    distinct.push((name, value));
                }
            }
            Value::Map(distinct)
        });
        prop_oneof![1 => vec(inner, 0..3).prop_map(Value::Array), 5 => map]
    })
}

/// A key or value: mostly what its schema says, sometimes not, sometimes without one, sometimes nothing.
pub fn payload() -> impl Strategy<Value = Payload> {
    let typed = schema().prop_flat_map(|schema| {
        value(schema.clone()).prop_map(move |value| Payload::structured(schema.clone(), value))
    });
    let untrue = (schema(), plain()).prop_map(|(schema, value)| Payload::structured(schema, value));
    let plain = plain().prop_map(|value| Payload::Structured { schema: None, value });
    prop_oneof![6 => typed, 1 => untrue, 4 => plain, 1 => Just(Payload::Null), 1 => Just(Payload::Json("{}".into()))]
}
