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

impl<'a> From<&'a SourceRecord> for Parts<'a> {
    #[inline(always)]
    fn from(record: &'a SourceRecord) -> Parts<'a> {
        Parts {
            topic: &record.topic,
            origin: &record.topic,
            partition: record.partition.unwrap_or(-1),
            offset: 0,
            timestamp: record.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        }
    }
}

impl<'a> From<&'a TransformRecord> for Parts<'a> {
    #[inline(always)]
    fn from(record: &'a TransformRecord) -> Parts<'a> {
        Parts {
            topic: &record.topic,
            origin: &record.topic,
            partition: record.partition.unwrap_or(-1),
            offset: record.offset.unwrap_or(-1),
            timestamp: record.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        }
    }
}

/// A payload alone, as the value of a record that has nothing else but its topic.
impl<'a> From<&'a (&'a Topic, &'a Payload)> for Parts<'a> {
    #[inline(always)]
    fn from((topic, value): &'a (&'a Topic, &'a Payload)) -> Parts<'a> {
        Parts {
            topic,
            origin: topic,
            partition: -1,
            offset: -1,
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
            key: &Payload::Null,
            value,
            headers: &[],
        }
    }
}

impl<'a> From<&'a SinkRecord> for Parts<'a> {
    #[inline(always)]
    fn from(record: &'a SinkRecord) -> Parts<'a> {
        Parts {
            topic: &record.topic,
            origin: &record.origin.topic,
            partition: record.origin.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        }
    }
}

impl Parts<'_> {
    /// Whether it is bytes alone.
    #[inline(always)]
    fn are_plain(&self) -> bool {
        let structured = |payload| matches!(payload, &Payload::Structured { .. });
        !structured(self.key) && !structured(self.value) && self.headers.is_empty()
    }
}

/// Writes batches.
#[derive(Debug, Default)]
pub struct BatchWriter {
    topics: Vec<Topic>,
    schemas: Vec<Arc<Schema>>,
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

/// The topic that was named last, and its number: mostly it is the next one's too.
struct LastTopic<'r> {
    topic: &'r Topic,
    number: u32,
}

impl BatchWriter {
    /// Appends records of a source.
    pub fn source(&mut self, to: &mut Writer, records: &[SourceRecord]) {
        self.batch(to, records);
    }

    /// Appends records for a sink.
    pub fn sink(&mut self, to: &mut Writer, records: &[SinkRecord]) {
        self.batch(to, records);
    }

    /// Appends records for a transform, or from one.
    pub fn transform(&mut self, to: &mut Writer, records: &[TransformRecord]) {
        self.batch(to, records);
    }

    /// Appends payloads for a converter, or from one: as values of records that have nothing else but their topics.
    pub fn payloads(&mut self, to: &mut Writer, payloads: &[(&Topic, &Payload)]) {
        self.batch(to, payloads);
    }

    fn batch<'r, R>(&mut self, to: &mut Writer, records: &'r [R])
    where
        Parts<'r>: From<&'r R>,
    {
        let start = to.bytes.len();
        to.count(records.len()).u32(0);
        self.records(to, records);
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
    }

    fn records<'r, R>(&mut self, to: &mut Writer, records: &'r [R])
    where
        Parts<'r>: From<&'r R>,
    {
        let Some(first) = records.first() else { return };
        let topic = Parts::from(first).topic;
        let mut last = LastTopic { topic, number: self.topic(topic) };
        for record in records {
            let parts = Parts::from(record);
            let origin = self.number_of(parts.origin, &mut last);
            let topic = self.number_of(parts.topic, &mut last);
            if parts.are_plain() {
                plain_record(to, &parts, (topic, origin));
            } else {
                self.record(to, &Parts::from(record), (topic, origin));
            }
        }
    }

    #[inline(always)]
    fn number_of<'r>(&mut self, topic: &'r Topic, last: &mut LastTopic<'r>) -> u32 {
        if !Arc::ptr_eq(topic, last.topic) {
            *last = LastTopic { topic, number: self.topic(topic) };
        }
        last.number
    }

    /// The number of a topic in the table.
    #[cold]
    #[inline(never)]
    fn topic(&mut self, topic: &Topic) -> u32 {
        // What was named lately stands at the end.
        let known = self.topics.iter().rposition(|known| known == topic);
        known.unwrap_or_else(|| {
            self.topics.push(topic.clone());
            self.topics.len() - 1
        }) as u32
    }

    /// A record of any kind.
    #[inline(never)]
    fn record(&mut self, to: &mut Writer, record: &Parts<'_>, topics: (u32, u32)) {
        let start = to.bytes.len();
        let (key, value) = (Plain::of(record.key), Plain::of(record.value));
        // Lengths of payloads that are bytes are known before; those of values are put in afterwards.
        to.bytes.extend_from_slice(&head(record, (&key, &value), topics));
        self.payload(to, record.key, start + 24);
        self.payload(to, record.value, start + 28);
        for Header { name, value } in record.headers {
            let plain = Plain::of(value);
            to.text(name).u8(plain.form).u32(plain.length());
            let at = to.bytes.len() - 4;
            self.payload(to, value, at);
        }
    }

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
}

