//! The predicates.

use connector_api::config::{Check, Config, ConfigDef, Importance};
use connector_api::{Result, TransformRecord};

use crate::class::Question;
use crate::java::regex::{ByTopic, TopicPattern};
use crate::keys;
use crate::refusal::Refusal;

/// `TopicNameMatches`.
pub(crate) struct TopicNameMatches {
    pattern: TopicPattern,
    known: ByTopic<bool>,
}

impl Question for TopicNameMatches {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches";
    const DOC: &'static str = "Records whose topic matches an expression as a whole.";

    fn keys() -> ConfigDef {
        let pattern = keys::text("pattern").importance(Importance::Medium).check(Check::By(not_empty));
        ConfigDef::new().key(pattern.doc("The regular expression, as in Java. The whole topic must match."))
    }

    fn new(config: &Config) -> Result<TopicNameMatches> {
        let pattern = TopicPattern::new(config.text("pattern")).map_err(|why| keys::wrong("pattern", why))?;
        Ok(TopicNameMatches { pattern, known: ByTopic::default() })
    }

    fn ask(&mut self, record: &TransformRecord) -> Result<bool, Refusal> {
        self.known.get(&record.topic, |topic| self.pattern.matches(topic))
    }
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("it must not be empty".to_owned()) } else { TopicPattern::check(text) }
}

/// `HasHeaderKey`.
pub(crate) struct HasHeaderKey {
    name: String,
}

impl Question for HasHeaderKey {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.predicates.HasHeaderKey";
    const DOC: &'static str = "Records with at least one header of a name.";

    fn keys() -> ConfigDef {
        let name = keys::text("name").importance(Importance::Medium).check(Check::NonEmpty);
        ConfigDef::new().key(name.doc("The name of the header."))
    }

    fn new(config: &Config) -> Result<HasHeaderKey> {
        Ok(HasHeaderKey { name: config.text("name").to_owned() })
    }

    fn ask(&mut self, record: &TransformRecord) -> Result<bool, Refusal> {
        Ok(record.headers.iter().any(|header| *header.name == *self.name))
    }
}

/// `RecordIsTombstone`.
pub(crate) struct RecordIsTombstone;

impl Question for RecordIsTombstone {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone";
    const DOC: &'static str = "Records whose value is null.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
    }

    fn new(_config: &Config) -> Result<RecordIsTombstone> {
        Ok(RecordIsTombstone)
    }

    fn ask(&mut self, record: &TransformRecord) -> Result<bool, Refusal> {
        Ok(record.is_tombstone())
    }
}
