//! Names made of what a record holds: `logs-${topic}-${timestamp(yyyy.MM.dd)}`, `${field(customer.region)}`, `${key}`.
//!
//! There is no colon in them: `${a:b}` is a reference that the worker resolves before the connector sees it.

use std::borrow::Cow;

use connector_api::data::json_field;
use connector_api::{Error, Result, SinkRecord};

use super::id;
use super::pattern::Pattern;

/// An expression, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Key,
    Timestamp(Pattern),
    Field(String),
}

impl Expression {
    /// Reads an expression. The error completes "... is wrong: ...".
    pub fn new(text: &str) -> Result<Expression, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            push_text(&rest[..start], &mut parts);
            let end = rest[start..].find('}').ok_or("a `${` is not closed by `}`")? + start;
            parts.push(part(&rest[start + 2..end])?);
            rest = &rest[end + 1..];
        }
        push_text(rest, &mut parts);
        if parts.is_empty() { Err("it must not be empty".to_owned()) } else { Ok(Expression(parts)) }
    }

    /// Whether it is the same for all records of one topic.
    pub fn is_of_topic(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_) | Part::Topic))
    }

    /// Whether a deletion gives what the document gave: it has the topic and the key, but no fields and a time of its own.
    pub fn holds_for_deletions(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, Part::Timestamp(_) | Part::Field(_)))
    }

    /// Whether it needs a field of the document.
    pub fn has_fields(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Field(_)))
    }

    /// What it gives for a record. `json` is the document, where there is one; `clean` is applied to what does not stand in
    /// the expression itself.
    pub fn of(&self, record: &SinkRecord, json: &[u8], clean: fn(&str) -> Cow<'_, str>) -> Result<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Topic => out.push_str(&clean(&record.topic)),
                Part::Key => out.push_str(&clean(&id::from_key(&record.key)?)),
                Part::Timestamp(pattern) => write_time(pattern, record, &mut out)?,
                Part::Field(path) => out.push_str(&clean(&value_of(json, path)?)),
            }
        }
        Ok(out)
    }
}

fn push_text(text: &str, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn part(text: &str) -> Result<Part, String> {
    let called = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let (name, argument) = called.map_or((text, None), |(name, argument)| (name, Some(argument)));
    match (name, argument) {
        ("topic", None) => Ok(Part::Topic),
        ("key", None) => Ok(Part::Key),
        ("timestamp", Some(format)) => Pattern::new(format).map(Part::Timestamp),
        ("field", Some(path)) if path.split('.').all(|name| !name.is_empty()) => Ok(Part::Field(path.to_owned())),
        _ => Err(format!(
            "`${{{text}}}` is not known; there are `${{topic}}`, `${{key}}`, `${{timestamp(yyyy.MM.dd)}}` and \
             `${{field(name.of.field)}}`"
        )),
    }
}

fn write_time(pattern: &Pattern, record: &SinkRecord, out: &mut String) -> Result<()> {
    let written = record.timestamp.is_some_and(|millis| pattern.write(millis, out));
    let remedy = "Have the producer set one, or set `drop.invalid.message` to true.";
    written
        .then_some(())
        .ok_or_else(|| Error::reject("the record has no timestamp to name its place by").remedy(remedy))
}

fn value_of<'a>(json: &'a [u8], path: &str) -> Result<Cow<'a, str>> {
    let found = json_field::find(json, path).and_then(json_field::plain);
    found.filter(|text| !text.is_empty()).ok_or_else(|| {
        Error::reject(format!("the document has no field `{path}` with text or a number, which its place is named by"))
            .remedy("Correct the data or the expression, or set `drop.invalid.message` to true.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_and_wrong_ones_named() {
        for text in ["a", "${topic}", "logs-${topic}-${timestamp(yyyy.MM.dd)}", "${field(customer.region)}", "${key}"] {
            assert!(Expression::new(text).is_ok(), "{text}");
        }
        for (text, part) in [
            ("", "empty"),
            ("${topic", "not closed"),
            ("${topics}", "`${topics}` is not known"),
            ("${timestamp}", "is not known"),
            ("${timestamp(yyyy}", "is not known"),
            ("${timestamp(QQ)}", "no part of a time"),
            ("${field(a..b)}", "is not known"),
            ("${field()}", "is not known"),
        ] {
            let why = Expression::new(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn what_holds_for_deletions_and_topics_is_known() {
        let all = |text: &str| {
            let read = Expression::new(text).unwrap();
            (read.is_of_topic(), read.holds_for_deletions(), read.has_fields())
        };
        assert_eq!(all("a-${topic}"), (true, true, false));
        assert_eq!(all("${key}"), (false, true, false));
        assert_eq!(all("${timestamp(yyyy)}"), (false, false, false));
        assert_eq!(all("${field(a)}"), (false, false, true));
    }
}
