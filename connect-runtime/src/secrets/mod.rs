//! Secrets: what stands in configurations instead of them, and how they are had when a connector starts.
//!
//! A configuration may hold `${provider:path:key}`, as in Kafka Connect, for a value that a config provider has: a
//! file, a folder, the environment. What the user wrote in clear at a key of type PASSWORD becomes `${sealed:..}` before
//! it is stored: encrypted with a key that only the worker's data folder has. Topics, REST replies and logs hold such
//! references only; what they stand for lives in memory alone.

mod providers;
mod resolve;
mod seal;

pub use providers::Providers;
pub use resolve::{Resolved, references};
pub use seal::Seal;

use connector_api::config::{ConfigDef, ConfigType, RawConfig};

/// What a worker needs to know for secrets.
pub struct Secrets {
    seal: Seal,
    providers: Providers,
}

impl Secrets {
    /// Of that key and those providers.
    pub fn new(seal: Seal, providers: Providers) -> Secrets {
        Secrets { seal, providers }
    }

    /// Which key seals here: a fingerprint. Workers of a herd need the same.
    pub fn seal_id(&self) -> &str {
        self.seal.id()
    }

    /// Puts every reference's value in its place. The error names the key and what is wrong.
    pub fn resolve(&self, connector: &str, raw: &RawConfig) -> Result<Resolved, String> {
        resolve::resolve(raw, |key, provider, path, name| match provider {
            seal::PROVIDER => self.seal.open(name, connector, key),
            _ => self.providers.get(provider, path, name),
        })
    }

    /// Whether two configurations of a connector mean the same, whatever stands there for their secrets: sealing gives
    /// another text each time.
    pub fn same(&self, connector: &str, one: &RawConfig, other: &RawConfig) -> bool {
        let meant = |raw| self.resolve(connector, raw).map(|resolved| resolved.config);
        one == other || matches!((meant(one), meant(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// Seals what is secret and written in clear: keys of type PASSWORD, and keys that nobody knows but whose names
    /// sound like secrets (a misspelled `database.pasword` is one).
    pub fn seal(&self, connector: &str, raw: &RawConfig, keys: &ConfigDef) -> RawConfig {
        let entry = |(key, value): (&String, &String)| {
            let sealed = is_secret(keys, key) && !value.is_empty() && references(value).is_empty();
            (key.clone(), if sealed { self.seal.seal(value, connector, key) } else { value.clone() })
        };
        raw.iter().map(entry).collect()
    }
}

/// Whether any of these configurations, of connectors or tasks, holds what a worker has sealed.
pub fn any_sealed<'a>(configs: impl IntoIterator<Item = &'a RawConfig>) -> bool {
    let is_sealed = |value: &String| references(value).iter().any(|reference| reference.provider == seal::PROVIDER);
    configs.into_iter().any(|config| config.values().any(is_sealed))
}

/// Whether the value of a key must not be shown.
pub fn is_secret(keys: &ConfigDef, key: &str) -> bool {
    match keys.find(key) {
        Some(known) if known.kind == ConfigType::Password => true,
        Some(known) if !known.name.contains('*') => false,
        _ => sounds_secret(key),
    }
}

fn sounds_secret(key: &str) -> bool {
    const SOUNDS: [&str; 9] =
        ["passw", "pasw", "passphrase", "secret", "token", "credential", "api.key", "apikey", "private.key"];
    let key = key.to_ascii_lowercase();
    SOUNDS.iter().any(|sound| key.contains(sound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::config::ConfigKey;

    fn secrets(folder: &std::path::Path) -> Secrets {
        Secrets::new(Seal::open_or_create(&folder.join("secret.key")).unwrap(), Providers::default())
    }

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(ConfigKey::optional("database.password", ConfigType::Password))
            .key(ConfigKey::optional("token.column", ConfigType::String))
    }

    fn raw(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_password_is_stored_sealed_and_comes_back_only_for_its_connector_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path());
        let written =
            raw(&[("database.password", "s3cret"), ("database.pasword", "typo"), ("token.column", "t"), ("a", "b")]);
        let stored = secrets.seal("shop", &written, &keys());
        assert!(stored["database.password"].starts_with("${sealed:"));
        assert!(stored["database.pasword"].starts_with("${sealed:"));
        assert_eq!((stored["token.column"].as_str(), stored["a"].as_str()), ("t", "b"));
        assert_eq!(secrets.seal("shop", &stored, &keys()), stored, "what is sealed stays as it is");
        assert_eq!(secrets.resolve("shop", &stored).unwrap().config, written);
        let error = secrets.resolve("other", &stored).unwrap_err();
        assert!(error.contains("`database.password`") && error.contains("sealed for another"), "{error}");
    }

    #[test]
    fn what_is_sealed_is_seen_and_keys_are_told_apart() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let written = raw(&[("database.password", "x"), ("a", "${env:X}")]);
        let stored = secrets(folder.path()).seal("c", &written, &keys());
        assert!(any_sealed([&raw(&[]), &stored]));
        assert!(!any_sealed([&written, &raw(&[])]));
        assert_eq!(secrets(folder.path()).seal_id(), secrets(folder.path()).seal_id());
        assert_ne!(secrets(folder.path()).seal_id(), secrets(other.path()).seal_id());
    }

    #[test]
    fn the_key_file_is_for_the_owner_alone_and_stays() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let stored = secrets(folder.path()).seal("c", &raw(&[("database.password", "x")]), &keys());
        let mode = std::fs::metadata(folder.path().join("secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(secrets(folder.path()).resolve("c", &stored).unwrap().config["database.password"], "x");
    }
}
