//! Whatever a configuration or a record holds: nothing panics, errors repeat no values, structs fit their schemas.

use connector_api::config::{ConfigKey, Preset, RawConfig};
use connector_api::data::{Payload, Schema, Value};
use connector_api::{Decision, Error, Export};
use proptest::prelude::*;

use crate::shapes::{CANARY, payload};
use crate::world::{record, settings};

/// What users may write anywhere, some of it right somewhere.
fn written() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abc]|a,b|a:b,c:a|a\\.b|a:int8|b:string,a:float64|string|unix|Date|Timestamp|move|copy|V2|x",
        2 => "[0-9]{1,3}|yyyy-MM-dd|seconds|true|false",
        1 => "\\PC{0,12}",
        1 => "[$`(){}\\\\:,.'\\[ yYd0-9]{0,8}",
    ]
}

/// What is mostly right for a key.
fn fitting(key: &str) -> BoxedStrategy<String> {
    let words: &'static str = match key {
        "target.type" => "string|unix|Date|Time|Timestamp",
        "unix.precision" => "seconds|milliseconds|microseconds|nanoseconds",
        "format" | "timestamp.format" => "yyyy-MM-dd|yyyy-MM-dd HH:mm:ss.SSS|HH:mm",
        "operation" => "move|copy",
        "spec" => "[abc]:(int8|int64|float32|string|boolean)|string|int32|float64",
        "fields" => "[abc],[abc]",
        "headers" => "[gh],[gh]",
        "field.syntax.version" => "V1|V2",
        "schema.version" => "[0-9]",
        "replace.null.with.default" => "true|false",
        _ => "[abc]|[abc]\\.[abc]",
    };
    prop_oneof![5 => words, 1 => written()].boxed()
}

fn configuration(keys: &[ConfigKey]) -> BoxedStrategy<RawConfig> {
    let each = keys.iter().map(|key| {
        let name = key.name.to_string();
        let given = fitting(&name).prop_map(move |text| Some((name.clone(), text)));
        if key.preset == Preset::Required { given.boxed() } else { prop_oneof![given, Just(None)].boxed() }
    });
    each.collect::<Vec<_>>().prop_map(|pairs| pairs.into_iter().flatten().collect()).boxed()
}

fn any_class() -> impl Strategy<Value = (&'static str, RawConfig)> {
    let classes = transforms::all();
    (0..classes.len()).prop_flat_map(move |at| {
        let definition = classes[at].definition();
        configuration(definition.config.keys()).prop_map(move |raw| (definition.class, raw))
    })
}

fn is_fair(error: &Error) {
    assert_eq!(*error.decision(), Decision::Reject);
    assert!(!error.to_string().contains(CANARY), "{error}");
    assert!(error.to_string().contains("`orders`"), "{error}");
}

fn fits(payload: &Payload) {
    if let Payload::Structured { schema: Some(schema), value } = payload {
        fits_schema(schema, value);
    }
}

/// Structs inside are of the schema that the one around them says.
fn fits_schema(schema: &Schema, value: &Value) {
    if let Value::Struct(value) = value {
        assert_eq!(schema, &**value.schema());
        assert_eq!(schema.fields().len(), value.values().len());
        for (field, value) in schema.fields().iter().zip(value.values()) {
            fits_schema(&field.schema, value);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_taken_or_refused((class, raw) in any_class(), key in payload(), value in payload(), place: bool) {
        let export = transforms::all().into_iter().find(|export| export.definition().class == class).unwrap();
        let Some(config) = settings(&export, &raw) else { return Ok(()) };
        let mut record = record(value);
        (record.key, record.offset) = (key, if place { Some(1) } else { None });
        match export {
            Export::Transform(plugin) => {
                let mut transform = plugin.transform(&config).unwrap();
                for _ in 0..2 {
                    match transform.apply(&mut record) {
                        Ok(_) => (fits(&record.key), fits(&record.value)),
                        Err(error) => (is_fair(&error), ()),
                    };
                }
            }
            Export::Predicate(plugin) => {
                if let Err(error) = plugin.predicate(&config).unwrap().test(&record) {
                    is_fair(&error);
                }
            }
            _ => {}
        }
    }
}
