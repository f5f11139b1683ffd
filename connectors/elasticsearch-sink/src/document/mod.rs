//! Which document each record becomes. Pure.

pub mod expression;
mod id;
mod index_name;
mod json;
mod known;
mod pattern;
pub mod target;
mod timestamp;
mod version;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use connector_api::data::{Payload, Schema};
use connector_api::{Error, Result, SinkRecord};

use crate::config::{Documents, OnNull};
use known::Known;
use target::Names;

pub use known::Need;

/// One write of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The index, or the alias or data stream that stands for some.
    pub index: Arc<str>,
    /// The document; empty where the server makes its id.
    pub id: String,
    /// What chooses the shard instead of the id.
    pub routing: Option<Box<str>>,
    /// What is done to it.
    pub action: Action,
}

/// What is done to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It becomes this JSON object; with a version, unless the server has a higher one.
    Index {
        /// The object.
        source: Bytes,
        /// The version.
        version: Option<Version>,
    },
    /// It becomes this JSON object, unless there is one of its id already.
    Create {
        /// The object.
        source: Bytes,
    },
    /// These fields are merged into it, or make it.
    Upsert {
        /// The object.
        source: Bytes,
    },
    /// It is deleted; with a version, unless the server has a higher one.
    Delete {
        /// The version.
        version: Option<Version>,
    },
}

/// A document's version, counted by somebody else than the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 0.
    pub number: i64,
    /// Whether a write of the version that the server has is done once more, instead of being refused. Offsets occur once. A
    /// version of the source may stand in two records, of which the later one must win.
    pub again: bool,
}

impl Operation {
    /// Whether the server sees to it that no write before this one can undo it, even when it comes later: it compares
    /// versions that occur once, or does not replace what is there.
    pub fn is_versioned(&self) -> bool {
        match self.action {
            Action::Index { version, .. } | Action::Delete { version } => version.is_some_and(|version| !version.again),
            Action::Create { .. } => true,
            Action::Upsert { .. } => false,
        }
    }

    /// Whether a conflict says that the server has the document already, or a newer one.
    pub fn is_done_by_conflict(&self) -> bool {
        matches!(
            self.action,
            Action::Index { version: Some(_), .. } | Action::Delete { version: Some(_) } | Action::Create { .. }
        )
    }
}

/// What comes of a record.
#[derive(Debug)]
pub enum Planned {
    /// A write. `own` says that no other record writes the document.
    Write {
        /// It.
        operation: Operation,
        /// Whether the id is the record's place in the log, or made by the server.
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
    names: Names,
    known: Known,
}

impl Planner {
    /// By these settings.
    pub fn new(settings: Documents) -> Planner {
        Planner { settings, names: Names::default(), known: Known::default() }
    }

    /// What has to be prepared on the server before these records' documents are sent.
    pub fn needs(&mut self, records: &[SinkRecord]) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        if !self.settings.needs_preparation() {
            return needs;
        }
        let mut seen = HashSet::new();
        for record in records.iter().filter(|record| !is_null(&record.value)) {
            let schema = self.schema(record).cloned();
            if schema.is_none() && !self.settings.makes_streams() {
                continue;
            }
            // A record without an index is rejected when it is planned.
            let Ok(index) = self.index_of(record) else { continue };
            let address = schema.as_ref().map_or(0, |schema| Arc::as_ptr(schema) as usize);
            if self.known.get(&index, schema.as_ref()).is_none() && seen.insert((index.clone(), address)) {
                needs.push(Need { index, schema });
            }
        }
        needs
    }

    /// A need has been seen to; the error says why no document of the schema fits.
    pub fn prepared(&mut self, need: Need, fits: Result<(), String>) {
        self.known.put(need, fits);
    }

    /// The settings.
    pub fn settings(&self) -> &Documents {
        &self.settings
    }

