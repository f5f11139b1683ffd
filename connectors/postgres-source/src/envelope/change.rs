//! Records from decoded rows.

use std::sync::Arc;

use connector_api::data::{Payload, Schema, Struct, Text, Value};
use connector_api::{Header, Headers, SourceRecord};

use super::shape::{Key, Shape};

/// What happened, as the envelope's `op` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Read in a snapshot.
    Read,
    /// Inserted.
    Create,
    /// Updated.
    Update,
    /// Deleted.
    Delete,
    /// The table was emptied.
    Truncate,
}

impl Operation {
    fn letter(self) -> &'static str {
        match self {
            Operation::Read => "r",
            Operation::Create => "c",
            Operation::Update => "u",
            Operation::Delete => "d",
            Operation::Truncate => "t",
        }
    }
}

/// Makes records and collects them.
#[derive(Debug, Default)]
pub struct Records {
    /// What has been made.
    pub records: Vec<SourceRecord>,
    /// Headers of every record.
    pub headers: Headers,
    /// Whether deletions are followed by tombstones.
    pub tombstones: bool,
    /// When the events are made, in microseconds since 1970.
    pub now: i64,
}

/// A row before or after a change: its values as decoded.
type Row = Vec<Value>;

impl Records {
    /// A row that a snapshot has read.
    pub fn read(&mut self, shape: &Shape, row: Row, source: Value) {
        self.made(shape, Operation::Read, row, source);
    }

    /// A row that was inserted.
    pub fn created(&mut self, shape: &Shape, row: Row, source: Value) {
        self.made(shape, Operation::Create, row, source);
    }

    /// Copies all values out of the buffers that they are slices of.
    pub fn unpin(&mut self) {
        for record in &mut self.records {
            for payload in [&mut record.key, &mut record.value] {
                if let Payload::Structured { value, .. } = payload {
                    unpin(value);
                }
            }
        }
    }

    fn made(&mut self, shape: &Shape, operation: Operation, row: Row, source: Value) {
        let key = key(shape, &row);
        let value = self.envelope(shape, operation, (Value::Null, shape.value(row)), source);
        self.push(shape, key, value, None);
    }

    /// A row that was changed. A changed key makes a deletion under the old key and a creation under the new one, each
    /// naming the other's key in a header.
    pub fn updated(&mut self, shape: &Shape, old: Option<Row>, new: Row, source: Value) {
        let known_key = shape.key.as_ref().filter(|key| key.in_identity);
        let moved = match (&old, known_key) {
            (Some(old), Some(key)) => key.columns.iter().any(|place| old[*place] != new[*place]),
            _ => false,
        };
        match old {
            Some(old) if moved => self.moved(shape, old, new, source),
            old => {
                let key = key(shape, &new);
                let before = old.map_or(Value::Null, |old| shape.value(old));
                let value = self.envelope(shape, Operation::Update, (before, shape.value(new)), source);
                self.push(shape, key, value, None);
            }
        }
    }

    fn moved(&mut self, shape: &Shape, old: Row, new: Row, source: Value) {
        let (old_key, new_key) = (key(shape, &old), key(shape, &new));
        let new_header = Header { name: "__debezium.newkey".into(), value: new_key.clone() };
        let old_header = Header { name: "__debezium.oldkey".into(), value: old_key.clone() };
        let deleted = self.envelope(shape, Operation::Delete, (shape.value(old), Value::Null), source.clone());
        self.push(shape, old_key.clone(), deleted, Some(new_header.clone()));
        if self.tombstones {
            self.push(shape, old_key, Payload::Null, Some(new_header));
        }
        let created = self.envelope(shape, Operation::Create, (Value::Null, shape.value(new)), source);
        self.push(shape, new_key, created, Some(old_header));
    }

    /// A row that was deleted. A record without a key gets no tombstone: it would say nothing.
    pub fn deleted(&mut self, shape: &Shape, old: Row, source: Value) {
        let key = key(shape, &old);
        let value = self.envelope(shape, Operation::Delete, (shape.value(old), Value::Null), source);
        let tombstone = (self.tombstones && !key.is_null()).then(|| key.clone());
        self.push(shape, key, value, None);
        if let Some(key) = tombstone {
            self.push(shape, key, Payload::Null, None);
        }
    }

    /// The table was emptied.
    pub fn truncated(&mut self, shape: &Shape, source: Value) {
        let value = self.envelope(shape, Operation::Truncate, (Value::Null, Value::Null), source);
        self.push(shape, Payload::Null, value, None);
    }

    fn envelope(&self, shape: &Shape, operation: Operation, rows: (Value, Value), source: Value) -> Payload {
        // In the order of the schema.
        let values = vec![
            rows.0,
            rows.1,
            source,
            Value::Null,
            Value::String(Text::from_static(operation.letter())),
            Value::Int64(self.now.div_euclid(1_000)),
            Value::Int64(self.now),
            Value::Int64(self.now.saturating_mul(1_000)),
        ];
        structured(&shape.envelope, values)
    }

    fn push(&mut self, shape: &Shape, key: Payload, value: Payload, header: Option<Header>) {
        let headers = header.into_iter().chain(self.headers.iter().cloned()).collect();
        let topic = shape.topic.clone();
        self.records.push(SourceRecord { topic, partition: None, key, value, headers, timestamp: None });
    }
}

fn unpin(value: &mut Value) {
    match value {
        Value::String(text) => *text = Text::from(text.to_string()),
        Value::Bytes(bytes) => *bytes = bytes::Bytes::copy_from_slice(bytes),
        Value::Decimal(number) => {
            if let Ok(copy) = connector_api::data::Decimal::new(number.as_str().into()) {
                *number = copy;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unpin),
        Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            unpin(key);
            unpin(value);
        }),
        Value::Struct(fields) => {
            let schema = fields.schema().clone();
            let empty = Struct::new(schema.clone(), Vec::new());
            let mut values = std::mem::replace(fields, empty).into_values();
            values.iter_mut().for_each(unpin);
            *fields = Struct::new(schema, values);
        }
        _ => {}
    }
}

fn structured(schema: &Arc<Schema>, values: Vec<Value>) -> Payload {
    Payload::structured(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)))
}

fn key(shape: &Shape, row: &[Value]) -> Payload {
    match &shape.key {
        Some(Key { schema, columns, .. }) => {
            structured(schema, columns.iter().map(|place| row[*place].clone()).collect())
        }
        None => Payload::Null,
    }
}

/// The headers that name the connector and its task, and the time of its start in place of Debezium's run id.
pub fn context_headers(prefix: &str, task: u32, run: &str) -> Headers {
    let header = |name: &str, value: &str| {
        let value = Payload::structured(Arc::new(Schema::string()), Value::from(value));
        Header { name: format!("__debezium.context.{name}").into(), value }
    };
    vec![
        header("connectorLogicalName", prefix),
        header("taskId", &task.to_string()),
        header("connectorName", super::source::CONNECTOR),
        header("runId", run),
    ]
}
