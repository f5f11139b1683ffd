//! A connector's configuration, checked as a whole: its own keys, those that all connectors have, its converters.

use std::time::Duration;

use connector_api::Plugin;
use connector_api::config::{Config, ConfigDef, Issue, RawConfig, Severity};

use super::WorkerConfig;
use super::client::override_issues;
use super::connector_keys::{EXACTLY_ONCE_KEY, common_keys, sink_keys, source_keys};
use super::errors::dead_letter_issues;
use super::part_keys::{part_issues, part_keys};
use super::raw::listed;
use crate::plugins::Plugins;
use crate::source::transaction::Boundary;

pub(crate) use super::connector_keys::whole_name;

/// All keys of a connector: its own first, then those that all have, then those of what stands between it and the log. Its own
/// win.
pub fn all_keys(plugin: &Plugin, raw: &RawConfig, plugins: &Plugins) -> ConfigDef {
    let of_kind = match plugin {
        Plugin::Source(_) => source_keys(),
        Plugin::Sink(_) => sink_keys(),
    };
    plugin.definition().config.and(&common_keys()).and(&of_kind).and(&part_keys(raw, plugins))
}

/// A configuration that has been looked at without asking anybody.
#[derive(Debug)]
pub struct CheckedConnector {
    /// The settings, of all keys.
    pub config: Config,
    /// What there is to say.
    pub issues: Vec<Issue>,
}

impl CheckedConnector {
    /// Whether nothing keeps the connector from running, as far as that can be told without asking anybody.
    pub fn is_sound(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }
}

/// Looks at a configuration whose variables have been resolved.
pub fn check(plugin: &Plugin, raw: &RawConfig, worker: &WorkerConfig, plugins: &Plugins) -> CheckedConnector {
    let checked = all_keys(plugin, raw, plugins).check(raw);
    let mut issues = checked.issues;
    issues.extend(part_issues(raw, worker, plugins));
    let is_source = matches!(plugin, Plugin::Source(_));
    issues.extend(override_issues(raw, is_source));
    if !worker.allow_overrides {
        issues.extend(forbidden_overrides(raw));
    }
    if is_source {
        issues.extend(topic_creation_issues(raw));
        issues.extend(exactly_once_issues(raw, &checked.config, worker));
    } else {
        issues.extend(topics_issues(&checked.config, worker));
        issues.extend(dead_letter_issues(&checked.config));
    }
    CheckedConnector { config: checked.config, issues }
}

fn forbidden_overrides(raw: &RawConfig) -> Vec<Issue> {
    let is_override = |key: &&String| {
        ["producer.", "consumer.", "admin."].iter().any(|kind| key.starts_with(&format!("{kind}override.")))
    };
    let forbidden = |key: &String| {
        Issue::error(
            key,
            format!("`{key}` is not allowed: the worker's `connector.client.config.override.policy` is None."),
        )
    };
    raw.keys().filter(is_override).map(forbidden).collect()
}

fn topics_issues(config: &Config, worker: &WorkerConfig) -> Vec<Issue> {
    let (topics, regex) = (config.list("topics"), config.text("topics.regex"));
    let mut issues = Vec::new();
    match (topics.is_empty(), regex.is_empty()) {
        (true, true) => {
            issues.push(Issue::error("topics", "A sink needs `topics` or `topics.regex`: which topics to read."))
        }
        (false, false) => issues.push(Issue::error("topics.regex", "Set either `topics` or `topics.regex`, not both.")),
        _ => {}
    }
    if let Some(group) = config.setting("consumer.override.group.id")
        && matches!(group, connector_api::config::Setting::Text(group) if *group == worker.group_id)
    {
        issues.push(Issue::error(
            "consumer.override.group.id",
            "The group of a sink must differ from the worker's `group.id`.",
        ));
    }
    issues
}

/// Where transactions of a source end. `otherwise` is the interval if the configuration has none.
pub fn boundary(config: &Config, otherwise: Duration) -> Boundary {
    let interval = config.number("transaction.boundary.interval.ms").and_then(|millis| u64::try_from(millis).ok());
    match config.text("transaction.boundary").eq_ignore_ascii_case("interval") {
        true => Boundary::Interval(interval.map_or(otherwise, Duration::from_millis)),
        false => Boundary::Poll,
    }
}

/// Whether a source cannot do without exactly once.
pub fn requires_exactly_once(config: &Config) -> bool {
    config.text(EXACTLY_ONCE_KEY).eq_ignore_ascii_case("required")
}

fn exactly_once_issues(raw: &RawConfig, config: &Config, worker: &WorkerConfig) -> Vec<Issue> {
    let mut issues = Vec::new();
    if !worker.exactly_once {
        if requires_exactly_once(config) {
            issues.push(Issue::error(
                EXACTLY_ONCE_KEY,
                "This worker does not run exactly-once sources: set its `exactly.once.source.support` to `enabled`.",
            ));
        }
        let idle = ["transaction.boundary", "transaction.boundary.interval.ms"].into_iter();
        issues.extend(idle.filter(|key| raw.contains_key(*key)).map(|key| {
            let why = "has no effect: the worker's `exactly.once.source.support` is not `enabled`";
            Issue::warning(key, format!("`{key}` {why}."))
        }));
    }
    issues
}

