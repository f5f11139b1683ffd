//! Configuration: what keys there are, what they mean, and the settings read by them.
//!
//! A connector states its keys once, as a [`ConfigDef`]. Checking, documentation, the forms of REST clients and the
//! typed [`Config`] that a task receives all come from it. Nothing in a configuration is ignored in silence: a key that
//! is not known, or known but without effect, is named.

mod check;
mod def;
mod key;
mod settings;

pub use check::{Checked, Issue, Severity};
pub use def::ConfigDef;
pub use key::{Check, ConfigKey, ConfigType, Effect, Importance, Preset, Width};
pub use settings::{Config, Secret, Setting};

use std::collections::BTreeMap;

/// A configuration as users write it: flat, text to text.
pub type RawConfig = BTreeMap<String, String>;
