//! Positions: where in the outside world a source has got to.

use serde_json::{Map, Value as Json};

/// Names one independent stream of a source, such as a file or a database: a flat map of names to plain values.
///
/// It is stored as the key of the worker's offset topic, so it must stay the same for ever.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourcePartition(pub Map<String, Json>);

/// How far a source has got in a partition: a flat map of names to plain values. Only the source reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceOffset(pub Map<String, Json>);

/// How far a source has got in one of its partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The partition.
    pub partition: SourcePartition,
    /// How far: a task that starts there gets the first record after it. `None` forgets the partition.
    pub offset: Option<SourceOffset>,
}

impl SourcePartition {
    /// A partition named by one word, such as `filename = "a.txt"`.
    pub fn of(name: &str, value: impl Into<Json>) -> SourcePartition {
        SourcePartition(Map::from_iter([(name.to_owned(), value.into())]))
    }
}

impl SourceOffset {
    /// An offset of one number or word.
    pub fn of(name: &str, value: impl Into<Json>) -> SourceOffset {
        SourceOffset(Map::from_iter([(name.to_owned(), value.into())]))
    }

    /// The same with one more entry.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> SourceOffset {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A whole number. Numbers that were stored as text are read too.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A boolean; false where there is none. Booleans that were stored as text are read too.
    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(text)) => text == "true",
            _ => false,
        }
    }
}
