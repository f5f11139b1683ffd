//! A record as a line of COPY, in its text format.

use connector_api::data::Payload;
use connector_api::{SinkRecord, TopicPartition};

use crate::names::Table;

/// A record on its way.
pub struct Row {
    /// Which of the records put it is.
    pub index: usize,
    pub origin: TopicPartition,
    pub offset: i64,
    pub table: Table,
    /// Its columns `key` and `value`, escaped, with a tab between them.
    text: Vec<u8>,
}

impl Row {
    /// The record of that index, for that table.
    pub fn new(index: usize, record: &SinkRecord, table: Table) -> Row {
        let mut text = Vec::with_capacity(record.size());
        key(&mut text, &record.key);
        text.push(b'\t');
        value(&mut text, &record.value);
        Row { index, origin: record.origin.clone(), offset: record.offset, table, text }
    }

    /// Appends the line: number of the table, key, value, topic, partition, offset.
    pub fn write(&self, to: &mut Vec<u8>, table: usize) {
        to.extend_from_slice(format!("{table}\t").as_bytes());
        to.extend_from_slice(&self.text);
        to.push(b'\t');
        escape(to, self.origin.topic.as_bytes());
        to.extend_from_slice(format!("\t{}\t{}\n", self.origin.partition, self.offset).as_bytes());
    }
}

/// Text as it is, everything else as JSON.
fn key(to: &mut Vec<u8>, key: &Payload) {
    let bytes = key.as_bytes().map(|bytes| &bytes[..]);
    match bytes.and_then(|bytes| serde_json::from_slice::<String>(bytes).ok()) {
        Some(text) => escape(to, text.as_bytes()),
        None => value(to, key),
    }
}

fn value(to: &mut Vec<u8>, value: &Payload) {
    match value.as_bytes() {
        Some(bytes) => escape(to, bytes),
        None => to.extend_from_slice(b"\\N"),
    }
}

/// What COPY takes for the end of a column or line, or for an escape, gets one of its own.
fn escape(to: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'\\' => to.extend_from_slice(b"\\\\"),
            b'\n' => to.extend_from_slice(b"\\n"),
            b'\r' => to.extend_from_slice(b"\\r"),
            b'\t' => to.extend_from_slice(b"\\t"),
            byte => to.push(*byte),
        }
    }
}
