//! Literals whose type is inferred: what Kafka Connect makes of a header's text.
//!
//! `null`, `true`, `false`; the narrowest integer; the narrowest float whose range fits, with a decimal past that; dates, times and
//! timestamps of ISO 8601 by their length; arrays and maps of those in the manner of JSON; everything else is text.

mod items;
mod number;
mod tokens;

use std::sync::Arc;

use connector_api::data::{Kind, Schema, Value, logical};

use super::date::{Century, DAY, Pattern};
use crate::part::Part;
use items::Common;
use tokens::Tokens;

/// How deep arrays and maps may be in each other; what is deeper is text.
const MAX_DEPTH: usize = 32;

/// What a text stands for.
pub(crate) fn parse(text: &str) -> Part {
    if text.is_empty() {
        return typed(Kind::String, text.into());
    }
    let mut reader = Reader { tokens: Tokens::new(text), depth: 0 };
    reader.whole().unwrap_or_else(|| typed(Kind::String, text.into()))
}

fn typed(kind: Kind, value: Value) -> Part {
    Part::typed(Arc::new(Schema::new(kind)), value)
}

fn nothing() -> Part {
    Part::plain(Value::Null)
}

struct Reader<'t> {
    tokens: Tokens<'t>,
    depth: usize,
}

impl Reader<'_> {
    /// A whole literal; `None` for text.
    fn whole(&mut self) -> Option<Part> {
        if let Some(word) = self.word(false) {
            return Some(word);
        }
        let found = self.collection().or_else(|| {
            self.tokens.rewind(0);
            let token = self.tokens.next();
            self.single(token)
        });
        // What stands behind a literal makes all of it text.
        found.filter(|_| self.tokens.is_at_end())
    }

    /// A literal inside an array or a map; `None` if there is none.
    fn inside(&mut self) -> Option<Part> {
        if self.tokens.take("\"") {
            return Some(self.quoted());
        }
        if let Some(word) = self.word(true) {
            return Some(word);
        }
        let start = self.tokens.mark();
        self.collection().or_else(|| {
            self.tokens.rewind(start);
            let token = self.tokens.next();
            self.single(token)
        })
    }

    fn word(&mut self, inside: bool) -> Option<Part> {
        let words = [("null", None), ("true", Some(true)), ("false", Some(false))];
        let start = self.tokens.mark();
        for (word, value) in words {
            if self.tokens.take(word) && (inside || self.tokens.is_at_end()) {
                return Some(value.map_or_else(nothing, |value| typed(Kind::Boolean, Value::Boolean(value))));
            }
            self.tokens.rewind(start);
        }
        None
    }

    fn collection(&mut self) -> Option<Part> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let found = match () {
            () if self.tokens.take("[") => self.array(),
            () if self.tokens.take("{") => self.map(),
            () => None,
        };
        self.depth -= 1;
        found
    }

    /// A number or a time that begins with this token.
    fn single(&mut self, token: &str) -> Option<Part> {
        let token = token.trim();
        let first = token.chars().next()?;
        if first.is_ascii_digit()
            && let Some(time) = self.time(token)
        {
            return Some(time);
        }
        (first.is_ascii_digit() || matches!(first, '+' | '-')).then(|| number::parse(token))?
    }

    /// A colon ends a token, so a time of day is five of them, unless its colons are escaped.
    fn time(&mut self, token: &str) -> Option<Part> {
        let start = self.tokens.mark();
        let more = self.tokens.next_of(4);
        let joined = more.and_then(|more| temporal(&format!("{token}{}", more.trim_end())));
        joined.or_else(|| {
            self.tokens.rewind(start);
            temporal(token)
        })
    }

    /// Text up to the next quote that is not escaped; a time if it looks like one.
    fn quoted(&mut self) -> Part {
        let mut text = String::new();
        while !self.tokens.is_at_end() {
            let token = self.tokens.next();
            if token == "\"" {
                break;
            }
            text.push_str(token);
        }
        temporal(&text).unwrap_or_else(|| typed(Kind::String, text.into()))
    }

    fn array(&mut self) -> Option<Part> {
        let (mut items, mut common) = (Vec::new(), Common::default());
        while !self.tokens.is_at_end() {
            if self.tokens.take("]") {
                return common.array(items);
            }
            let item = self.inside()?;
            common.add(&item);
            items.push(item.value);
            let after = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(after);
            } else if !self.tokens.take(",") {
                return None;
            }
        }
        None
    }

    fn map(&mut self) -> Option<Part> {
        let (mut entries, mut keys, mut values) = (Vec::new(), Common::default(), Common::default());
        while !self.tokens.is_at_end() {
            if self.tokens.take("}") {
                return keys.map(values, entries);
            }
            let key = self.inside().filter(|key| !key.value.is_null())?;
            if !self.tokens.take(":") {
                return None;
            }
            let value = self.inside()?;
            self.tokens.take(",");
            keys.add(&key);
            values.add(&value);
            items::put(&mut entries, key.value, value.value);
        }
        None
    }
}

/// A date, time or timestamp, told by its length.
fn temporal(text: &str) -> Option<Part> {
    let text = text.replace("\\:", ":");
    let (pattern, name) = match text.len() {
        10 => ("yyyy-MM-dd", logical::DATE),
        13 => ("HH:mm:ss.SSS'Z'", logical::TIME),
        24 => ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", logical::TIMESTAMP),
        _ => return None,
    };
    // No pattern here has years of two digits, which alone depend on the century.
    let millis = Pattern::new(pattern).ok()?.parse(&text, Century::at(0))?;
    let (kind, value) = match name {
        logical::DATE => (Kind::Int32, Value::Int32(i32::try_from(millis.div_euclid(DAY)).ok()?)),
        logical::TIME => (Kind::Int32, Value::Int32(i32::try_from(millis.rem_euclid(DAY)).ok()?)),
        _ => (Kind::Int64, Value::Int64(millis)),
    };
    Some(Part::typed(Arc::new(Schema::new(kind).named(name).version(1)), value))
}

#[cfg(test)]
mod tests;
