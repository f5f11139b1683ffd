//! The names, version and keys of a connector, transform, predicate or converter as JSON: how a plugin describes itself.
//!
//! ```json
//! {"kind": "source", "class": "example.ThingSource", "aliases": ["thing"], "version": "1.0.0", "doc": "...",
//!  "keys": [{"name": "topic", "type": "STRING", "required": true, "doc": "Where the records go."},
//!           {"name": "every.ms", "type": "LONG", "default": "1000", "at_least": 1}]}
//! ```
//!
//! Of a key only `name` is needed. One of `one_of`, `between` (two numbers), `at_least` and `non_empty` says what a value must be;
//! checks in code are made by the plugin when a configuration is validated and at the start. `no_effect` names the reason why a key does
//! nothing, `only` the values that are allowed with `only_because`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::config::{Check, ConfigDef, ConfigKey, ConfigType, Effect, Importance, Preset, Width};
use crate::connector::Definition;

/// What a plugin says about one of those that are in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// `source`, `sink`, `transformation`, `predicate` or `converter`.
    pub kind: String,
    /// The class.
    pub class: String,
    /// Further names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its version.
    pub version: String,
    /// What it does.
    #[serde(default)]
    pub doc: String,
    /// Whether a source watches its system and asks to be split anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub watches: bool,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<Key>,
}

/// One key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    name: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    importance: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    doc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    display_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependents: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    non_empty: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    between: Option<(i64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_effect: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    only_because: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

pub(super) const TYPES: [ConfigType; 9] = [
    ConfigType::Boolean,
    ConfigType::String,
    ConfigType::Int,
    ConfigType::Short,
    ConfigType::Long,
    ConfigType::Double,
    ConfigType::List,
    ConfigType::Class,
    ConfigType::Password,
];
const IMPORTANCES: [Importance; 3] = [Importance::High, Importance::Medium, Importance::Low];
const WIDTHS: [Width; 4] = [Width::None, Width::Short, Width::Medium, Width::Long];

impl Described {
    /// What is said of a connector of that kind.
    pub fn new(kind: &str, definition: &Definition, watches: bool) -> Described {
        Described {
            kind: kind.to_owned(),
            class: definition.class.to_owned(),
            aliases: definition.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            version: definition.version.to_owned(),
            doc: definition.doc.to_owned(),
            watches,
            keys: definition.config.keys().iter().map(Key::of).collect(),
        }
    }

    /// The definition. Its texts stay for the life of the process, as the library that they are of does. The error says what is
    /// wrong with it.
    pub fn definition(&self) -> Result<Definition, String> {
        if self.class.is_empty() || self.version.is_empty() {
            return Err("a class or a version is empty".to_owned());
        }
        let mut config = ConfigDef::new();
        for key in &self.keys {
            config = config.key(key.config_key()?);
        }
        Ok(Definition {
            class: kept(&self.class),
            aliases: kept_list(&self.aliases),
            version: kept(&self.version),
            doc: kept(&self.doc),
            config,
        })
    }
}

impl Key {
    fn of(key: &ConfigKey) -> Key {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut said = Key {
            name: key.name.to_string(),
            kind: Some(key.kind.name().to_owned()),
            required: key.preset == Preset::Required,
            default: match &key.preset {
                Preset::Value(text) => Some(text.to_string()),
                _ => None,
            },
            importance: Some(key.importance.name().to_owned()),
            doc: key.doc.to_string(),
            group: key.group.to_string(),
            width: Some(key.width.name().to_owned()),
            display_name: key.display_name.to_string(),
            dependents: owned(&key.dependents),
            ..Key::default()
        };
        match key.check {
            Check::Any | Check::By(_) => {}
            Check::NonEmpty => said.non_empty = true,
            Check::OneOf(words) => said.one_of = owned(words),
            Check::Between(low, high) => said.between = Some((low, high)),
            Check::AtLeast(low) => said.at_least = Some(low),
        }
        match &key.effect {
            Effect::Full => {}
            Effect::None(reason) => said.no_effect = Some((*reason).to_owned()),
            Effect::Only(values, reason) => (said.only, said.only_because) = (owned(values), (*reason).to_owned()),
        }
        said
    }

    fn config_key(&self) -> Result<ConfigKey, String> {
        if self.name.is_empty() {
            return Err("a key has no name".to_owned());
        }
        let unknown = |what: &str, word: &str| format!("the key `{}` has an unknown {what}, `{word}`", self.name);
        let kind = match self.kind.as_deref() {
            None => ConfigType::String,
            Some(word) => find(&TYPES, word, |kind| kind.name()).ok_or_else(|| unknown("type", word))?,
        };
        let mut key = match (self.required, &self.default) {
            (true, _) => ConfigKey::required(self.name.clone(), kind),
            (false, Some(text)) => ConfigKey::preset(self.name.clone(), kind, text.clone()),
            (false, None) => ConfigKey::optional(self.name.clone(), kind),
        };
        if let Some(word) = self.importance.as_deref() {
            key.importance = find(&IMPORTANCES, word, |one| one.name()).ok_or_else(|| unknown("importance", word))?;
        }
        if let Some(word) = self.width.as_deref() {
            key.width = find(&WIDTHS, word, |one| one.name()).ok_or_else(|| unknown("width", word))?;
        }
        key.doc = Cow::Owned(self.doc.clone());
        key.group = Cow::Owned(self.group.clone());
        key.display_name = Cow::Owned(self.display_name.clone());
        key.dependents = kept_list(&self.dependents).to_vec();
        key.check = self.check()?;
        if let Some(reason) = &self.no_effect {
            key.effect = Effect::None(kept(reason));
        } else if !self.only.is_empty() {
            key.effect = Effect::Only(kept_list(&self.only), kept(&self.only_because));
        }
        Ok(key)
    }

    fn check(&self) -> Result<Check, String> {
        let one_of = (!self.one_of.is_empty()).then(|| Check::OneOf(kept_list(&self.one_of)));
        let between = self.between.map(|(low, high)| Check::Between(low, high));
        let at_least = self.at_least.map(Check::AtLeast);
        let non_empty = self.non_empty.then_some(Check::NonEmpty);
        let mut checks = [one_of, between, at_least, non_empty].into_iter().flatten();
        let check = checks.next().unwrap_or(Check::Any);
        match checks.next() {
            None => Ok(check),
            Some(_) => Err(format!(
                "the key `{}` has more than one of `one_of`, `between`, `at_least` and `non_empty`",
                self.name
            )),
        }
    }
}

fn find<T: Copy>(all: &[T], word: &str, name: impl Fn(&T) -> &'static str) -> Option<T> {
    all.iter().find(|one| name(one).eq_ignore_ascii_case(word)).copied()
}

fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn kept_list(texts: &[String]) -> &'static [&'static str] {
    Box::leak(texts.iter().map(|text| kept(text)).collect::<Vec<_>>().into_boxed_slice())
}
