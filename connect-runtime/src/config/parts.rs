//! The transforms, predicates and converters that a configuration names.

use connector_api::config::{Config, Issue, RawConfig};
use connector_api::{Error, Result};

use super::ConverterConfig;
use super::raw::{at_whole_key, behind, listed};
use crate::plugins::part::{Part, PartKind};
use crate::plugins::{AskedPlugin, Plugins};

/// What converters are for, as keys name it.
pub(super) const CONVERTERS: [&str; 3] = ["key", "value", "header"];

/// A transform, predicate or converter as a configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartConfig {
    /// What it is.
    pub kind: PartKind,
    /// The key that names its class.
    pub class_key: String,
    /// What stands before its own keys.
    pub prefix: String,
    /// The class as the user wrote it.
    pub class: String,
    /// Its own keys, without the prefix.
    pub options: RawConfig,
}

/// A transform, and for which records it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepConfig {
    /// Its name, by which keys and errors name it.
    pub name: String,
    /// The transform.
    pub transform: PartConfig,
    /// Only for records that this is for; and whether only for the others.
    pub predicate: Option<(PartConfig, bool)>,
}

impl PartConfig {
    /// A converter: `key`, `value` or `header`.
    pub fn converter(which: &str, config: &ConverterConfig) -> PartConfig {
        let class_key = format!("{which}.converter");
        let prefix = format!("{class_key}.");
        PartConfig {
            kind: PartKind::Converter,
            class_key,
            prefix,
            class: config.class.clone(),
            options: config.options.clone(),
        }
    }

    fn named(raw: &RawConfig, kind: PartKind, family: &str, name: &str) -> PartConfig {
        let prefix = format!("{family}.{name}.");
        let mut options = behind(raw, &prefix);
        let class = options.remove("type").unwrap_or_default().trim().to_owned();
        PartConfig { kind, class_key: format!("{prefix}type"), prefix, class, options }
    }

    /// The plugin, to run as the connector's configuration wants it.
    pub fn find(&self, plugins: &Plugins, connector: &RawConfig) -> std::result::Result<Part, Issue> {
        let version_key = format!("{}plugin.version", self.prefix);
        let version = self.options.get("plugin.version").map_or("", String::as_str);
        let asked = AskedPlugin { class: &self.class, class_key: &self.class_key, version, version_key: &version_key };
        plugins.part(self.kind, &asked, connector).map_err(|why| Issue::error(&self.class_key, why))
    }

    /// Its settings. The configuration has been checked before.
    pub fn settings(&self, part: &Part) -> Result<Config> {
        let checked = part.definition.config.read(&self.own_options());
        match checked.issues.into_iter().find(Issue::is_error) {
            Some(issue) => Err(self.error(&issue)),
            None => Ok(checked.config),
        }
    }

    /// The same issue, at the key as the connector's configuration has it.
    pub fn issue(&self, issue: Issue) -> Issue {
        at_whole_key(issue, &self.prefix)
    }

    /// The same as an error.
    pub fn error(&self, issue: &Issue) -> Error {
        let Issue { key, message, .. } = self.issue(issue.clone());
        Error::bad_config(key, message)
    }

    fn own_options(&self) -> RawConfig {
        let framework = |key: &str| key == "plugin.version" || (self.kind == PartKind::Transform && is_condition(key));
        let own = self.options.iter().filter(|(key, _)| !framework(key));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn is_condition(key: &str) -> bool {
    matches!(key, "predicate" | "negate")
}

/// The steps that a configuration names, in their order, as far as it can be made out.
pub fn steps(raw: &RawConfig) -> Vec<StepConfig> {
    let negated =
        |options: &RawConfig| options.get("negate").is_some_and(|word| word.trim().eq_ignore_ascii_case("true"));
    let step = |name: &str| {
        let transform = PartConfig::named(raw, PartKind::Transform, "transforms", name);
        let predicate = transform.options.get("predicate").map(|name| name.trim()).filter(|name| !name.is_empty());
        let predicate = predicate.map(|name| {
            let predicate = PartConfig::named(raw, PartKind::Predicate, "predicates", name);
            (predicate, negated(&transform.options))
        });
        StepConfig { name: name.to_owned(), transform, predicate }
    };
    listed(raw, "transforms").map(step).collect()
}

/// The predicates that a configuration names, in their order.
pub(super) fn predicates(raw: &RawConfig) -> Vec<PartConfig> {
    let named = |name| PartConfig::named(raw, PartKind::Predicate, "predicates", name);
    listed(raw, "predicates").map(named).collect()
}

/// The converter of a connector: its own, or the worker's. Naming one replaces the worker's whole block.
pub fn converter_of(raw: &RawConfig, which: &str, worker: &ConverterConfig) -> PartConfig {
    match raw.get(&format!("{which}.converter")) {
        Some(class) => {
            let options = behind(raw, &format!("{which}.converter."));
            PartConfig::converter(which, &ConverterConfig { class: class.trim().to_owned(), options })
        }
        None => PartConfig::converter(which, worker),
    }
}

/// The converters that a configuration names itself.
pub(super) fn own_converters(raw: &RawConfig) -> impl Iterator<Item = PartConfig> {
    let named = CONVERTERS.into_iter().filter(|which| raw.contains_key(&format!("{which}.converter")));
    named.map(|which| converter_of(raw, which, &ConverterConfig { class: String::new(), options: RawConfig::new() }))
}

/// All transforms, predicates and converters that a configuration names itself.
pub fn own_parts(raw: &RawConfig) -> Vec<PartConfig> {
    let transforms = steps(raw).into_iter().map(|step| step.transform);
    own_converters(raw).chain(transforms).chain(predicates(raw)).collect()
}
