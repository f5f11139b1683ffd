//! Settings: a configuration that has been read and checked.

use std::collections::BTreeMap;
use std::fmt;

use super::RawConfig;

/// One value that has been read.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Not set, and no default.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A whole number of any width.
    Number(i64),
    /// A decimal number.
    Double(f64),
    /// Text or a class name.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// A password.
    Password(Secret),
}

/// Text that never shows in logs, errors or replies.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides that text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A configuration that has been read by its definition: every key of the definition has a setting of its type.
///
/// The getters panic when asked for a key that the definition does not have or has with another type: that is a mistake
/// of the connector's author, not of its user, and shows on the first run.
#[derive(Clone, Debug, Default)]
pub struct Config {
    settings: BTreeMap<String, Setting>,
    raw: RawConfig,
}

impl Config {
    pub(super) fn new(settings: BTreeMap<String, Setting>, raw: RawConfig) -> Config {
        Config { settings, raw }
    }

    /// What the user wrote, unknown keys included. Passwords are in it in clear: never print it.
    pub fn raw(&self) -> &RawConfig {
        &self.raw
    }

    /// The setting of a key; `None` if neither the definition nor the user named it.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// All keys and settings, those that a family of keys (`headers.*`) matched among them: by the name that the user
    /// wrote, such as `headers.Authorization`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(key, setting)| (key.as_str(), setting))
    }

    /// A boolean; false where there is neither value nor default.
    pub fn boolean(&self, key: &str) -> bool {
        match self.get(key) {
            Setting::Boolean(value) => *value,
            Setting::Null => false,
            other => wrong_type(key, other),
        }
    }

    /// A whole number, where there is one.
    pub fn number(&self, key: &str) -> Option<i64> {
        match self.get(key) {
            Setting::Number(value) => Some(*value),
            Setting::Null => None,
            other => wrong_type(key, other),
        }
    }

    /// A whole number that has a default or is required, as a count: below zero counts as zero.
    pub fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key).unwrap_or(0)).unwrap_or(0)
    }

    /// A number of milliseconds that has a default or is required.
    pub fn millis(&self, key: &str) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.number(key).unwrap_or(0)).unwrap_or(0))
    }

    /// A decimal number, where there is one.
    pub fn double(&self, key: &str) -> Option<f64> {
        match self.get(key) {
            Setting::Double(value) => Some(*value),
            Setting::Null => None,
            other => wrong_type(key, other),
        }
    }

    /// Text; empty where there is neither value nor default.
    pub fn text(&self, key: &str) -> &str {
        self.optional(key).unwrap_or("")
    }

    /// Text, where there is one.
    pub fn optional(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Setting::Text(value) => Some(value),
            Setting::Null => None,
            other => wrong_type(key, other),
        }
    }

    /// A list; empty where there is neither value nor default.
    pub fn list(&self, key: &str) -> &[String] {
        match self.get(key) {
            Setting::List(items) => items,
            Setting::Null => &[],
            other => wrong_type(key, other),
        }
    }

    /// A password, where there is one.
    pub fn password(&self, key: &str) -> Option<&Secret> {
        match self.get(key) {
            Setting::Password(secret) => Some(secret),
            Setting::Null => None,
            other => wrong_type(key, other),
        }
    }

    fn get(&self, key: &str) -> &Setting {
        match self.settings.get(key) {
            Some(setting) => setting,
            None => panic!("the definition has no key `{key}`"),
        }
    }
}

fn wrong_type(key: &str, setting: &Setting) -> ! {
    panic!("the definition has `{key}` with another type: {setting:?}")
}
