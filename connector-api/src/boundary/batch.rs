//! Records as bytes: what `poll` gives and `put` takes.
//!
//! ```text
//! batch    u32 number of records · u32 where the tables begin · records · tables
//! record   u32 topic · i32 partition (-1: none) · i64 offset (-1: none) · i64 timestamp (lowest number: none)
//!          u32 bytes of the key · u32 bytes of the value · u8 form of the key · u8 form of the value
//!          u8 timestamp type · u8 0 · u32 number of headers · u32 topic in the log · u32 0
//!          key · value · headers
//! header   text name · u8 form · u32 length · bytes
//! tables   u32 number of topics · texts · u32 number of schemas · schemas, each with its length before it
//! form     0 null · 1 bytes · 2 JSON · 3 a value: u32 number of its schema plus one, 0 for none, then the value
//! ```
//!
//! Topics and schemas are named by their numbers in the tables. Payloads are read as slices of the batch: reading copies
//! nothing, and the batch lives as long as any payload of it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{Malformed, Read, Reader, Writer};
use super::value::{self, SchemaNumbers};
use crate::data::{Payload, Schema, Value};
use crate::record::{Header, Headers, SinkRecord, SourceRecord, TimestampType, Topic, TopicPartition};
use crate::transform::TransformRecord;

/// Bytes of a record before its key.
pub const RECORD_HEADER: usize = 48;

/// Stands for a timestamp that is not there.
pub const NO_TIMESTAMP: i64 = i64::MIN;

/// How many topics and schemas a reader remembers from batch to batch.
const REMEMBERED: usize = 1000;

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
            offset: record.offset.unwrap_or(-1),
            timestamp: record.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
        });
    }

    /// Appends payloads for a converter, or from one: as values of records that have nothing else but their topics.
    pub fn payloads(&mut self, to: &mut Writer, payloads: &[(&Topic, &Payload)]) {
        self.batch(to, payloads, |(topic, value)| Parts {
            topic,
            origin: topic,
            partition: -1,
            offset: -1,
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
            key: &Payload::Null,
            value,
            headers: &[],
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

/// Reads batches. Topics and schemas are the same from batch to batch, so that what caches by them keeps its caches.
#[derive(Debug, Default)]
pub struct BatchReader {
    topics: HashMap<Bytes, Topic>,
    schemas: HashMap<Bytes, Arc<Schema>>,
}

/// The topics and schemas of one batch.
struct Tables {
    topics: Vec<Topic>,
    schemas: Vec<Arc<Schema>>,
}

/// The fixed part of a record, and where what follows it stands.
struct Head<'a> {
    fixed: &'a [u8; RECORD_HEADER],
}

impl Head<'_> {
    fn u32_at(&self, at: usize) -> u32 {
        self.fixed.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn i64_at(&self, at: usize) -> i64 {
        self.fixed.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| i64::from_le_bytes(*bytes))
    }

    fn partition(&self) -> i32 {
        self.u32_at(4).cast_signed()
    }

    fn timestamp(&self) -> Option<i64> {
        Some(self.i64_at(16)).filter(|timestamp| *timestamp != NO_TIMESTAMP)
    }

    fn timestamp_type(&self) -> TimestampType {
        if self.fixed[34] == 1 { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }
}

/// What is read from a batch: a record of a source or for a sink. Records are filled where they stand, since moving them about costs
/// more than all the rest.
trait Stored {
    /// A record with nothing in it.
    fn blank(topic: &Topic) -> Self;
    /// Takes what stands before the payloads.
    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()>;
    /// Where the rest goes: key, value, headers.
    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers);
}

impl Stored for SourceRecord {
    fn blank(topic: &Topic) -> SourceRecord {
        SourceRecord::new(topic.clone(), Payload::Null, Payload::Null)
    }

    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at(0))?);
        self.partition = Some(head.partition()).filter(|partition| *partition >= 0);
        self.timestamp = head.timestamp();
        Ok(())
    }

    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers) {
        (&mut self.key, &mut self.value, &mut self.headers)
    }
}

