//! Which document each record becomes. Pure.

mod id;
mod index_name;
mod version;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use connector_api::data::Payload;
use connector_api::{Error, Result, SinkRecord, Topic};

use crate::config::{Documents, OnNull};

/// One write of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The index.
    pub index: Arc<str>,
    /// The document.
    pub id: String,
    /// What is done to it.
    pub action: Action,
}

/// What is done to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It becomes this JSON object; with a version, unless the server has that version or a higher one.
    Index {
        /// The object.
        source: Bytes,
        /// The version.
        version: Option<i64>,
    },
    /// These fields are merged into it, or make it.
    Upsert {
        /// The object.
        source: Bytes,
    },
    /// It is deleted; with a version, unless the server has that version or a higher one.
    Delete {
        /// The version.
        version: Option<i64>,
    },
}

impl Operation {
    /// Whether the server compares versions, so that an old write cannot undo a newer one.
    pub fn is_versioned(&self) -> bool {
        matches!(self.action, Action::Index { version: Some(_), .. } | Action::Delete { version: Some(_) })
    }
}

/// What comes of a record.
#[derive(Debug)]
pub enum Planned {
    /// A write. `own` says that no other record writes the document.
    Write {
        /// It.
        operation: Operation,
        /// Whether the id is the record's place in the log.
        own: bool,
    },
    /// Nothing.
    Nothing,
    /// It cannot become a document.
    Invalid(Error),
}

/// Makes operations of records.
pub struct Planner {
    settings: Documents,
    names: HashMap<Topic, std::result::Result<Arc<str>, String>>,
}

impl Planner {
    /// Names of topics that are remembered; transforms may make any number of them.
    const NAMES: usize = 1000;

    /// By these settings.
    pub fn new(settings: Documents) -> Planner {
        Planner { settings, names: HashMap::new() }
    }

    /// What comes of a record.
    pub fn plan(&mut self, record: &SinkRecord) -> Planned {
        let own = self.settings.ignore_keys || self.settings.ignore_keys_of.contains(&*record.topic);
        match self.operation(record, own) {
            Ok(Some(operation)) => Planned::Write { operation, own },
            Ok(None) => Planned::Nothing,
            Err(_) if self.settings.drop_invalid && !self.must_have_value(record) => Planned::Nothing,
            Err(why) => Planned::Invalid(why),
        }
    }

    /// Whether the record is refused for having no value, which is not a matter of conversion.
    fn must_have_value(&self, record: &SinkRecord) -> bool {
        self.settings.on_null == OnNull::Fail && is_null(&record.value)
    }

    fn operation(&mut self, record: &SinkRecord, own: bool) -> Result<Option<Operation>> {
        if is_null(&record.value) {
            return self.deletion(record, own);
        }
        let source = object(&record.value)?;
        let index = self.index(&record.topic)?;
        let id = if own { id::from_place(record) } else { id::from_key(&record.key)? };
        let action = match self.settings.upsert {
            true => Action::Upsert { source },
            false => Action::Index { source, version: self.version(record, own)? },
        };
        Ok(Some(Operation { index, id, action }))
    }

    /// No document has the id of a place that holds no value, and no key names none, so there is nothing to delete then.
    fn deletion(&mut self, record: &SinkRecord, own: bool) -> Result<Option<Operation>> {
        match self.settings.on_null {
            OnNull::Ignore => Ok(None),
            OnNull::Fail => Err(Error::reject("the record has no value").remedy(
                "Set `behavior.on.null.values` to `delete` to have such records delete the documents that their keys name, \
                 or to `ignore`.",
            )),
            OnNull::Delete if own || is_null(&record.key) => Ok(None),
            OnNull::Delete => {
                let (index, id) = (self.index(&record.topic)?, id::from_key(&record.key)?);
                let version = if self.settings.upsert { None } else { self.version(record, own)? };
                Ok(Some(Operation { index, id, action: Action::Delete { version } }))
            }
        }
    }

    /// Merged documents count versions by themselves, so deletions among them carry none either: the order of sending
    /// keeps them right.
    fn version(&self, record: &SinkRecord, own: bool) -> Result<Option<i64>> {
        match &self.settings.version_header {
            _ if own => Ok(None),
            Some(name) => version::from_header(record, name).map(Some),
            None => Ok(Some(record.offset)),
        }
    }

    fn index(&mut self, topic: &Topic) -> Result<Arc<str>> {
        if self.names.len() >= Self::NAMES && !self.names.contains_key(topic) {
            self.names.clear();
        }
        let named = || index_name::index_name(topic).map(Arc::from);
        let name = self.names.entry(topic.clone()).or_insert_with(named);
        name.clone().map_err(|why| Error::reject(why).remedy("Take the topic out of `topics`, or set `drop.invalid.message` to true."))
    }
}

fn is_null(payload: &Payload) -> bool {
    match payload {
        Payload::Null => true,
        Payload::Json(json) => json.as_ref() == b"null",
        _ => false,
    }
}

/// The value, if it is a JSON object: nothing else is a document.
fn object(value: &Payload) -> Result<Bytes> {
    match value {
        Payload::Json(json) if json.trim_ascii_start().first() == Some(&b'{') => Ok(json.clone()),
        _ => Err(Error::reject("the record's value is not a JSON object, so it is no document")
            .remedy("Correct the producer, or set `drop.invalid.message` to true to pass such records over.")),
    }
}

#[cfg(test)]
mod tests;
