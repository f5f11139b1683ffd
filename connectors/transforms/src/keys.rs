//! Keys that several transforms have, and checks on keys.

use connector_api::config::{Check, ConfigKey, ConfigType, Importance};
use connector_api::{Error, Result};

/// Whether a null stands for the default of its field.
pub(crate) const REPLACE_NULL: &str = "replace.null.with.default";

/// [`REPLACE_NULL`], which Kafka Connect added with KIP-1040.
pub(crate) fn replace_null() -> ConfigKey {
    ConfigKey::preset(REPLACE_NULL, ConfigType::Boolean, "true")
        .doc("Whether a null in a field that has a default becomes the default; `false` leaves it null.")
}

/// A required list that must not be empty.
pub(crate) fn names(name: &'static str) -> ConfigKey {
    ConfigKey::required(name, ConfigType::List).check(Check::By(not_empty))
}

fn not_empty(text: &str) -> Result<(), String> {
    let named = text.split(',').any(|item| !item.trim().is_empty());
    if named { Ok(()) } else { Err("it must name at least one".to_owned()) }
}

/// A required text.
pub(crate) fn text(name: &'static str) -> ConfigKey {
    ConfigKey::required(name, ConfigType::String)
}

/// A text that may be left out.
pub(crate) fn optional_text(name: &'static str) -> ConfigKey {
    ConfigKey::optional(name, ConfigType::String).importance(Importance::Medium)
}

/// An exact word: Kafka Connect tells upper case from lower here, and so do the task configurations that it would take over.
pub(crate) fn one_of(text: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&text.trim()) { Ok(()) } else { Err(format!("it must be one of `{}`", words.join("`, `"))) }
}

/// What a check on a key said, as an error.
pub(crate) fn wrong(key: &str, why: String) -> Error {
    Error::bad_config(key, format!("`{key}` is wrong: {why}"))
}
