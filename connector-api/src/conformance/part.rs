//! Checks of transforms, predicates and converters.

use std::sync::Arc;

use bytes::Bytes;

use super::config::{a_valid_configuration_has_no_errors, the_definition_is_complete};
use crate::config::RawConfig;
use crate::converter::{Converter, Use};
use crate::data::{Decimal, Field, Format, Kind, Payload, Schema, Struct, Value};
use crate::plugin::Export;
use crate::record::Header;
use crate::transform::TransformRecord;

/// Checks a transform, predicate or converter with a valid configuration: its definition, and that it answers for payloads of every
/// kind, of which it may refuse any but none by a panic. What it makes of records is for tests of its own.
///
/// # Panics
/// A check fails; the message names it.
pub fn check_part(export: &Export, valid: &RawConfig) {
    let definition = export.definition();
    the_definition_is_complete(&definition);
    a_valid_configuration_has_no_errors(&definition, valid);
    let config = definition.config.read(valid).config;
    match export {
        Export::Connector(_) => {
            panic!("check_part: {} is a connector; see check_source and check_sink", definition.class)
        }
        Export::Transform(plugin) => {
            assert!(plugin.validate(&config).iter().all(|issue| !issue.is_error()), "a valid configuration is refused");
            let mut transform = plugin.transform(&config).unwrap_or_else(|why| panic!("a transform for a task: {why}"));
            records().for_each(|mut record| drop(transform.apply(&mut record)));
        }
        Export::Predicate(plugin) => {
            assert!(plugin.validate(&config).iter().all(|issue| !issue.is_error()), "a valid configuration is refused");
            let mut predicate = plugin.predicate(&config).unwrap_or_else(|why| panic!("a predicate for a task: {why}"));
            records().for_each(|record| drop(predicate.test(&record)));
        }
        Export::Converter(plugin) => {
            for of in [Use::Key, Use::Value, Use::Header] {
                let made = plugin.converter(&config, of);
                let mut converter = made.unwrap_or_else(|why| panic!("a converter of a {}: {why}", of.name()));
                answers(&mut *converter);
            }
        }
    }
}

/// What a converter has written it can read again, in every form.
fn answers(converter: &mut dyn Converter) {
    for payload in payloads() {
        let mut out = b"before".to_vec();
        let encoded = converter.encode("topic", &payload, &mut out);
        assert!(out.starts_with(b"before"), "what stands in the buffer already must stay: {payload:?}");
        let Ok(true) = encoded else { continue };
        let bytes = Bytes::from(out).slice(b"before".len()..);
        for format in [Format::Bytes, Format::Json, Format::Structured] {
            let read = converter.decode("topic", &bytes, format);
            assert!(read.is_ok(), "what was written of {payload:?} cannot be read as {format:?}: {read:?}");
        }
    }
    for bytes in [&b""[..], b"\0", b"\xff\xfe", b"{", b"null", b"{\"schema\":1}"] {
        for format in [Format::Bytes, Format::Json, Format::Structured] {
            let _ = converter.decode("topic", &Bytes::from_static(bytes), format);
        }
    }
}

fn records() -> impl Iterator<Item = TransformRecord> {
    let alone = payloads().map(|value| (Payload::Null, value)).chain(payloads().map(|key| (key, Payload::Null)));
    alone.chain(payloads().map(|both| (both.clone(), both))).map(|(key, value)| TransformRecord {
        topic: "topic".into(),
        partition: Some(0),
        offset: Some(0),
        headers: vec![Header { name: "header".into(), value: value.clone() }],
        key,
        value,
        timestamp: None,
    })
}

/// Payloads of every kind that a transform or converter may see.
fn payloads() -> impl Iterator<Item = Payload> {
    let text = || Arc::new(Schema::string().optional());
    let fields = vec![Field::new("text", text()), Field::new("number", Schema::new(Kind::Int32))];
    let structure = Arc::new(Schema::structure(fields).named("shape").version(1));
    let values = vec![Value::from("x"), Value::Int32(1)];
    let with_schema = [
        (Arc::new(Schema::new(Kind::Boolean)), Value::Boolean(true)),
        (Arc::new(Schema::new(Kind::Int8)), Value::Int8(i8::MIN)),
        (Arc::new(Schema::new(Kind::Int64).optional()), Value::Null),
        (Arc::new(Schema::new(Kind::Float64)), Value::Float64(0.5)),
        (Arc::new(Schema::decimal(2)), Value::Decimal(Decimal::from_unscaled(&[0, 150], 2))),
        (Arc::new(Schema::new(Kind::Array(text()))), Value::Array(vec![Value::Null])),
        (structure.clone(), Value::Struct(Struct::new(structure, values))),
    ];
    let map = Value::Map(vec![("text".into(), "x".into()), ("inner".into(), Value::Map(Vec::new()))]);
    let plain = [Value::Null, Value::from("x"), Value::Int64(1), Value::Bytes(Bytes::from_static(b"\xff")), map];
    let with_schema = with_schema.map(|(schema, value)| Payload::structured(schema, value));
    let plain = plain.map(|value| Payload::Structured { schema: None, value });
    [Payload::Null].into_iter().chain(with_schema).chain(plain)
}
