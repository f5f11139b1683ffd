//! Paths to fields, as KIP-821 writes them.

use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType, Importance};

use crate::keys;

/// Which way of writing paths holds.
pub(crate) const SYNTAX: &str = "field.syntax.version";

/// How many names a path may have.
const MAX_STEPS: usize = 100;

/// The names on the way to a field, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: String,
    steps: Vec<String>,
}

/// [`SYNTAX`].
pub(crate) fn syntax_key() -> ConfigKey {
    ConfigKey::preset(SYNTAX, ConfigType::String, "V1")
        .importance(Importance::High)
        .check(connector_api::config::Check::OneOf(&["V1", "V2"]))
        .doc(
            "How fields are named: `V1` takes the name as it is; with `V2` dots lead into nested fields, and backticks stand around a \
             name that holds dots.",
        )
}

impl FieldPath {
    /// A path of the syntax that a configuration asks for. The error completes "the value of a key is wrong: ...".
    pub fn of(config: &Config, text: &str) -> Result<FieldPath, String> {
        let steps = if config.text(SYNTAX).eq_ignore_ascii_case("V2") { steps(text)? } else { vec![text.to_owned()] };
        Ok(FieldPath { text: text.to_owned(), steps })
    }

    /// The path as the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the structs that the field is in, and its own.
    pub fn into_place(mut self) -> (Vec<String>, String) {
        let last = self.steps.pop().unwrap_or_default();
        (self.steps, last)
    }

    /// Its names, from the outermost.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

/// Whether the paths of a key can be read, for `validate`.
pub(crate) fn issues<'t>(
    config: &Config,
    key: &str,
    texts: impl Iterator<Item = &'t str>,
) -> Vec<connector_api::config::Issue> {
    let wrong = texts.filter_map(|text| FieldPath::of(config, text).err());
    wrong.map(|why| connector_api::config::Issue::error(key, format!("`{key}` is wrong: {why}."))).collect()
}

/// The same with [`SYNTAX`] after its keys.
pub(crate) fn with_syntax(keys: ConfigDef) -> ConfigDef {
    keys.key(syntax_key()).key(keys::replace_null())
}

fn steps(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Err("it must not be empty".to_owned());
    }
    let mut steps = Vec::new();
    let mut rest = Some(text);
    while let Some(path) = rest {
        let (step, after) = match path.strip_prefix('`') {
            Some(inside) => quoted(inside).ok_or_else(|| unclosed(text))?,
            None => match path.split_once('.') {
                Some((step, after)) => (step.to_owned(), Some(after)),
                None => (path.to_owned(), None),
            },
        };
        steps.push(step);
        if steps.len() > MAX_STEPS {
            return Err(format!("it has more than {MAX_STEPS} names"));
        }
        rest = after;
    }
    Ok(steps)
}

fn unclosed(text: &str) -> String {
    format!(
        "a backtick of `{text}` is not closed before a dot or the end; a backslash before one at a name's end keeps it"
    )
}

/// A name up to the backtick that a dot or the end follows, and the path behind the dot. Other backticks belong to the name, also one
/// with a dot behind it if a backslash stands before it, which goes.
fn quoted(inside: &str) -> Option<(String, Option<&str>)> {
    let mut name = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('`')?;
        name.push_str(before);
        let escaped = before.ends_with('\\');
        match after.strip_prefix('.') {
            Some(path) if !escaped => return Some((name, Some(path))),
            None if after.is_empty() && !escaped => return Some((name, None)),
            None if after.is_empty() => return None,
            Some(_) => {
                name.pop();
            }
            None => {}
        }
        name.push('`');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dots_part_names_and_backticks_hold_them_together() {
        let of = |text| steps(text).unwrap();
        assert_eq!(of("a.b.c"), ["a", "b", "c"]);
        assert_eq!(of("`a.b`.c"), ["a.b", "c"]);
        assert_eq!(of("a.`b.c`"), ["a", "b.c"]);
        assert_eq!(of("a`b.c"), ["a`b", "c"]);
        assert_eq!(of("`a`b.c`.d"), ["a`b.c", "d"]);
        assert_eq!(of(r"`a\`.b`.c"), ["a`.b", "c"]);
        assert_eq!(of("a."), ["a", ""]);
        for bad in ["", "`a", "`a.b", r"`a\`", "`", "a.`b"] {
            assert!(steps(bad).is_err(), "{bad}");
        }
        assert!(steps(&"a.".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn every_name_can_be_written(names in proptest::collection::vec("[a-z.]{0,5}", 1..5)) {
            let text = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(".");
            prop_assert_eq!(steps(&text).unwrap(), names);
        }

        #[test]
        fn nothing_panics(text in r"[a`.\\ü]{0,12}") {
            let _ = steps(&text);
        }
    }
}
