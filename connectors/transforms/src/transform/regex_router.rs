//! `RegexRouter`: another topic, by an expression.

use connector_api::config::{Check, Config, ConfigDef, Issue};
use connector_api::{Fate, Result, Topic, TransformRecord};

use crate::class::Step;
use crate::java::regex::{ByTopic, TopicPattern, too_hard};
use crate::java::replacement::Replacement;
use crate::keys;
use crate::refusal::Refusal;

pub(crate) struct RegexRouter {
    rule: Rule,
    routes: ByTopic<Option<Topic>>,
}

struct Rule {
    pattern: TopicPattern,
    replacement: Replacement,
}

impl Step for RegexRouter {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.RegexRouter";
    const DOC: &'static str = "Changes the topic of records whose topic matches an expression as a whole.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(
                keys::text("regex")
                    .check(Check::By(TopicPattern::check))
                    .doc("The regular expression, as in Java. The whole topic must match."),
            )
            .key(keys::text("replacement").doc(
                "What stands in place of the first match: text, with `$1` or `${name}` for groups of the expression.",
            ))
    }

    fn validate(config: &Config) -> Vec<Issue> {
        match Rule::new(config) {
            Err((key, why)) => vec![Issue::error(key, format!("`{key}` is wrong: {why}."))],
            Ok(_) => Vec::new(),
        }
    }

    fn new(config: &Config) -> Result<RegexRouter> {
        let rule = Rule::new(config).map_err(|(key, why)| keys::wrong(key, why))?;
        Ok(RegexRouter { rule, routes: ByTopic::default() })
    }

    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal> {
        if let Some(topic) = self.routes.get(&record.topic, |topic| self.rule.route(topic))? {
            record.topic = topic;
        }
        Ok(Fate::Keep)
    }
}

impl Rule {
    /// The error names the key that is wrong.
    fn new(config: &Config) -> Result<Rule, (&'static str, String)> {
        let pattern = TopicPattern::new(config.text("regex")).map_err(|why| ("regex", why))?;
        let replacement = Replacement::new(config.text("replacement"), pattern.anywhere());
        Ok(Rule { pattern, replacement: replacement.map_err(|why| ("replacement", why))? })
    }

    /// The new topic; `None` for one that stays. What is replaced is the first match anywhere, which need not be all of the topic.
    fn route(&self, topic: &str) -> Result<Option<Topic>, Refusal> {
        if !self.pattern.matches(topic)? {
            return Ok(None);
        }
        let found = self.pattern.anywhere().captures(topic).map_err(|_| too_hard())?;
        let Some((captures, all)) = found.and_then(|captures| captures.get(0).map(|all| (captures, all))) else {
            return Ok(None);
        };
        let mut new = topic.get(..all.start()).unwrap_or("").to_owned();
        self.replacement.write(&captures, &mut new);
        new.push_str(topic.get(all.end()..).unwrap_or(""));
        Ok(Some(new.into()))
    }
}
