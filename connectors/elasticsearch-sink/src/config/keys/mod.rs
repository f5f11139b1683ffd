//! The keys: those of the original, each of which works, or says that it has no effect, or is refused where leaving it
//! out would change what the user gets; and a few of our own.

mod connection;
mod documents;
mod mappings;
mod places;
mod requests;
mod tls;

use connector_api::config::ConfigType::{Boolean, Int, List, Long, Password, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey, ConfigType, Importance, Width};

/// All keys.
pub fn definition() -> ConfigDef {
    connection::keys()
        .grouped("Connection")
        .and(&places::keys().grouped("Indexes"))
        .and(&documents::keys().grouped("Documents"))
        .and(&mappings::keys().grouped("Mappings"))
        .and(&requests::keys().grouped("Requests"))
        .and(&tls::keys().grouped("TLS"))
}

fn optional(name: &'static str, kind: ConfigType, doc: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).doc(doc)
}

fn preset(name: &'static str, kind: ConfigType, value: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::preset(name, kind, value).doc(doc)
}

fn number(name: &'static str, value: &'static str, low: i64, high: i64, doc: &'static str) -> ConfigKey {
    preset(name, Int, value, doc).check(Check::Between(low, high)).width(Width::Short)
}

fn choice(name: &'static str, value: &'static str, words: &'static [&'static str], doc: &'static str) -> ConfigKey {
    preset(name, Text, value, doc).check(Check::OneOf(words)).width(Width::Short)
}

/// A key that is taken and does nothing.
fn idle(name: &'static str, kind: ConfigType, reason: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).no_effect(reason).importance(Importance::Low)
}

/// A key that must stay away, since leaving it out would change what the user gets. Nothing at all may be written.
fn refused(name: &'static str, kind: ConfigType, doc: &'static str, why: fn(&str) -> Result<(), String>) -> ConfigKey {
    optional(name, kind, doc).check(Check::By(why)).importance(Importance::Low)
}

fn nothing(text: &str, why: &str) -> Result<(), String> {
    if text.trim().is_empty() { Ok(()) } else { Err(why.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::config::RawConfig;

    /// The names of the original's keys, as its sources of July 2026 have them; some older ones behind them.
    const ORIGINAL: &str = include_str!("original_keys.txt");

    fn base() -> RawConfig {
        RawConfig::from([("connection.url".to_owned(), "http://localhost:9200".to_owned())])
    }

    #[test]
    fn every_key_of_the_original_is_known() {
        let definition = definition();
        let unknown: Vec<&str> = ORIGINAL.split_whitespace().filter(|name| definition.find(name).is_none()).collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn what_would_change_what_the_user_gets_is_refused_with_a_sentence() {
        for (key, value) in [
            ("data.stream.type", "traces"),
            ("external.resource.usage", "alias"),
            ("index.name.format", "${field:a}"),
            ("max.external.resource.mappings", "0"),
            ("type.name", "kafka"),
            ("proxy.host", "proxy"),
            ("kerberos.user.principal", "me"),
            ("kerberos.keytab.path", "/k"),
            ("elastic.https.ssl.truststore.type", "JKS"),
            ("elastic.https.ssl.endpoint.identification.algorithm", ""),
            ("write.method", "update"),
            ("behavior.on.null.values", "drop"),
            ("batch.size", "0"),
            ("max.in.flight.requests", "0"),
            ("elastic.https.ssl.cipher.suites", "TLS_RSA"),
        ] {
            let mut raw = base();
            raw.insert(key.to_owned(), value.to_owned());
            let issues = definition().check(&raw).issues;
            assert!(issues.iter().any(|issue| issue.is_error() && issue.key == key), "{key} = {value}: {issues:?}");
        }
    }

    #[test]
    fn keys_set_to_nothing_refuse_nothing() {
        let mut raw = base();
        let empty = [
            "topic.key.ignore",
            "topic.schema.ignore",
            "data.stream.dataset",
            "proxy.host",
            "external.version.header",
            "version.field",
            "index.name.format",
            "routing.format",
            "topic.to.external.resource.mapping",
        ];
        raw.extend(empty.map(|key| (key.to_owned(), String::new())));
        let errors = definition().check(&raw).into_result().err();
        assert!(errors.is_none(), "{errors:?}");
    }

    #[test]
    fn a_configuration_as_the_original_documents_it_is_taken_as_it_is() {
        let mut raw = base();
        let pairs = [
            ("type.name", "_doc"),
            ("key.ignore", "true"),
            ("schema.ignore", "true"),
            ("behavior.on.null.values", "DELETE"),
            ("write.method", "UPSERT"),
            ("data.stream.type", "NONE"),
            ("elastic.security.protocol", "SSL"),
            ("elastic.https.ssl.truststore.type", "PEM"),
        ];
        raw.extend(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(definition().check(&raw).issues, []);
    }
}