/// Kafka Connect wants both counts of the default group as soon as any `topic.creation.` key is set.
fn topic_creation_issues(raw: &RawConfig) -> Vec<Issue> {
    if !raw.keys().any(|key| key.starts_with("topic.creation.")) {
        return Vec::new();
    }
    let needed = ["topic.creation.default.replication.factor", "topic.creation.default.partitions"];
    let missing = needed.into_iter().filter(|key| !raw.contains_key(*key));
    let mut issues: Vec<Issue> = missing
        .map(|key| {
            Issue::error(
                key,
                format!("`{key}` is required once any `topic.creation.` key is set; -1 for the log's default."),
            )
        })
        .collect();
    for group in listed(raw, "topic.creation.groups") {
        let include = format!("topic.creation.{group}.include");
        match raw.get(&include) {
            None => issues.push(Issue::error(&include, format!("`{include}` is required for the group `{group}`."))),
            Some(patterns) => {
                let bad = patterns.split(',').find_map(|pattern| whole_name(pattern.trim()).err());
                issues.extend(
                    bad.map(|why| Issue::error(&include, format!("`{include}` is no regular expression: {why}."))),
                );
            }
        }
    }
    issues
}

/// Errors first, each kind in the order in which they were found.
pub fn errors_first(mut issues: Vec<Issue>) -> Vec<Issue> {
    issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity == Severity::Error));
    issues
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::conformance::doubles::{DoubleSink, DoubleSource};

    fn said(plugin: &Plugin, pairs: &[(&str, &str)]) -> Vec<String> {
        let class = plugin.definition().class;
        let base = [("name", "n"), ("connector.class", class)];
        let raw = base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let worker = WorkerConfig::from_raw(RawConfig::new()).unwrap().0;
        let issues = check(plugin, &raw, &worker, &Plugins::builtin()).issues;
        issues.iter().map(|issue| format!("{:?}: {issue}", issue.severity)).collect()
    }

    #[test]
    fn a_sink_needs_topics_or_a_pattern_but_not_both() {
        let sink = Plugin::sink(DoubleSink);
        assert!(said(&sink, &[])[0].contains("`topics` or `topics.regex`"));
        assert!(said(&sink, &[("topics", "a"), ("topics.regex", "b.*")])[0].contains("not both"));
        assert_eq!(said(&sink, &[("topics.regex", "shop\\.(a|b)")]), Vec::<String>::new());
        assert!(said(&sink, &[("topics.regex", "(")])[0].contains("no regular expression"));
    }

    #[test]
    fn converters_and_their_options_are_checked() {
        let source = Plugin::source(DoubleSource);
        let wrong = said(&source, &[("value.converter", "AvroConverter")]);
        assert!(wrong[0].starts_with("Error: no converter has the class `AvroConverter`"), "{wrong:?}");
        let option = [("value.converter", "JsonConverter"), ("value.converter.schema.enable", "false")];
        assert_eq!(
            said(&source, &option),
            [
                "Warning: `value.converter.schema.enable` is not a known key and has no effect; the nearest known key is `value.converter.schemas.enable`."
            ]
        );
        let lone = said(&source, &[("value.converter.schemas.enable", "false")]);
        assert!(lone[0].contains("has no effect without `value.converter`"), "{lone:?}");
    }

    #[test]
    fn what_would_change_the_outcome_if_it_were_ignored_is_refused() {
        let source = Plugin::source(DoubleSource);
        let creation = said(&source, &[("topic.creation.default.partitions", "3")]);
        assert!(creation[0].contains("`topic.creation.default.replication.factor` is required"), "{creation:?}");
    }

    #[test]
    fn exactly_once_needs_a_worker_that_has_it() {
        let source = Plugin::source(DoubleSource);
        assert!(said(&source, &[("exactly.once.support", "required")])[0].contains("`exactly.once.source.support`"));
        assert!(said(&source, &[("transaction.boundary", "interval")])[0].starts_with("Warning"));
        assert!(said(&source, &[("transaction.boundary", "connector")])[0].contains("no way to say"));
        assert_eq!(said(&source, &[("offsets.storage.topic", "mine")]), Vec::<String>::new());
    }

    #[test]
    fn boundaries_are_read() {
        let read = |pairs: &[(&str, &str)]| {
            let raw = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            boundary(&source_keys().check(&raw).config, Duration::from_secs(1))
        };
        let interval = ("transaction.boundary", "INTERVAL");
        assert_eq!(read(&[]), Boundary::Poll);
        assert_eq!(read(&[interval]), Boundary::Interval(Duration::from_secs(1)));
        let given = [interval, ("transaction.boundary.interval.ms", "250")];
        assert_eq!(read(&given), Boundary::Interval(Duration::from_millis(250)));
    }

    #[test]
    fn names_that_no_url_could_show_are_refused() {
        let sink = Plugin::sink(DoubleSink);
        let long = "x".repeat(201);
        for bad in ["", "a\u{7}b", &long] {
            let raw = RawConfig::from([("name".to_owned(), bad.to_owned())]);
            let worker = WorkerConfig::from_raw(RawConfig::new()).unwrap().0;
            let issues = check(&sink, &raw, &worker, &Plugins::builtin()).issues;
            assert!(issues.iter().any(|issue| issue.key == "name" && issue.is_error()), "{bad:?}");
        }
    }
}
