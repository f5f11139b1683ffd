//! Reading a configuration by its definition.

use std::collections::BTreeMap;
use std::fmt;

use super::def::nearest;
use super::{Check, Config, ConfigDef, ConfigKey, ConfigType, Effect, Preset, RawConfig, Secret, Setting};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It runs, but not as the user may believe.
    Warning,
    /// It does not run.
    Error,
}

/// Something to say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The key, as the user wrote it.
    pub key: String,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence that says what is wrong and what to do. Never holds the value of a password.
    pub message: String,
}

impl Issue {
    /// An error at that key.
    pub fn error(key: impl Into<String>, message: impl Into<String>) -> Issue {
        Issue { key: key.into(), severity: Severity::Error, message: message.into() }
    }

    /// A warning at that key.
    pub fn warning(key: impl Into<String>, message: impl Into<String>) -> Issue {
        Issue { key: key.into(), severity: Severity::Warning, message: message.into() }
    }

    /// Whether it keeps the connector from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What came of reading a configuration.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The settings; those of keys with errors are null.
    pub config: Config,
    /// What there is to say, in the order of the definition, unknown keys last.
    pub issues: Vec<Issue>,
}

impl Checked {
    /// The settings, unless there is an error.
    pub fn into_result(self) -> Result<Config, Vec<Issue>> {
        if self.issues.iter().any(Issue::is_error) { Err(self.issues) } else { Ok(self.config) }
    }
}

impl ConfigDef {
    /// Reads a configuration: types, defaults, checks, keys without effect, unknown keys with the nearest known one.
    pub fn check(&self, raw: &RawConfig) -> Checked {
        let mut checked = self.read(raw);
        let unknown: Vec<&String> = raw.keys().filter(|name| self.find(name).is_none()).collect();
        for name in &unknown {
            let message = match self.nearest(name) {
                Some(near) => {
                    format!("`{name}` is not a known key and has no effect; the nearest known key is `{near}`.")
                }
                None => format!("`{name}` is not a known key and has no effect."),
            };
            checked.issues.push(Issue::warning(name.as_str(), message));
        }
        for issue in checked.issues.iter_mut().filter(|issue| issue.is_error() && !raw.contains_key(&issue.key)) {
            if let Some(near) = nearest(&issue.key, unknown.iter().map(|name| name.as_str())) {
                issue.message.push_str(&format!(" Is `{near}` meant to be it?"));
            }
        }
        checked
    }

    /// Reads a configuration without a word on keys that the definition does not have: for a part of the keys, such as
    /// those of a task.
    pub fn read(&self, raw: &RawConfig) -> Checked {
        let mut settings = BTreeMap::new();
        let mut issues = Vec::new();
        for key in self.keys() {
            if key.name.contains('*') {
                let names = raw.keys().filter(|name| self.find(name).is_some_and(|found| found.name == key.name));
                for name in names {
                    settings.insert(name.clone(), setting(key, name, raw, &mut issues));
                }
            } else {
                settings.insert(key.name.to_string(), setting(key, &key.name, raw, &mut issues));
            }
        }
        Checked { config: Config::new(settings, raw.clone()), issues }
    }
}

fn setting(key: &ConfigKey, name: &str, raw: &RawConfig, issues: &mut Vec<Issue>) -> Setting {
    let given = raw.get(name).map(String::as_str);
    let text = match (given, &key.preset) {
        (Some(text), _) => text,
        (None, Preset::Value(text)) => text.as_ref(),
        (None, Preset::Null) => return Setting::Null,
        (None, Preset::Required) => {
            issues.push(Issue::error(name, format!("`{name}` is required and not set.")));
            return Setting::Null;
        }
    };
    if given.is_some() {
        issues.extend(effect_issue(key, name, text));
    }
    let read = parse(key.kind, text).and_then(|setting| {
        let null_by_default = given.is_none() && key.preset == Preset::Null;
        if null_by_default { Ok(setting) } else { obey(&key.check, text, &setting).map(|()| setting) }
    });
    read.unwrap_or_else(|why| {
        let shown = if key.kind == ConfigType::Password { String::new() } else { format!(" `{}`", shorten(text)) };
        issues.push(Issue::error(name, format!("The value{shown} of `{name}` is wrong: {why}.")));
        Setting::Null
    })
}

fn effect_issue(key: &ConfigKey, name: &str, text: &str) -> Option<Issue> {
    match &key.effect {
        Effect::Full => None,
        Effect::None(reason) => Some(Issue::warning(name, format!("`{name}` has no effect here: {reason}."))),
        Effect::Only(values, reason) => {
            let allowed = values.iter().any(|value| value.eq_ignore_ascii_case(text.trim()));
            let message = || format!("`{name}` can only be `{}` here: {reason}.", values.join("`, `"));
            (!allowed).then(|| Issue::error(name, message()))
        }
    }
}

