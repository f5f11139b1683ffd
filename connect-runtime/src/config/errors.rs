//! What becomes of records that cannot be taken: `errors.*`.

use connector_api::config::{Config, Issue};

use super::connector::whole_name;
use crate::transform::RetryPolicy;

/// What a connector does about records that cannot be converted or taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// Go on without them; otherwise the first one fails the task.
    pub tolerate: bool,
    /// Say each of them in the log.
    pub log: bool,
    /// How long those are tried again that may be taken later.
    pub retry: RetryPolicy,
    /// Where they are kept. Sinks only.
    pub dead_letters: Option<DeadLetterTopic>,
}

/// The topic of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterTopic {
    /// Its name.
    pub name: String,
    /// How many brokers hold it if it has to be made; -1 for the log's default.
    pub replication_factor: i16,
    /// Whether letters say in headers where they come from and what was wrong.
    pub context_headers: bool,
}

impl ErrorPolicy {
    /// Of a source, from a configuration that has been checked.
    pub fn of_source(config: &Config) -> ErrorPolicy {
        let tolerate = config.text("errors.tolerance").eq_ignore_ascii_case("all");
        let log = config.boolean("errors.log.enable");
        ErrorPolicy { tolerate, log, retry: RetryPolicy::of(config), dead_letters: None }
    }

    /// Of a sink, from a configuration that has been checked.
    pub fn of_sink(config: &Config) -> ErrorPolicy {
        let policy = ErrorPolicy::of_source(config);
        let name = config.optional("errors.deadletterqueue.topic.name").map(str::trim).unwrap_or_default();
        let dead_letters = (policy.tolerate && !name.is_empty()).then(|| DeadLetterTopic {
            name: name.to_owned(),
            replication_factor: config
                .number("errors.deadletterqueue.topic.replication.factor")
                .and_then(|copies| i16::try_from(copies).ok())
                .unwrap_or(-1),
            context_headers: config.boolean("errors.deadletterqueue.context.headers.enable"),
        });
        ErrorPolicy { dead_letters, ..policy }
    }
}

/// What is wrong with `errors.*` of a sink beyond single keys.
pub(super) fn dead_letter_issues(config: &Config) -> Vec<Issue> {
    const KEY: &str = "errors.deadletterqueue.topic.name";
    let name = config.optional(KEY).map(str::trim).unwrap_or_default();
    if name.is_empty() {
        return Vec::new();
    }
    let matched = |pattern: &str| whole_name(pattern).is_ok_and(|regex| regex.is_match(name).unwrap_or(false));
    let regex = config.text("topics.regex");
    if config.list("topics").iter().any(|topic| topic == name) || (!regex.is_empty() && matched(regex)) {
        return vec![Issue::error(KEY, format!("`{KEY}` names a topic that the sink reads; choose another."))];
    }
    if !config.text("errors.tolerance").eq_ignore_ascii_case("all") {
        let message = format!(
            "`{KEY}` has no effect while `errors.tolerance` is `none`: the first record that cannot be taken fails the task."
        );
        return vec![Issue::warning(KEY, message)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use connector_api::config::RawConfig;

    use super::*;
    use crate::config::connector_keys::{common_keys, sink_keys};

    fn config(pairs: &[(&str, &str)]) -> Config {
        let raw: RawConfig = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        common_keys().and(&sink_keys()).check(&raw).config
    }

    #[test]
    fn dead_letters_need_tolerance() {
        assert_eq!(ErrorPolicy::of_sink(&config(&[])), ErrorPolicy::default());
        let none = config(&[("errors.deadletterqueue.topic.name", "dead")]);
        assert_eq!(ErrorPolicy::of_sink(&none), ErrorPolicy::default());
        assert!(dead_letter_issues(&none)[0].message.contains("`errors.tolerance` is `none`"));
        let all = config(&[("errors.deadletterqueue.topic.name", "dead"), ("errors.tolerance", "ALL")]);
        let policy = ErrorPolicy::of_sink(&all);
        let topic = policy.dead_letters.unwrap();
        assert_eq!((policy.tolerate, policy.log, topic.context_headers), (true, false, false));
        assert_eq!((topic.name.as_str(), topic.replication_factor), ("dead", -1));
        assert!(dead_letter_issues(&all).is_empty());
    }

    #[test]
    fn a_sink_must_not_read_its_own_dead_letters() {
        for topics in [("topics", "a,dead"), ("topics.regex", "d.*")] {
            let config = config(&[topics, ("errors.deadletterqueue.topic.name", "dead"), ("errors.tolerance", "all")]);
            assert!(dead_letter_issues(&config)[0].is_error());
        }
    }
}
