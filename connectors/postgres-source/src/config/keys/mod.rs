//! The keys: Debezium's, each of which works, or says that it has no effect, or is refused where leaving it out would
//! change what the user gets.

mod advanced;
mod capture;
mod checks;
mod connection;
mod replication;
mod snapshot;
mod values;

use connector_api::config::ConfigType::{Boolean, Class, Int, List, Long, Password, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey, ConfigType, Importance, Width};

pub use checks::stream_origin;

use super::filters::check_patterns;

/// All keys.
pub fn definition() -> ConfigDef {
    connection::keys()
        .grouped("Connection")
        .and(&capture::keys().grouped("Tables and topics"))
        .and(&values::keys().grouped("Values"))
        .and(&snapshot::keys().grouped("Snapshot"))
        .and(&replication::keys().grouped("Replication"))
        .and(&advanced::keys().grouped("Advanced"))
}

fn required(name: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::required(name, Text).check(Check::NonEmpty).doc(doc)
}

fn optional(name: &'static str, kind: ConfigType, doc: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).doc(doc)
}

fn preset(name: &'static str, kind: ConfigType, value: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::preset(name, kind, value).doc(doc)
}

fn choice(name: &'static str, value: &'static str, words: &'static [&'static str], doc: &'static str) -> ConfigKey {
    preset(name, Text, value, doc).check(Check::OneOf(words)).width(Width::Short)
}

fn patterns(name: &'static str, doc: &'static str) -> ConfigKey {
    optional(name, Text, doc).check(Check::By(check_patterns)).width(Width::Long)
}

/// A key that is taken and does nothing.
fn idle(name: &'static str, kind: ConfigType, reason: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).no_effect(reason).importance(Importance::Low)
}

/// A key that must stay away, since leaving it out would change what the user gets.
fn refused(name: &'static str, doc: &'static str, why: fn(&str) -> Result<(), String>) -> ConfigKey {
    optional(name, Text, doc).check(Check::By(why)).importance(Importance::Low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::config::RawConfig;

    /// The names of Debezium's keys, as its 3.7.0 has them, with a value for those that are families.
    const DEBEZIUM: &str = include_str!("debezium_3_7_keys.txt");

    #[test]
    fn every_key_of_debezium_is_known() {
        let definition = definition();
        let unknown: Vec<&str> = DEBEZIUM.split_whitespace().filter(|name| definition.find(name).is_none()).collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn what_would_change_what_the_user_gets_is_refused_with_a_sentence() {
        let needed = ["database.hostname", "database.user", "database.dbname", "topic.prefix"];
        let base: RawConfig = needed.map(|key| (key.to_owned(), "x".to_owned())).into();
        for (key, value) in [
            ("plugin.name", "decoderbufs"),
            ("snapshot.mode", "always"),
            ("snapshot.mode", "when_needed"),
            ("provide.transaction.metadata", "true"),
            ("skip.messages.without.change", "true"),
            ("lsn.flush.mode", "manual"),
            ("column.mask.with.10.chars", "public.t.secret"),
            ("column.mask.hash.SHA-256.with.salt.abc", "public.t.secret"),
            ("message.prefix.include.list", "outbox"),
            ("replica.identity.autoset.values", "public.t:FULL"),
            ("offset.mismatch.strategy", "no_validation"),
            ("slot.stream.params", "proto_version=4"),
            ("converters", "isbn"),
            ("time.precision.mode", "structured"),
            ("skipped.operations", "x"),
            ("slot.name", "Not-A-Slot"),
            ("topic.prefix", "with space"),
            ("table.include.list", "("),
        ] {
            let mut raw = base.clone();
            raw.insert(key.to_owned(), value.to_owned());
            let issues = definition().check(&raw).issues;
            assert!(issues.iter().any(|issue| issue.is_error() && issue.key == key), "{key} = {value}: {issues:?}");
        }
    }

    #[test]
    fn keys_set_to_nothing_refuse_nothing() {
        let needed = ["database.hostname", "database.user", "database.dbname", "topic.prefix"];
        let mut raw: RawConfig = needed.map(|key| (key.to_owned(), "x".to_owned())).into();
        let empty = ["converters", "post.processors", "message.prefix.include.list", "table.exclude.list"];
        raw.extend(empty.map(|key| (key.to_owned(), String::new())));
        assert!(definition().check(&raw).into_result().is_ok());
    }
}
