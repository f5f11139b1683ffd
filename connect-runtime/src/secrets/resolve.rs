//! References in configurations: `${provider:key}` and `${provider:path:key}`, anywhere in a value, many per value.

use std::collections::BTreeSet;

use connector_api::config::RawConfig;

/// A configuration with every reference's value in its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Resolved {
    /// With secrets: never to be stored, shown or logged.
    pub config: RawConfig,
    /// The keys whose values hold references.
    pub referring: BTreeSet<String>,
}

/// Says which keys refer, and nothing of the values.
impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolved").field("referring", &self.referring).finish_non_exhaustive()
    }
}

impl Resolved {
    /// Puts references back where a task's configuration repeats what they stand for, so that it may be stored.
    pub fn unresolve(&self, raw: &RawConfig, task: &RawConfig) -> RawConfig {
        let entry = |(key, value): (&String, &String)| {
            let same = self.referring.contains(key) && self.config.get(key) == Some(value);
            (key.clone(), raw.get(key).filter(|_| same).unwrap_or(value).clone())
        };
        task.iter().map(entry).collect()
    }
}

/// A reference in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The whole of it, from `$` to `}`.
    pub whole: &'a str,
    /// The provider's name.
    pub provider: &'a str,
    /// The path; empty if there is none.
    pub path: &'a str,
    /// The key.
    pub key: &'a str,
}

/// The references in a value, in order.
pub fn references(value: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { break };
        let whole = &rest[start..=start + end];
        found.extend(reference(whole));
        rest = &rest[start + end + 1..];
    }
    found
}

/// The provider ends at the first colon, the key begins behind the last.
fn reference(whole: &str) -> Option<Reference<'_>> {
    let inner = whole.strip_prefix("${")?.strip_suffix('}')?;
    let (provider, rest) = inner.split_once(':')?;
    let (path, key) = rest.rsplit_once(':').unwrap_or(("", rest));
    (!provider.is_empty() && !key.is_empty()).then_some(Reference { whole, provider, path, key })
}

/// Resolves every value. `get` is given the key, the provider, the path and the name.
pub(super) fn resolve(
    raw: &RawConfig,
    get: impl Fn(&str, &str, &str, &str) -> Result<String, String>,
) -> Result<Resolved, String> {
    let mut resolved = Resolved { config: raw.clone(), referring: BTreeSet::new() };
    for (key, value) in raw {
        let references = references(value);
        if references.is_empty() {
            continue;
        }
        let mut text = value.clone();
        for reference in references {
            let found = get(key, reference.provider, reference.path, reference.key)
                .map_err(|why| format!("The reference in `{key}` has no value: {why}."))?;
            text = text.replacen(reference.whole, &found, 1);
        }
        resolved.config.insert(key.clone(), text);
        resolved.referring.insert(key.clone());
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn references_are_found_anywhere_in_a_value() {
        let found = references("jdbc://${env:USER}:${file:/etc/a:b.properties:pw}@h/${x}${:y}${");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].provider, found[0].path, found[0].key), ("env", "", "USER"));
        assert_eq!((found[1].provider, found[1].path, found[1].key), ("file", "/etc/a:b.properties", "pw"));
    }

    #[test]
    fn a_task_s_configuration_is_stored_with_the_references_of_its_connector() {
        let written = raw(&[("password", "${env:PW}"), ("host", "h")]);
        let resolved = resolve(&written, |_, _, _, _| Ok("s3cret".to_owned())).unwrap();
        let task = raw(&[("password", "s3cret"), ("host", "h"), ("table", "t")]);
        let stored = resolved.unresolve(&written, &task);
        assert_eq!(stored, raw(&[("password", "${env:PW}"), ("host", "h"), ("table", "t")]));
        assert!(!format!("{resolved:?}").contains("s3cret"));
    }

    #[test]
    fn a_reference_without_a_value_names_its_key() {
        let error = resolve(&raw(&[("a", "${env:X}")]), |_, _, _, _| Err("no X".to_owned())).unwrap_err();
        assert_eq!(error, "The reference in `a` has no value: no X.");
    }
}
