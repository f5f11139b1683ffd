//! Writing batches.

use std::sync::Arc;

use super::{NO_TIMESTAMP, RECORD_HEADER};
use crate::boundary::frame::Writer;
use crate::boundary::value::{self, SchemaNumbers};
use crate::data::{Payload, Schema, Value};
use crate::record::{Header, SinkRecord, SourceRecord, TimestampType, Topic};
use crate::transform::TransformRecord;

/// The parts of a record of any kind.
struct Parts<'a> {
    topic: &'a Topic,
    origin: &'a Topic,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    timestamp_type: TimestampType,
    key: &'a Payload,
    value: &'a Payload,
    headers: &'a [Header],
}

/// Writes batches.
#[derive(Debug, Default)]
pub struct BatchWriter {
    topics: Vec<Topic>,
    schemas: Vec<Arc<Schema>>,
    last_topic: usize,
}

struct Numbers<'a>(&'a mut Vec<Arc<Schema>>);

impl SchemaNumbers for Numbers<'_> {
    fn number_of(&mut self, schema: &Arc<Schema>) -> u32 {
        let known = self.0.iter().rposition(|known| Arc::ptr_eq(known, schema));
        known.unwrap_or_else(|| {
            self.0.push(schema.clone());
            self.0.len() - 1
        }) as u32
    }
}

impl BatchWriter {
    /// Appends records of a source.
    pub fn source(&mut self, to: &mut Writer, records: &[SourceRecord]) {
        self.batch(to, records, |record| Parts {
            topic: &record.topic,
            origin: &record.topic,
            partition: record.partition.unwrap_or(-1),
            offset: 0,
            timestamp: record.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        });
    }

    /// Appends records for a sink.
    pub fn sink(&mut self, to: &mut Writer, records: &[SinkRecord]) {
        self.batch(to, records, |record| Parts {
            topic: &record.topic,
            origin: &record.origin.topic,
            partition: record.origin.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        });
    }

    /// Appends records for a transform, or from one.
    pub fn transform(&mut self, to: &mut Writer, records: &[TransformRecord]) {
        self.batch(to, records, |record| Parts {
            topic: &record.topic,
            origin: &record.topic,
            partition: record.partition.unwrap_or(-1),
            offset: 0,
            timestamp: record.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        });
    }

    fn batch<'r, R>(&mut self, to: &mut Writer, records: &'r [R], parts: impl Fn(&'r R) -> Parts<'r>) {
        let start = to.bytes.len();
        to.count(records.len()).u32(0);
        for record in records {
            self.record(to, &parts(record));
        }
        let tables = (to.bytes.len() - start) as u32;
        to.put_u32(start + 4, tables);
        to.list(self.topics.drain(..), |to, topic| {
            to.text(&topic);
        });
        to.list(self.schemas.drain(..), |to, schema| {
            let at = to.bytes.len();
            to.u32(0);
            value::write_schema(to, &schema);
            let length = (to.bytes.len() - at - 4) as u32;
            to.put_u32(at, length);
        });
        self.last_topic = 0;
    }

    #[inline]
    fn record(&mut self, to: &mut Writer, record: &Parts<'_>) {
        let start = to.bytes.len();
        let (key_length, value_length) = (length(record.key), length(record.value));
        to.bytes.reserve(RECORD_HEADER + key_length as usize + value_length as usize);
        let topic = self.topic(record.topic);
        let origin = if Arc::ptr_eq(record.topic, record.origin) { topic } else { self.topic(record.origin) };
        let mut header = [0; RECORD_HEADER];
        header[..4].copy_from_slice(&topic.to_le_bytes());
        header[4..8].copy_from_slice(&record.partition.to_le_bytes());
        header[8..16].copy_from_slice(&record.offset.to_le_bytes());
        header[16..24].copy_from_slice(&record.timestamp.unwrap_or(NO_TIMESTAMP).to_le_bytes());
        header[34] = u8::from(record.timestamp_type == TimestampType::LogAppendTime);
        header[36..40].copy_from_slice(&(record.headers.len() as u32).to_le_bytes());
        header[40..44].copy_from_slice(&origin.to_le_bytes());
        (header[32], header[33]) = (form(record.key), form(record.value));
        // Lengths of payloads that are bytes are known before; those of values are put in afterwards.
        header[24..28].copy_from_slice(&key_length.to_le_bytes());
        header[28..32].copy_from_slice(&value_length.to_le_bytes());
        to.bytes.extend_from_slice(&header);
        self.payload(to, record.key, start + 24);
        self.payload(to, record.value, start + 28);
        for Header { name, value } in record.headers {
            to.text(name).u8(form(value)).u32(length(value));
            let at = to.bytes.len() - 4;
            self.payload(to, value, at);
        }
    }

    #[inline]
    fn payload(&mut self, to: &mut Writer, payload: &Payload, length_at: usize) {
        match payload {
            Payload::Null => {}
            Payload::Bytes(bytes) | Payload::Json(bytes) => to.bytes.extend_from_slice(bytes),
            Payload::Structured { schema, value } => self.structured(to, schema.as_ref(), value, length_at),
        }
    }

    fn structured(&mut self, to: &mut Writer, schema: Option<&Arc<Schema>>, value: &Value, length_at: usize) {
        let start = to.bytes.len();
        let mut numbers = Numbers(&mut self.schemas);
        let number = schema.map_or(0, |schema| numbers.number_of(schema) + 1);
        to.u32(number);
        value::write(to, value, schema, &mut numbers);
        let length = (to.bytes.len() - start) as u32;
        to.put_u32(length_at, length);
    }

    #[inline]
    fn topic(&mut self, topic: &Topic) -> u32 {
        let is = |known: &Topic| Arc::ptr_eq(known, topic) || known == topic;
        if !self.topics.get(self.last_topic).is_some_and(is) {
            self.last_topic = self.topics.iter().position(is).unwrap_or_else(|| {
                self.topics.push(topic.clone());
                self.topics.len() - 1
            });
        }
        self.last_topic as u32
    }
}

fn form(payload: &Payload) -> u8 {
    match payload {
        Payload::Null => 0,
        Payload::Bytes(_) => 1,
        Payload::Json(_) => 2,
        Payload::Structured { .. } => 3,
    }
}

fn length(payload: &Payload) -> u32 {
    payload.as_bytes().map_or(0, |bytes| bytes.len() as u32)
}

/// Appends a payload alone, with the schemas that it names.
pub fn write_payload(to: &mut Writer, payload: &Payload) {
    let mut batch = BatchWriter::default();
    let start = to.bytes.len();
    to.u32(0).u8(form(payload)).u32(length(payload));
    batch.payload(to, payload, start + 5);
    let tables = (to.bytes.len() - start) as u32;
    to.put_u32(start, tables);
    to.list(batch.schemas.iter(), |to, schema| {
        let mut alone = Writer::default();
        value::write_schema(&mut alone, schema);
        to.bytes(&alone.bytes);
    });
}
