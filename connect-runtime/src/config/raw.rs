//! What stands in a configuration as it was written (pure).

use connector_api::config::{Issue, RawConfig};

/// The settings behind a prefix, without it.
pub(crate) fn behind(raw: &RawConfig, prefix: &str) -> RawConfig {
    raw.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
}

/// The items of a list; none if the key is not there.
pub(crate) fn listed<'a>(raw: &'a RawConfig, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let list = raw.get(key).map_or("", String::as_str);
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// What there is to say about a setting [`behind`] a prefix, at its whole key.
pub(crate) fn at_whole_key(issue: Issue, prefix: &str) -> Issue {
    let key = format!("{prefix}{}", issue.key);
    let message = issue.message.replace(&format!("`{}`", issue.key), &format!("`{key}`"));
    Issue { key, message, severity: issue.severity }
}
