//! All the keys of a connector.

use super::{ConfigKey, Preset};

/// The keys that a connector knows, in the order in which forms and documents show them.
#[derive(Clone, Debug, Default)]
pub struct ConfigDef {
    keys: Vec<ConfigKey>,
}

impl ConfigDef {
    /// No keys yet.
    pub fn new() -> ConfigDef {
        ConfigDef::default()
    }

    /// The same with one more key. A key of the same name that is there already stays and wins.
    pub fn key(mut self, key: ConfigKey) -> ConfigDef {
        if !self.keys.iter().any(|known| known.name == key.name) {
            self.keys.push(key);
        }
        self
    }

    /// The same with these keys after its own; its own win.
    pub fn and(self, others: &ConfigDef) -> ConfigDef {
        others.keys.iter().cloned().fold(self, ConfigDef::key)
    }

    /// The same with a group for every key that has none.
    pub fn grouped(mut self, group: &'static str) -> ConfigDef {
        for key in self.keys.iter_mut().filter(|key| key.group.is_empty()) {
            key.group = group.into();
        }
        self
    }

    /// The keys in order.
    pub fn keys(&self) -> &[ConfigKey] {
        &self.keys
    }

    /// The key that a name as the user wrote it means. An exact name goes before a family with a `*`.
    pub fn find(&self, name: &str) -> Option<&ConfigKey> {
        let exact = self.keys.iter().find(|key| key.name == name);
        exact.or_else(|| self.keys.iter().find(|key| key.matches(name)))
    }

    /// The known key that a misspelled name most likely means. `None` if nothing is near.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.keys.iter().map(|key| key.name.as_ref()).filter(|known| !known.contains('*')))
    }

    /// A Markdown table of the keys: name, default, meaning.
    pub fn markdown(&self) -> String {
        let mut table = String::from("| key | default | meaning |\n|---|---|---|\n");
        for key in &self.keys {
            let preset = match &key.preset {
                Preset::Required => "**required**".to_owned(),
                Preset::Null => "-".to_owned(),
                Preset::Value(value) if value.is_empty() => "empty".to_owned(),
                Preset::Value(value) => format!("`{value}`"),
            };
            let doc = match &key.effect {
                super::Effect::Full => key.doc.to_string(),
                super::Effect::None(reason) => format!("Taken without effect: {reason}."),
                super::Effect::Only(values, reason) => {
                    format!("{} Only `{}`: {reason}.", key.doc, values.join("`, `")).trim_start().to_owned()
                }
            };
            table.push_str(&format!("| `{}` | {preset} | {} |\n", key.name, doc.replace('|', "\\|")));
        }
        table
    }
}

/// The candidate that a misspelled word most likely means.
///
/// Near is: at most two slips for short words, one in four letters for longer ones, counted as insertions, deletions,
/// exchanges and swaps of neighbours.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 4).max(2);
    candidates
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