fn parse(kind: ConfigType, text: &str) -> Result<Setting, String> {
    let whole = |low: i64, high: i64| match text.trim().parse::<i64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(Setting::Number(number)),
        Ok(_) => Err(format!("it must be from {low} to {high}")),
        Err(_) => Err("it must be a whole number".to_owned()),
    };
    match kind {
        ConfigType::Boolean if text.trim().eq_ignore_ascii_case("true") => Ok(Setting::Boolean(true)),
        ConfigType::Boolean if text.trim().eq_ignore_ascii_case("false") => Ok(Setting::Boolean(false)),
        ConfigType::Boolean => Err("it must be `true` or `false`".to_owned()),
        ConfigType::Short => whole(i64::from(i16::MIN), i64::from(i16::MAX)),
        ConfigType::Int => whole(i64::from(i32::MIN), i64::from(i32::MAX)),
        ConfigType::Long => whole(i64::MIN, i64::MAX),
        ConfigType::Double => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Setting::Double(number)),
            _ => Err("it must be a number".to_owned()),
        },
        ConfigType::List => {
            let items = text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty());
            Ok(Setting::List(items.collect()))
        }
        ConfigType::String | ConfigType::Class => Ok(Setting::Text(text.trim().to_owned())),
        ConfigType::Password => Ok(Setting::Password(Secret::new(text))),
    }
}

fn obey(check: &Check, text: &str, setting: &Setting) -> Result<(), String> {
    let number = match setting {
        Setting::Number(number) => *number,
        _ => 0,
    };
    match *check {
        Check::Any => Ok(()),
        Check::NonEmpty if text.trim().is_empty() => Err("it must not be empty".to_owned()),
        Check::NonEmpty => Ok(()),
        Check::OneOf(words) if words.iter().any(|word| word.eq_ignore_ascii_case(text.trim())) => Ok(()),
        Check::OneOf(words) => {
            let near = nearest(text.trim(), words.iter().copied());
            let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
            Err(format!("it must be one of `{}`{hint}", words.join("`, `")))
        }
        Check::Between(low, high) if (low..=high).contains(&number) => Ok(()),
        Check::Between(low, high) => Err(format!("it must be from {low} to {high}")),
        Check::AtLeast(low) if number >= low => Ok(()),
        Check::AtLeast(low) => Err(format!("it must be at least {low}")),
        Check::By(function) => function(text),
    }
}

/// Long values are cut in messages.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn def() -> ConfigDef {
        ConfigDef::new()
            .key(ConfigKey::required("database.hostname", ConfigType::String).check(Check::NonEmpty))
            .key(ConfigKey::preset("database.port", ConfigType::Int, "5432").check(Check::Between(1, 65535)))
            .key(ConfigKey::optional("database.password", ConfigType::Password).check(Check::By(|_| Err("no".into()))))
            .key(
                ConfigKey::preset("snapshot.mode", ConfigType::String, "initial")
                    .check(Check::OneOf(&["initial", "no_data"])),
            )
            .key(ConfigKey::optional("snapshot.fetch.size", ConfigType::Int).no_effect("rows are streamed"))
            .key(
                ConfigKey::preset("plugin.name", ConfigType::String, "pgoutput")
                    .only(&["pgoutput"], "no other is built in"),
            )
            .key(ConfigKey::optional("override.*", ConfigType::String))
    }

    fn raw(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn messages(pairs: &[(&str, &str)]) -> Vec<String> {
        def().check(&raw(pairs)).issues.iter().map(|issue| format!("{:?}: {issue}", issue.severity)).collect()
    }

    #[test]
    fn defaults_and_families_are_read() {
        let checked = def().check(&raw(&[("database.hostname", " db "), ("override.a.b", "x")]));
        assert_eq!(checked.issues, []);
        assert_eq!(checked.config.text("database.hostname"), "db");
        assert_eq!(checked.config.number("database.port"), Some(5432));
        assert_eq!(checked.config.setting("override.a.b"), Some(&Setting::Text("x".into())));
        assert_eq!(checked.config.password("database.password"), None);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_one() {
        assert_eq!(
            messages(&[("database.hostname", "db"), ("snapshot.mod", "initial"), ("zebra", "1")]),
            [
                "Warning: `snapshot.mod` is not a known key and has no effect; the nearest known key is `snapshot.mode`.",
                "Warning: `zebra` is not a known key and has no effect.",
            ]
        );
    }

    #[test]
    fn a_misspelled_required_key_is_an_error_that_says_so() {
        assert_eq!(
            messages(&[("databse.hostname", "db")])[0],
            "Error: `database.hostname` is required and not set. Is `databse.hostname` meant to be it?"
        );
    }

    #[test]
    fn wrong_values_are_named_but_passwords_are_not_shown() {
        let pairs = [
            ("database.hostname", ""),
            ("database.port", "70000"),
            ("database.password", "s3cret"),
            ("snapshot.mode", "intial"),
            ("snapshot.fetch.size", "1"),
            ("plugin.name", "decoderbufs"),
        ];
        let all = messages(&pairs);
        assert!(all[0].contains("must not be empty"), "{all:?}");
        assert!(all[1].contains("`70000` of `database.port` is wrong: it must be from 1 to 65535"), "{all:?}");
        assert!(all[2].contains("`database.password` is wrong") && !all[2].contains("s3cret"), "{all:?}");
        assert!(all[3].contains("the nearest is `initial`"), "{all:?}");
        assert!(all[4].starts_with("Warning: `snapshot.fetch.size` has no effect here: rows are streamed"), "{all:?}");
        assert!(all[5].contains("can only be `pgoutput` here"), "{all:?}");
    }
}
