//! What classes there are, what they say about themselves, and that README.md says the same.

use std::fmt::Write as _;
use std::path::Path;

use connector_api::config::{ConfigDef, Preset};
use connector_api::{Export, Reads};

use crate::world::{raw, settings};

const SIDED: [&str; 10] = [
    "Cast",
    "ExtractField",
    "Flatten",
    "HeaderFrom",
    "HoistField",
    "InsertField",
    "MaskField",
    "ReplaceField",
    "SetSchemaMetadata",
    "TimestampConverter",
];
const WHOLE: [&str; 6] = ["DropHeaders", "Filter", "InsertHeader", "RegexRouter", "TimestampRouter", "ValueToKey"];
const PREDICATES: [&str; 3] = ["HasHeaderKey", "RecordIsTombstone", "TopicNameMatches"];

#[test]
fn every_class_of_kafka_connect_is_there_under_its_name() {
    let package = "org.apache.kafka.connect.transforms.";
    let sided = SIDED.iter().flat_map(|name| [format!("{package}{name}$Key"), format!("{package}{name}$Value")]);
    let whole = WHOLE.iter().map(|name| format!("{package}{name}"));
    let predicates = PREDICATES.iter().map(|name| format!("{package}predicates.{name}"));
    let mut expected: Vec<String> = sided.chain(whole).collect();
    expected.sort();
    expected.extend(predicates);
    let found: Vec<&str> = transforms::all().iter().map(|export| export.definition().class).collect();
    assert_eq!(found, expected);
    let kinds = |kind| transforms::all().iter().filter(|export| export.kind() == kind).count();
    assert_eq!((kinds("transformation"), kinds("predicate")), (26, 3));
    let answers = |name: &str| transforms::all().iter().filter(|export| export.definition().answers_to(name)).count();
    assert_eq!([answers("Cast$Value"), answers("Filter"), answers("TopicNameMatches"), answers("Cast")], [1, 1, 1, 0]);
}

#[test]
fn every_key_is_documented_and_every_default_passes_its_check() {
    for export in transforms::all() {
        let definition = export.definition();
        assert!(!definition.doc.is_empty() && !definition.version.is_empty(), "{}", definition.class);
        for key in definition.config.keys() {
            assert!(!key.doc.is_empty() && !key.group.is_empty(), "`{}` of {}", key.name, definition.class);
            if let Preset::Value(value) = &key.preset {
                let lone = ConfigDef::new().key(key.clone()).check(&raw(&[(&key.name, value)]));
                assert!(lone.issues.is_empty(), "`{}` of {}: {:?}", key.name, definition.class, lone.issues);
            }
        }
    }
}

#[test]
fn every_class_looks_into_no_more_than_it_changes() {
    for export in transforms::all() {
        let class = export.definition().class;
        let config = Default::default();
        let (reads, expected) = match &export {
            Export::Transform(plugin) if class.ends_with("$Key") => (plugin.reads(&config), Reads::KEY),
            Export::Transform(plugin) if class.ends_with("$Value") => (plugin.reads(&config), Reads::VALUE),
            Export::Transform(plugin) if class.ends_with("ValueToKey") => (plugin.reads(&config), Reads::VALUE),
            Export::Transform(plugin) => (plugin.reads(&config), Reads::NONE),
            Export::Predicate(plugin) => (plugin.reads(&config), Reads::NONE),
            _ => panic!("neither transform nor predicate: {class}"),
        };
        assert_eq!(reads, expected, "{class}");
    }
}

#[test]
fn keys_that_fit_each_other_ill_are_named() {
    let issues = |name: &str, pairs: &[(&str, &str)]| -> Vec<String> {
        let export = transforms::all().into_iter().find(|export| export.definition().answers_to(name)).unwrap();
        let checked = export.definition().config.check(&raw(pairs));
        let mut keys: Vec<String> = checked.issues.iter().map(|issue| issue.key.clone()).collect();
        if let (Ok(config), Export::Transform(plugin)) = (checked.into_result(), &export) {
            keys.extend(plugin.validate(&config).into_iter().map(|issue| issue.key));
        }
        keys
    };
    assert_eq!(issues("InsertField$Key", &[]), ["topic.field"]);
    assert_eq!(issues("InsertField$Key", &[("static.field", "a")]), ["static.value"]);
    assert_eq!(issues("SetSchemaMetadata$Value", &[]), ["schema.name"]);
    let uneven = [("fields", "a,b"), ("headers", "h"), ("operation", "copy")];
    assert_eq!(issues("HeaderFrom$Value", &uneven), ["headers"]);
    assert_eq!(issues("TimestampConverter$Value", &[("target.type", "string")]), ["format"]);
    assert_eq!(issues("TimestampConverter$Value", &[("target.type", "unix"), ("format", "YYYY")]), ["format"]);
    assert_eq!(issues("TimestampRouter", &[("timestamp.format", "ww")]), ["timestamp.format"]);
    assert_eq!(issues("RegexRouter", &[("regex", "("), ("replacement", "x")]), ["regex"]);
    assert_eq!(issues("RegexRouter", &[("regex", "a"), ("replacement", "$1")]), ["replacement"]);
    assert_eq!(issues("ExtractField$Key", &[("field", "`a"), ("field.syntax.version", "V2")]), ["field"]);
    assert_eq!(issues("Cast$Key", &[("spec", "a:int9")]), ["spec"]);
    assert_eq!(issues("TopicNameMatches", &[("pattern", "[")]), ["pattern"]);
}

/// Every class with its keys, as README.md has them at its end.
fn keys_of_all() -> String {
    let mut text = String::new();
    for export in transforms::all() {
        let definition = export.definition();
        let simple = definition.simple_name();
        if simple.ends_with("$Key") {
            continue;
        }
        let _ = write!(text, "\n### {}\n\n{}\n", simple.split('$').next().unwrap(), definition.doc);
        if !definition.config.keys().is_empty() {
            let _ = write!(text, "\n{}", definition.config.markdown());
        }
    }
    text
}

#[test]
fn the_readme_has_the_keys_of_every_class() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = keys_of_all();
    let head = "## Keys\n";
    let (before, keys) = text.split_once(head).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{head}{expected}")).unwrap();
    } else {
        assert!(keys == expected, "README.md is behind, run this with UPDATE_README=1; it should end in:\n{expected}");
    }
}

#[test]
fn the_examples_of_the_readme_are_right() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut seen = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `") && line.contains("`type=")) {
        let example = line.split('`').find(|part| part.starts_with("type=")).unwrap();
        let mut pairs: Vec<(&str, &str)> = example.split("; ").filter_map(|pair| pair.split_once('=')).collect();
        let (_, class) = pairs.remove(0);
        let export = transforms::all().into_iter().find(|export| export.definition().answers_to(class)).unwrap();
        assert!(settings(&export, &raw(&pairs)).is_some(), "{line}");
        assert_eq!(export.definition().config.check(&raw(&pairs)).issues, [], "{line}");
        seen.push(class.split('$').next().unwrap().to_owned());
    }
    let mut all: Vec<&str> = SIDED.iter().chain(&WHOLE).chain(&PREDICATES).copied().collect();
    all.sort_unstable();
    seen.sort();
    assert_eq!(seen, all);
}
