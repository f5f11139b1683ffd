//! Definitions as JSON.

use serde_json::json;

use crate::boundary::definition::{Described, TYPES};
use crate::config::{Check, ConfigDef, ConfigKey, ConfigType, Importance, Width};
use crate::connector::Definition;

/// One key of every type with every kind of default, check and effect, in all combinations.
fn every_key() -> ConfigDef {
    let checks = [
        Check::Any,
        Check::NonEmpty,
        Check::OneOf(&["a", "b"]),
        Check::Between(-5, i64::MAX),
        Check::AtLeast(i64::MIN),
    ];
    let mut config = ConfigDef::new();
    for kind in TYPES {
        for check in checks {
            let name = |what: &str| format!("{what}.{}.{check:?}", kind.name());
            let keys = [
                ConfigKey::required(name("required"), kind),
                ConfigKey::optional(name("optional.*"), kind).no_effect("nothing does it"),
                ConfigKey::preset(name("preset"), kind, "1").only(&["1", "2"], "others are not built in"),
                ConfigKey::preset(name("empty"), kind, ""),
            ];
            config = keys.into_iter().fold(config, |config, key| config.key(key.check(check)));
        }
    }
    config.key(shown()).grouped("Others")
}

/// A key with everything that forms show.
fn shown() -> ConfigKey {
    let mut key = ConfigKey::optional("shown", ConfigType::List).doc("What it \"does\".").importance(Importance::Low);
    key.width = Width::None;
    key.display_name = "Shown".into();
    key.group = "First".into();
    key.dependents = vec!["required.INT", "preset.INT"];
    key
}

fn definition(config: ConfigDef) -> Definition {
    let aliases: &[&str] = &["thing", "other"];
    Definition { class: "example.ThingSource", aliases, version: "1.2.3", doc: "Things.", config }
}

fn after_its_way(definition: &Definition) -> Definition {
    let text = serde_json::to_string(&Described::new("source", definition, true)).unwrap();
    let described: Described = serde_json::from_str(&text).unwrap();
    assert_eq!((described.kind.as_str(), described.watches), ("source", true));
    described.definition().unwrap()
}

#[test]
fn definitions_of_every_key_are_read_as_written() {
    let whole = definition(every_key());
    assert_eq!(format!("{:#?}", after_its_way(&whole)), format!("{whole:#?}"));
}

#[test]
fn checks_in_code_stay_behind() {
    let by = ConfigKey::optional("by", ConfigType::String).check(Check::By(|_| Err("no".into())));
    let read = after_its_way(&definition(ConfigDef::new().key(by)));
    assert!(matches!(read.config.keys()[0].check, Check::Any));
}

#[test]
fn a_name_is_enough_for_a_key() {
    let text = r#"{"kind": "sink", "class": "a.B", "version": "1", "keys": [{"name": "k"}]}"#;
    let described: Described = serde_json::from_str(text).unwrap();
    let read = described.definition().unwrap();
    let optional = ConfigDef::new().key(ConfigKey::optional("k", ConfigType::String));
    assert_eq!(format!("{:?}", read.config), format!("{optional:?}"));
    assert_eq!((read.class, read.aliases.len(), read.doc, described.watches), ("a.B", 0, "", false));
}

/// What is said of a description with this key.
fn refused(key: serde_json::Value) -> String {
    let described = json!({"kind": "source", "class": "a.B", "version": "1", "keys": [key]});
    match serde_json::from_str::<Described>(&described.to_string()) {
        Ok(described) => described.definition().err().unwrap_or_default(),
        Err(why) => why.to_string(),
    }
}

#[test]
fn what_a_description_cannot_say_is_refused_with_a_sentence() {
    let cases = [
        (json!({}), "a key has no name"),
        (json!({"name": "k", "type": "TEXT"}), "the key `k` has an unknown type, `TEXT`"),
        (json!({"name": "k", "importance": "URGENT"}), "the key `k` has an unknown importance, `URGENT`"),
        (json!({"name": "k", "width": "WIDE"}), "the key `k` has an unknown width, `WIDE`"),
        (json!({"name": "k", "atLeast": 1}), "unknown field `atLeast`"),
        (json!({"name": "k", "default": 5}), "invalid type: integer `5`, expected a string"),
        (json!({"name": "k", "between": [1]}), "invalid length 1"),
        (json!({"name": "k", "at_least": 1, "one_of": ["1"]}), "the key `k` has more than one of"),
    ];
    for (key, said) in cases {
        let why = refused(key);
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn types_are_named_in_any_case() {
    assert_eq!(refused(json!({"name": "k", "type": "long", "importance": "high", "width": "Short"})), "");
}

#[test]
fn a_description_without_a_name_or_with_unknown_fields_is_refused() {
    let of = |text: &str| match serde_json::from_str::<Described>(text) {
        Ok(described) => described.definition().err().unwrap_or_default(),
        Err(why) => why.to_string(),
    };
    assert_eq!(of(r#"{"kind": "source", "class": "", "version": "1"}"#), "a class or a version is empty");
    assert_eq!(of(r#"{"kind": "source", "class": "a", "version": ""}"#), "a class or a version is empty");
    assert!(of(r#"{"class": "a", "version": "1"}"#).contains("missing field `kind`"));
    assert!(
        of(r#"{"kind": "source", "class": "a", "version": "1", "alias": ["b"]}"#).contains("unknown field `alias`")
    );
}

/// What the header tells authors in C is what is read.
#[test]
fn the_header_names_every_field_of_a_description() {
    let header = include_str!("../../../include/naru_plugin.h");
    let start = header.find("--- definitions").unwrap();
    let text = &header[start..start + header[start..].find("--- messages").unwrap()];
    let words: Vec<&str> = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).collect();
    let shown = serde_json::to_value(Described::new("source", &definition(every_key()), true)).unwrap();
    let object = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut fields = object(&shown);
    shown["keys"].as_array().unwrap().iter().for_each(|key| fields.extend(object(key)));
    for field in fields {
        assert!(words.contains(&field.as_str()), "`{field}` is not in the header");
    }
    for kind in TYPES {
        assert!(words.contains(&kind.name()), "`{}` is not in the header", kind.name());
    }
}