impl Stored for TransformRecord {
    fn blank(topic: &Topic) -> TransformRecord {
        let (key, value, headers) = (Payload::Null, Payload::Null, Vec::new());
        TransformRecord { topic: topic.clone(), partition: None, offset: None, key, value, headers, timestamp: None }
    }

    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at(0))?);
        self.partition = Some(head.partition()).filter(|partition| *partition >= 0);
        self.offset = Some(head.i64_at(8)).filter(|offset| *offset >= 0);
        self.timestamp = head.timestamp();
        Ok(())
    }

    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers) {
        (&mut self.key, &mut self.value, &mut self.headers)
    }
}

impl Stored for SinkRecord {
    fn blank(topic: &Topic) -> SinkRecord {
        SinkRecord {
            topic: topic.clone(),
            origin: TopicPartition::new(topic.clone(), 0),
            offset: 0,
            key: Payload::Null,
            value: Payload::Null,
            headers: Vec::new(),
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
        }
    }

    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at(0))?);
        same_topic(&mut self.origin.topic, tables.topic(head.u32_at(40))?);
        self.origin.partition = head.partition();
        self.offset = head.i64_at(8);
        self.timestamp = head.timestamp();
        self.timestamp_type = head.timestamp_type();
        Ok(())
    }

    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers) {
        (&mut self.key, &mut self.value, &mut self.headers)
    }
}

impl BatchReader {
    /// Records of a source.
    pub fn source(&mut self, batch: &Bytes) -> Read<Vec<SourceRecord>> {
        let mut records = Vec::new();
        self.source_into(batch, &mut records).map(|()| records)
    }

    /// Records of a source, into `records`, whose memory is used again.
    pub fn source_into(&mut self, batch: &Bytes, records: &mut Vec<SourceRecord>) -> Read<()> {
        self.batch(batch, records)
    }

    /// Records for a transform, or from one.
    pub fn transform(&mut self, batch: &Bytes) -> Read<Vec<TransformRecord>> {
        let mut records = Vec::new();
        self.batch(batch, &mut records).map(|()| records)
    }

    /// Records for a sink.
    pub fn sink(&mut self, batch: &Bytes) -> Read<Vec<SinkRecord>> {
        let mut records = Vec::new();
        self.sink_into(batch, &mut records).map(|()| records)
    }

    /// Records for a sink, into `records`, whose memory is used again.
    pub fn sink_into(&mut self, batch: &Bytes, records: &mut Vec<SinkRecord>) -> Read<()> {
        self.batch(batch, records)
    }

    fn batch<R: Stored>(&mut self, batch: &Bytes, records: &mut Vec<R>) -> Read<()> {
        let mut from = Reader::new(batch.clone());
        let (count, tables_at) = (from.u32()? as usize, from.u32()? as usize);
        let mut tables = Reader::from(batch.clone(), tables_at);
        let topics = tables.list(|from| self.topic(from))?;
        let tables = Tables { topics, schemas: tables.list(|from| self.schema(from))? };
        if count > from.left() / RECORD_HEADER {
            return Err(Malformed("a batch has more records than bytes for them"));
        }
        if count > records.len() {
            let topic = tables.topic(0)?;
            records.resize_with(count, || R::blank(topic));
        }
        records.truncate(count);
        let mut at = batch.len() - from.left();
        for record in records {
            let fixed = batch.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Malformed(SHORT))?;
            let head = Head { fixed };
            record.take(&head, &tables)?;
            at += RECORD_HEADER;
            let (key, value, headers) = record.payloads();
            payload_into(key, batch, &mut at, (fixed[32], head.u32_at(24)), &tables)?;
            payload_into(value, batch, &mut at, (fixed[33], head.u32_at(28)), &tables)?;
            match head.u32_at(36) {
                0 => headers.clear(),
                count => *headers = headers_at(batch, &mut at, count, &tables)?,
            }
        }
        Ok(())
    }

    /// Reads a payload that [`write_payload`] has written.
    pub fn payload(&mut self, message: &Bytes) -> Read<Payload> {
        let mut from = Reader::new(message.clone());
        let tables_at = from.u32()? as usize;
        let schemas = Reader::from(message.clone(), tables_at).list(|from| self.schema(from))?;
        let form = from.u8()?;
        let length = from.u32()? as usize;
        payload(&mut from, form, length, &schemas)
    }

    fn topic(&mut self, from: &mut Reader) -> Read<Topic> {
        let text = from.text()?;
        if let Some(known) = self.topics.get(text.as_bytes()) {
            return Ok(known.clone());
        }
        let topic: Topic = Arc::from(&*text);
        remember(&mut self.topics, text.as_bytes(), topic.clone());
        Ok(topic)
    }

    fn schema(&mut self, from: &mut Reader) -> Read<Arc<Schema>> {
        let bytes = from.bytes()?;
        if let Some(known) = self.schemas.get(&bytes) {
            return Ok(known.clone());
        }
        let mut inside = Reader::new(bytes.clone());
        let schema = value::read_schema(&mut inside)?;
        inside.end()?;
        remember(&mut self.schemas, &bytes, schema.clone());
        Ok(schema)
    }
}