/// A record of bytes alone, which most are: there may be millions of them in a second.
#[inline(always)]
fn plain_record(to: &mut Writer, record: &Parts<'_>, topics: (u32, u32)) {
    let (key, value) = (Plain::of(record.key), Plain::of(record.value));
    to.bytes.reserve(RECORD_HEADER + key.bytes.len() + value.bytes.len());
    to.bytes.extend_from_slice(&head(record, (&key, &value), topics));
    if !key.bytes.is_empty() {
        to.bytes.extend_from_slice(key.bytes);
    }
    to.bytes.extend_from_slice(value.bytes);
}

#[inline(always)]
fn head(
    record: &Parts<'_>,
    (key, value): (&Plain<'_>, &Plain<'_>),
    (topic, origin): (u32, u32),
) -> [u8; RECORD_HEADER] {
    let two = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    let by_log = record.timestamp_type == TimestampType::LogAppendTime;
    let forms = u32::from_le_bytes([key.form, value.form, u8::from(by_log), 0]);
    let parts = [
        two(topic, record.partition.cast_unsigned()),
        record.offset.to_le_bytes(),
        record.timestamp.unwrap_or(NO_TIMESTAMP).to_le_bytes(),
        two(key.length(), value.length()),
        two(forms, record.headers.len() as u32),
        two(origin, 0),
    ];
    let mut head = [0; RECORD_HEADER];
    for (at, part) in head.as_chunks_mut().0.iter_mut().zip(parts) {
        *at = part;
    }
    head
}

/// The form of a value with structure.
const VALUE: u8 = 3;

/// A payload as it is written: its form, and its bytes if it is nothing else.
struct Plain<'a> {
    form: u8,
    bytes: &'a [u8],
}

impl Plain<'_> {
    #[inline(always)]
    fn of(payload: &Payload) -> Plain<'_> {
        let (form, bytes): (u8, &[u8]) = match payload {
            Payload::Null => (0, &[]),
            Payload::Bytes(bytes) => (1, bytes),
            Payload::Json(bytes) => (2, bytes),
            Payload::Structured { .. } => (VALUE, &[]),
        };
        Plain { form, bytes }
    }

    /// What no length can say is too long for any reader.
    #[inline(always)]
    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }
}

/// Appends a payload alone, with the schemas that it names.
pub fn write_payload(to: &mut Writer, payload: &Payload) {
    let mut batch = BatchWriter::default();
    let start = to.bytes.len();
    let plain = Plain::of(payload);
    to.u32(0).u8(plain.form).u32(plain.length());
    batch.payload(to, payload, start + 5);
    let tables = (to.bytes.len() - start) as u32;
    to.put_u32(start, tables);
    to.list(batch.schemas.iter(), |to, schema| {
        let mut alone = Writer::default();
        value::write_schema(&mut alone, schema);
        to.bytes(&alone.bytes);
    });
}
