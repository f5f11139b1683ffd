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

fn configuration(keys: &[ConfigKey]) -> BoxedStrategy<RawConfig> {
    let each = keys.iter().map(|key| {
        let name = key.name.to_string();
        let given = written().prop_map(move |text| Some((name.clone(), text)));
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