/// Keeps a copy of the name, not the batch that it is a slice of.
fn remember<T>(known: &mut HashMap<Bytes, T>, name: &[u8], value: T) {
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(Bytes::copy_from_slice(name), value);
}

impl Tables {
    fn topic(&self, number: u32) -> Read<&Topic> {
        self.topics.get(number as usize).ok_or(Malformed("a record names a topic that is not in the table"))
    }
}

/// Topics mostly stay the same from record to record, and counting their users costs more than looking.
fn same_topic(topic: &mut Topic, now: &Topic) {
    if !Arc::ptr_eq(topic, now) {
        *topic = now.clone();
    }
}

const SHORT: &str = "it ends too early";

#[inline]
fn payload_into(
    slot: &mut Payload,
    batch: &Bytes,
    at: &mut usize,
    (form, length): (u8, u32),
    tables: &Tables,
) -> Read<()> {
    let (start, end) = (*at, at.saturating_add(length as usize));
    if end > batch.len() {
        return Err(Malformed(SHORT));
    }
    *at = end;
    match form {
        0 if length == 0 => {
            if !slot.is_null() {
                *slot = Payload::Null;
            }
        }
        1 => *slot = Payload::Bytes(batch.slice(start..end)),
        2 => *slot = Payload::Json(batch.slice(start..end)),
        _ => *slot = payload(&mut Reader::from(batch.slice(..end), start), form, length as usize, &tables.schemas)?,
    }
    Ok(())
}

fn headers_at(batch: &Bytes, at: &mut usize, count: u32, tables: &Tables) -> Read<Headers> {
    let mut from = Reader::from(batch.clone(), *at);
    let headers = headers(&mut from, count as usize, &tables.schemas)?;
    *at = batch.len() - from.left();
    Ok(headers)
}

fn headers(from: &mut Reader, count: usize, schemas: &[Arc<Schema>]) -> Read<Headers> {
    if count > from.left() / 9 {
        return Err(Malformed("a record has more headers than bytes for them"));
    }
    let mut headers = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let name: Arc<str> = Arc::from(&*from.text()?);
        let form = from.u8()?;
        let length = from.u32()? as usize;
        headers.push(Header { name, value: payload(from, form, length, schemas)? });
    }
    Ok(headers)
}

fn payload(from: &mut Reader, form: u8, length: usize, schemas: &[Arc<Schema>]) -> Read<Payload> {
    match form {
        0 if length == 0 => Ok(Payload::Null),
        0 => Err(Malformed("a payload that is null has a length")),
        1 => Ok(Payload::Bytes(from.slice(length)?)),
        2 => Ok(Payload::Json(from.slice(length)?)),
        3 => {
            let mut inside = Reader::new(from.slice(length)?);
            let schema = match inside.u32()? {
                0 => None,
                number => Some(
                    schemas
                        .get(number as usize - 1)
                        .ok_or(Malformed("a value names a schema that is not in the table"))?
                        .clone(),
                ),
            };
            let value = value::read(&mut inside, schema.as_ref(), schemas)?;
            inside.end()?;
            Ok(Payload::Structured { schema, value })
        }
        _ => Err(Malformed("a payload has an unknown form")),
    }
}
