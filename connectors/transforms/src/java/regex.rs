//! Java's regular expressions, matched against topic names.

use std::collections::HashMap;

use connector_api::Topic;
use fancy_regex::Regex;

use crate::refusal::Refusal;

/// An expression that is for whole names.
pub(crate) struct TopicPattern {
    whole: Regex,
    anywhere: Regex,
}

impl TopicPattern {
    /// Reads an expression. The error completes "the value of a key is wrong: ...".
    pub fn new(text: &str) -> Result<TopicPattern, String> {
        let text = unquoted(text);
        let read = |text: &str| Regex::new(text).map_err(|why| format!("it is no regular expression: {why}"));
        let anywhere = read(&text)?;
        Ok(TopicPattern { whole: read(&format!(r"\A(?:{text})\z"))?, anywhere })
    }

    /// Whether that can be read.
    pub fn check(text: &str) -> Result<(), String> {
        TopicPattern::new(text).map(|_| ())
    }

    /// Whether the whole name matches.
    pub fn matches(&self, topic: &str) -> Result<bool, Refusal> {
        self.whole.is_match(topic).map_err(|_| too_hard())
    }

    /// The expression, to find in a name.
    pub fn anywhere(&self) -> &Regex {
        &self.anywhere
    }
}

/// Expressions that go back and forth without end are given up.
pub(crate) fn too_hard() -> Refusal {
    Refusal::new("matching the topic took too many steps").remedy("Write a simpler regular expression.")
}

/// Java's `\Q..\E`, text taken as it is, in a form that every reader knows.
fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = quote(rest) {
        let (before, quoted) = rest.split_at(at);
        let quoted = quoted.get(2..).unwrap_or("");
        let (inside, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        plain.push_str(before);
        plain.push_str(&fancy_regex::escape(inside));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Where a `\Q` stands whose backslash is not escaped itself.
fn quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (escaped, character) {
            (true, 'Q') => return Some(at - 1),
            (false, '\\') => escaped = true,
            _ => escaped = false,
        }
    }
    None
}

/// How many topics are remembered; past that all are forgotten.
const TOPICS_REMEMBERED: usize = 1000;

/// What has been worked out for topics, which are few beside their records.
pub(crate) struct ByTopic<T>(HashMap<Topic, T>);

impl<T> Default for ByTopic<T> {
    fn default() -> ByTopic<T> {
        ByTopic(HashMap::new())
    }
}

impl<T: Clone> ByTopic<T> {
    /// What was worked out for a topic, worked out if it was not.
    pub fn get(&mut self, topic: &Topic, find: impl FnOnce(&str) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if let Some(known) = self.0.get(topic) {
            return Ok(known.clone());
        }
        let found = find(topic)?;
        if self.0.len() >= TOPICS_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(topic.clone(), found.clone());
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_name_must_match() {
        let matches = |pattern: &str, topic| TopicPattern::new(pattern).unwrap().matches(topic).unwrap();
        assert!(matches("a|ab", "ab") && matches("orders.*", "orders-1") && matches(r"\Qa.b\E.", "a.bc"));
        assert!(!matches("order", "orders") && !matches("rders", "orders") && !matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"(?<!x)y(?=z).", "yz") && matches(r"a\\Q", "a\\Q") && matches(r"\Qa", "a"));
        assert!(TopicPattern::check("(").unwrap_err().starts_with("it is no regular expression"));
    }

    #[test]
    fn an_expression_that_never_ends_is_given_up() {
        let pattern = TopicPattern::new("(?:(a*)*\\1)*b").unwrap();
        assert!(pattern.matches(&"a".repeat(200)).is_err());
    }

    #[test]
    fn topics_are_remembered_within_bounds() {
        let mut topics = ByTopic::default();
        for number in 0..3000 {
            let topic: Topic = format!("t{number}").into();
            assert_eq!(topics.get(&topic, |name| Ok(name.len())).unwrap(), topic.len());
            assert_eq!(topics.get(&topic, |_| Ok(0)).unwrap(), topic.len());
            assert!(topics.0.len() <= TOPICS_REMEMBERED);
        }
    }
}