    /// The schema that the index's mapping is made from.
    fn schema<'a>(&self, record: &'a SinkRecord) -> Option<&'a Arc<Schema>> {
        match &record.value {
            Payload::Structured { schema: Some(schema), .. } if !self.settings.ignores_schema(&record.topic) => {
                Some(schema)
            }
            _ => None,
        }
    }

    fn index_of(&mut self, record: &SinkRecord) -> Result<Arc<str>> {
        let source = if self.settings.needs_fields() { self.source(record)? } else { Bytes::new() };
        self.names.of(&self.settings.target, record, &source)
    }

    /// What comes of a record.
    pub fn plan(&mut self, record: &SinkRecord) -> Planned {
        let own = self.settings.has_own_id(&record.topic);
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
        let source = self.source(record)?;
        let index = self.names.of(&self.settings.target, record, &source)?;
        self.fits(record, &index)?;
        let id = match own {
            _ if self.settings.server_makes_ids => String::new(),
            true => id::from_place(record),
            false => id::from_key(&record.key)?,
        };
        let routing = self.routing(record, &source)?;
        let action = match (&self.settings.timestamps, self.settings.upsert) {
            (Some(fields), _) => {
                Action::Create { source: timestamp::with_timestamp(&source, fields, record.timestamp)? }
            }
            (None, true) => Action::Upsert { source },
            (None, false) => Action::Index { version: self.version(record, &source, own)?, source },
        };
        Ok(Some(Operation { index, id, routing, action }))
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
                let index = self.names.of(&self.settings.target, record, b"")?;
                let (id, routing) = (id::from_key(&record.key)?, self.routing(record, b"")?);
                let version = if self.settings.upsert { None } else { self.version_of_deletion(record)? };
                Ok(Some(Operation { index, id, routing, action: Action::Delete { version } }))
            }
        }
    }

    /// Merged documents count versions by themselves, so deletions among them carry none either: the order of sending
    /// keeps them right.
    fn version(&self, record: &SinkRecord, json: &[u8], own: bool) -> Result<Option<Version>> {
        match (&self.settings.version_field, &self.settings.version_header) {
            _ if own => Ok(None),
            (Some(path), _) => version::from_field(json, path).map(|number| Some(Version { number, again: true })),
            (None, Some(name)) => {
                version::from_header(record, name).map(|number| Some(Version { number, again: false }))
            }
            (None, None) => Ok(Some(Version { number: record.offset, again: false })),
        }
    }

    /// A deletion has no fields, so only a header can hold its version.
    fn version_of_deletion(&self, record: &SinkRecord) -> Result<Option<Version>> {
        let again = self.settings.version_field.is_some();
        let number = match &self.settings.version_header {
            Some(name) => version::from_header(record, name)?,
            None => record.offset,
        };
        Ok(Some(Version { number, again }))
    }

    fn routing(&self, record: &SinkRecord, json: &[u8]) -> Result<Option<Box<str>>> {
        let Some(expression) = &self.settings.routing else { return Ok(None) };
        expression.of(record, json, |value| Cow::Borrowed(value)).map(|text| Some(text.into()))
    }

    /// Whether the index was prepared for the record's schema, and takes it.
    fn fits(&self, record: &SinkRecord, index: &Arc<str>) -> Result<()> {
        let Some(schema) = self.schema(record) else { return Ok(()) };
        match self.known.get(index, Some(schema)) {
            Some(Err(why)) => Err(Error::reject(format!("the record's schema does not fit the index {index}: {why}")).remedy(
                "Lead the topic to another index by `index.name.format`, make the index anew with the mapping that is wanted, or \
                 name the topic in `topic.schema.ignore` to leave mappings to the server.",
            )),
            _ => Ok(()),
        }
    }

    /// The value as a JSON object: nothing else is a document. What is JSON already stays the bytes that it is.
    fn source(&self, record: &SinkRecord) -> Result<Bytes> {
        let json = match &record.value {
            Payload::Json(json) => json.clone(),
            Payload::Structured { schema, value } => {
                let mut out = Vec::new();
                json::write(value, schema.as_deref(), self.settings.compact_maps, &mut out);
                out.into()
            }
            _ => Bytes::new(),
        };
        match json.trim_ascii_start().first() {
            Some(b'{') => Ok(json),
            _ => Err(Error::reject("the record's value is not a JSON object, so it is no document")
                .remedy("Correct the producer, or set `drop.invalid.message` to true to pass such records over.")),
        }
    }
}

fn is_null(payload: &Payload) -> bool {
    payload.is_nothing() || matches!(payload, Payload::Json(json) if json.as_ref() == b"null")
}

#[cfg(test)]
mod tests;
