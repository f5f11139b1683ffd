//! The keys of the transforms, predicates and converters that a configuration names, and what is wrong with them.

use connector_api::config::ConfigType::{Boolean, Class, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey, Issue, RawConfig};

use super::WorkerConfig;
use super::parts::{CONVERTERS, PartConfig, converter_of, own_converters, predicates, steps};
use super::raw::listed;
use crate::plugins::Plugins;
use crate::plugins::version::Wanted;

/// The keys of everything that the configuration names, by their full names.
pub fn part_keys(raw: &RawConfig, plugins: &Plugins) -> ConfigDef {
    let mut def = ConfigDef::new();
    for converter in own_converters(raw) {
        def = def.and(&own_keys(&converter, raw, plugins, "Converter"));
    }
    for which in CONVERTERS.iter().filter(|which| !raw.contains_key(&format!("{which}.converter"))) {
        let family = ConfigKey::optional(format!("{which}.converter.*"), Text);
        def = def.key(family.group("Common").doc(format!("Keys of the {which} converter.")));
    }
    for step in steps(raw) {
        let group = format!("Transforms: {}", step.name);
        let own = own_keys(&step.transform, raw, plugins, &group);
        def = def.and(&grouped(step_keys(&step.transform), &group)).and(&own);
    }
    for (predicate, name) in predicates(raw).iter().zip(listed(raw, "predicates")) {
        let group = format!("Predicates: {name}");
        let class = ConfigKey::required(predicate.class_key.clone(), Class).doc("The class of the predicate.");
        def = def.key(class.group(group.clone())).and(&own_keys(predicate, raw, plugins, &group));
    }
    def
}

/// What every transform has. These hide keys of its own that have the same names, as in Kafka Connect.
fn step_keys(transform: &PartConfig) -> ConfigDef {
    let prefix = &transform.prefix;
    ConfigDef::new()
        .key(ConfigKey::required(transform.class_key.clone(), Class).doc("The class of the transform."))
        .key(
            ConfigKey::optional(format!("{prefix}predicate"), Text)
                .doc("The name of a predicate of `predicates`: the transform is for the records that it is for."),
        )
        .key(
            ConfigKey::preset(format!("{prefix}negate"), Boolean, "false")
                .doc("Whether the transform is for all other records instead."),
        )
}

fn own_keys(part: &PartConfig, raw: &RawConfig, plugins: &Plugins, group: &str) -> ConfigDef {
    let version = ConfigKey::optional(format!("{}plugin.version", part.prefix), Text)
        .check(Check::By(|text| Wanted::read(text).map(drop)))
        .doc("Which version of it; see `connector.plugin.version`.");
    let mut def = ConfigDef::new().key(version);
    match part.find(plugins, raw) {
        Ok(found) => {
            for key in found.definition.config.keys() {
                let mut key = key.clone();
                key.name = format!("{}{}", part.prefix, key.name).into();
                key.dependents.clear();
                def = def.key(key);
            }
        }
        // That the class is wrong is said elsewhere; what other keys are there cannot be told right from wrong.
        Err(_) => def = def.key(ConfigKey::optional(format!("{}*", part.prefix), Text)),
    }
    grouped(def, group)
}

fn grouped(def: ConfigDef, group: &str) -> ConfigDef {
    def.keys().iter().cloned().map(|key| key.group(group.to_owned())).fold(ConfigDef::new(), ConfigDef::key)
}

/// What is wrong with what is named, beyond single keys.
pub fn part_issues(raw: &RawConfig, worker: &WorkerConfig, plugins: &Plugins) -> Vec<Issue> {
    let mut issues = Vec::new();
    for family in ["transforms", "predicates"] {
        issues.extend(twice(raw, family));
    }
    let workers = [&worker.key_converter, &worker.value_converter, &worker.header_converter];
    for (which, worker) in CONVERTERS.into_iter().zip(workers) {
        issues.extend(converter_of(raw, which, worker).find(plugins, raw).err());
        issues.extend(lone_options(raw, which));
    }
    let known: Vec<&str> = listed(raw, "predicates").collect();
    for step in steps(raw) {
        let named = |part: &PartConfig| !part.class.is_empty();
        issues.extend(Some(&step.transform).filter(|part| named(part)).and_then(|part| part.find(plugins, raw).err()));
        issues.extend(condition_issue(&step.transform, &known));
    }
    let wrong = predicates(raw).into_iter().filter(|part| !part.class.is_empty());
    issues.extend(wrong.filter_map(|predicate| predicate.find(plugins, raw).err()));
    issues
}

fn twice(raw: &RawConfig, family: &str) -> Option<Issue> {
    let names: Vec<&str> = listed(raw, family).collect();
    let again = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
    again.map(|(_, name)| Issue::error(family, format!("`{family}` has the name `{name}` twice.")))
}

fn condition_issue(transform: &PartConfig, known: &[&str]) -> Option<Issue> {
    let key = |name: &str| format!("{}{name}", transform.prefix);
    let predicate = transform.options.get("predicate").map(|name| name.trim()).filter(|name| !name.is_empty());
    match predicate {
        Some(name) if !known.contains(&name) => {
            let key = key("predicate");
            let message = format!("`{key}` names the predicate `{name}`, which is not in `predicates`.");
            Some(Issue::error(key, message))
        }
        None if transform.options.contains_key("negate") => {
            let (negate, predicate) = (key("negate"), key("predicate"));
            let message = format!("`{negate}` needs `{predicate}`: there is nothing to negate.");
            Some(Issue::error(negate, message))
        }
        _ => None,
    }
}

/// Options of a converter that the configuration does not name.
fn lone_options(raw: &RawConfig, which: &str) -> Vec<Issue> {
    let key = format!("{which}.converter");
    if raw.contains_key(&key) {
        return Vec::new();
    }
    let prefix = format!("{key}.");
    let lone = |option: &String| {
        let message = format!("`{option}` has no effect without `{key}`: the worker's converter is used as it is.");
        Issue::warning(option.clone(), message)
    };
    raw.keys().filter(|option| option.starts_with(&prefix)).map(lone).collect()
}
