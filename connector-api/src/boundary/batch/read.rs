//! Reading batches.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::fill::payload;
use super::own::{Experience, Filling, let_go};
use super::{NO_TIMESTAMP, RECORD_HEADER};
use crate::boundary::frame::{Malformed, Read, Reader};
use crate::boundary::value;
use crate::data::{Payload, Schema};
use crate::record::{Headers, SinkRecord, SourceRecord, TimestampType, Topic, TopicPartition};
use crate::transform::TransformRecord;

/// How many topics and schemas a reader remembers from batch to batch.
const REMEMBERED: usize = 1000;

/// Reads batches. Topics and schemas are the same from batch to batch, so that what caches by them keeps its caches.
#[derive(Debug, Default)]
pub struct BatchReader {
    topics: HashMap<Bytes, Topic>,
    schemas: HashMap<Bytes, Arc<Schema>>,
    experience: Experience,
    /// Whether the records that were filled last hold something else than memory of their own.
    others: bool,
}

/// The topics and schemas of one batch.
pub(super) struct Tables {
    topics: Vec<Topic>,
    pub(super) schemas: Vec<Arc<Schema>>,
}

/// The fixed part of a record.
pub(super) struct Head<'a>(pub(super) &'a [u8; RECORD_HEADER]);

impl Head<'_> {
    #[inline(always)]
    pub(super) fn u32_at<const AT: usize>(&self) -> u32 {
        self.0.get(AT..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[inline(always)]
    fn i64_at<const AT: usize>(&self) -> i64 {
        self.0.get(AT..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| i64::from_le_bytes(*bytes))
    }

    #[inline(always)]
    fn partition(&self) -> i32 {
        self.u32_at::<4>().cast_signed()
    }

    #[inline(always)]
    fn timestamp(&self) -> Option<i64> {
        Some(self.i64_at::<16>()).filter(|timestamp| *timestamp != NO_TIMESTAMP)
    }

    #[inline(always)]
    fn timestamp_type(&self) -> TimestampType {
        if self.0[34] == 1 { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }
}

/// What is read from a batch: a record of a source or for a sink. Records are filled where they stand, since moving them about costs
/// more than all the rest.
pub(super) trait Stored {
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

    #[inline(always)]
    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at::<0>())?);
        self.partition = Some(head.partition()).filter(|partition| *partition >= 0);
        self.timestamp = head.timestamp();
        Ok(())
    }

    #[inline(always)]
    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers) {
        (&mut self.key, &mut self.value, &mut self.headers)
    }
}

impl Stored for TransformRecord {
    fn blank(topic: &Topic) -> TransformRecord {
        let (key, value, headers) = (Payload::Null, Payload::Null, Vec::new());
        TransformRecord { topic: topic.clone(), partition: None, offset: None, key, value, headers, timestamp: None }
    }

    #[inline(always)]
    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at::<0>())?);
        self.partition = Some(head.partition()).filter(|partition| *partition >= 0);
        self.offset = Some(head.i64_at::<8>()).filter(|offset| *offset >= 0);
        self.timestamp = head.timestamp();
        Ok(())
    }

    #[inline(always)]
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

    #[inline(always)]
    fn take(&mut self, head: &Head<'_>, tables: &Tables) -> Read<()> {
        same_topic(&mut self.topic, tables.topic(head.u32_at::<0>())?);
        same_topic(&mut self.origin.topic, tables.topic(head.u32_at::<40>())?);
        self.origin.partition = head.partition();
        self.offset = head.i64_at::<8>();
        self.timestamp = head.timestamp();
        self.timestamp_type = head.timestamp_type();
        Ok(())
    }

    #[inline(always)]
    fn payloads(&mut self) -> (&mut Payload, &mut Payload, &mut Headers) {
        (&mut self.key, &mut self.value, &mut self.headers)
    }
}

impl BatchReader {
    /// Records of a source.
    pub fn source(&mut self, batch: &Bytes) -> Read<Vec<SourceRecord>> {
        self.new_records(batch)
    }

    /// Records of a source, into `records`, whose memory is used again. They may have been let go or not.
    pub fn source_into(&mut self, batch: &Bytes, records: &mut Vec<SourceRecord>) -> Read<()> {
        self.records_into(batch, records)
    }

    /// Lets go of what records of a source hold, but small pieces of memory that are used again.
    pub fn let_go_source(&mut self, records: &mut [SourceRecord]) {
        let_go(records);
    }

    /// Records for a transform, or from one.
    pub fn transform(&mut self, batch: &Bytes) -> Read<Vec<TransformRecord>> {
        self.new_records(batch)
    }

    /// Records for a sink.
    pub fn sink(&mut self, batch: &Bytes) -> Read<Vec<SinkRecord>> {
        self.new_records(batch)
    }

    /// Records for a sink, into `records`, whose memory is used again. They may have been let go or not.
    pub fn sink_into(&mut self, batch: &Bytes, records: &mut Vec<SinkRecord>) -> Read<()> {
        self.records_into(batch, records)
    }

    /// The same for records for a sink. They are as they were filled: a sink only looks at them.
    pub fn let_go_sink(&mut self, records: &mut [SinkRecord]) {
        if std::mem::take(&mut self.others) {
            let_go(records);
        }
    }

    /// Records that do not come back.
    fn new_records<R: Stored>(&mut self, batch: &Bytes) -> Read<Vec<R>> {
        let mut records = Vec::new();
        self.batch(batch, &mut records, 0)?;
        Ok(records)
    }

    fn records_into<R: Stored>(&mut self, batch: &Bytes, records: &mut Vec<R>) -> Read<()> {
        let room = self.experience.room();
        self.batch(batch, records, room)
    }

    fn batch<R: Stored>(&mut self, batch: &Bytes, records: &mut Vec<R>, room: usize) -> Read<()> {
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
        let start = batch.len() - from.left();
        let mut filling = Filling::new(batch, &tables, room);
        let filled = filling.fill_all(records, start);
        self.others |= filling.left_others();
        self.experience.learn(&filling, count);
        filled
    }

    /// Reads a payload that [`write_payload`](super::write_payload) has written.
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
        // A copy of the name, not the batch that it is a slice of.
        remember(&mut self.topics, Bytes::copy_from_slice(text.as_bytes()), topic.clone());
        Ok(topic)
    }

    fn schema(&mut self, from: &mut Reader) -> Read<Arc<Schema>> {
        let bytes = from.bytes()?;
        if let Some(known) = self.schemas.get(&bytes) {
            return Ok(known.clone());
        }
        // Of a copy: a default in it is a slice of what it is read from, and would keep the batch.
        let own = Bytes::copy_from_slice(&bytes);
        let mut inside = Reader::new(own.clone());
        let schema = value::read_schema(&mut inside)?;
        inside.end()?;
        remember(&mut self.schemas, own, schema.clone());
        Ok(schema)
    }
}

fn remember<T>(known: &mut HashMap<Bytes, T>, name: Bytes, value: T) {
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(name, value);
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
