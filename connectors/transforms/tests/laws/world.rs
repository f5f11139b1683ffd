//! Transforms by their names, and records for them.

use std::sync::Arc;

use connector_api::config::{Config, RawConfig};
use connector_api::data::{Payload, Schema, Struct, Value};
use connector_api::{Export, Fate, Result, Transform, TransformRecord};

pub fn raw(pairs: &[(&str, &str)]) -> RawConfig {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The settings, unless they are refused.
pub fn settings(export: &Export, raw: &RawConfig) -> Option<Config> {
    let config = export.definition().config.check(raw).into_result().ok()?;
    let issues = match export {
        Export::Transform(plugin) => plugin.validate(&config),
        Export::Predicate(plugin) => plugin.validate(&config),
        _ => Vec::new(),
    };
    issues.is_empty().then_some(config)
}

/// The transform of that name, ready.
pub fn transform(name: &str, pairs: &[(&str, &str)]) -> Box<dyn Transform> {
    let export = transforms::all().into_iter().find(|export| export.definition().answers_to(name)).unwrap();
    let config = settings(&export, &raw(pairs)).unwrap();
    match export {
        Export::Transform(plugin) => plugin.transform(&config).unwrap(),
        _ => panic!("{name} is no transform"),
    }
}

pub fn record(value: Payload) -> TransformRecord {
    TransformRecord {
        topic: "orders".into(),
        partition: Some(3),
        offset: Some(7),
        key: Payload::Null,
        value,
        headers: Vec::new(),
        timestamp: Some(1_709_210_096_789),
    }
}

pub fn plain(value: Value) -> Payload {
    Payload::Structured { schema: None, value }
}

pub fn structure(schema: &Arc<Schema>, values: Vec<Value>) -> Payload {
    Payload::structured(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)))
}

/// What becomes of a value.
pub fn apply(transform: &mut dyn Transform, value: Payload) -> Result<Payload> {
    let mut record = record(value);
    let fate = transform.apply(&mut record)?;
    assert_eq!(fate, Fate::Keep);
    Ok(record.value)
}

/// The same for one that is made for it.
pub fn applied(name: &str, pairs: &[(&str, &str)], value: Payload) -> Payload {
    apply(&mut *transform(name, pairs), value).unwrap()
}

pub fn schema_of(payload: &Payload) -> &Arc<Schema> {
    match payload {
        Payload::Structured { schema: Some(schema), .. } => schema,
        other => panic!("no schema: {other:?}"),
    }
}

pub fn values_of(payload: &Payload) -> &[Value] {
    payload.as_value().and_then(Value::as_struct).unwrap().values()
}
