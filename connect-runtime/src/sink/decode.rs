//! Bytes into records.

use std::sync::Arc;

use broker_client::TopicPartition;
use broker_wire::records::{Record, Slice};
use bytes::Bytes;
use connector_api::data::{Format, Payload};
use connector_api::{Converter, Error, Formats, Header, Headers, Result, SinkRecord, TimestampType, Topic};

use crate::transform::{OwnConverters, Shaper, Stage};

type Own = Option<Box<dyn Converter>>;

/// The worker's own converters of one sink task.
pub struct Decoder {
    converters: OwnConverters,
    formats: Formats,
    shapers: Option<(Shaper, Shaper)>,
}

/// A record that a converter cannot read.
pub(super) struct Unreadable {
    pub partition: TopicPartition,
    pub record: Record,
    pub stage: Stage,
    pub why: Error,
}

impl Decoder {
    /// These converters, which read into these forms; and what makes keys and values what the sink wants, after transforms.
    pub fn new(converters: OwnConverters, formats: Formats, shapers: Option<(Shaper, Shaper)>) -> Decoder {
        Decoder { converters, formats, shapers }
    }

    /// Makes a record that has come through transforms what the sink wants.
    pub(super) fn shape(&mut self, record: &mut SinkRecord) -> std::result::Result<(), (Stage, Error)> {
        let Some((key, value)) = &mut self.shapers else { return Ok(()) };
        let OwnConverters { key: own_key, value: own_value, .. } = &mut self.converters;
        key.shape(&record.topic, &mut record.key, own_key.as_mut()).map_err(|why| (Stage::KeyConverter, why))?;
        let value = value.shape(&record.topic, &mut record.value, own_value.as_mut());
        value.map_err(|why| (Stage::ValueConverter, why))
    }

    /// Makes a record what the sink sees of one in the log. After an error it is neither.
    pub(super) fn decode(
        &mut self,
        partition: &TopicPartition,
        timestamp_type: TimestampType,
        read: &Slice<'_>,
        record: &mut SinkRecord,
    ) -> std::result::Result<(), Box<Unreadable>> {
        let topic = &partition.topic;
        let unreadable =
            |stage, why| Box::new(Unreadable { partition: partition.clone(), record: read.to_record(), stage, why });
        payload(&mut self.converters.key, topic, read.key(), self.formats.key, &mut record.key)
            .map_err(|why| unreadable(Stage::KeyConverter, why))?;
        payload(&mut self.converters.value, topic, read.value(), self.formats.value, &mut record.value)
            .map_err(|why| unreadable(Stage::ValueConverter, why))?;
        record.headers.clear();
        if read.record.headers.len() > 0 {
            record.headers = headers(&mut self.converters.header, topic, &read.to_record().headers);
        }
        share(&mut record.topic, topic);
        share(&mut record.origin.topic, topic);
        record.origin.partition = partition.partition;
        record.offset = read.record.offset;
        record.timestamp = (read.record.timestamp >= 0).then_some(read.record.timestamp);
        record.timestamp_type = timestamp_type;
        Ok(())
    }
}

/// The records before mostly share the topic already.
fn share(name: &mut Topic, topic: &Topic) {
    if !Arc::ptr_eq(name, topic) {
        *name = topic.clone();
    }
}

impl Unreadable {
    /// The error that names where the record stands.
    pub fn error(self) -> Error {
        let part = if self.stage == Stage::KeyConverter { "key" } else { "value" };
        let offset = self.record.offset;
        Error::fatal(format!("cannot read the {part} of {} offset {offset}", self.partition)).caused_by(self.why)
    }
}

/// What a converter of the chain reads stays bytes until then. It is written where it belongs: to hand a payload back takes longer than
/// to make one of bytes that need no change.
#[inline]
fn payload(own: &mut Own, topic: &str, bytes: Option<Bytes>, format: Format, payload: &mut Payload) -> Result<()> {
    match (bytes, own) {
        (None, _) => *payload = Payload::Null,
        (Some(bytes), Some(own)) => return own.decode_into(topic, bytes, format, payload),
        (Some(bytes), None) => *payload = Payload::Bytes(bytes),
    }
    Ok(())
}

/// A header that its converter cannot read is given as bytes: headers often come from foreign tools, and are no reason to
/// hold a record back.
fn headers(converter: &mut Own, topic: &str, headers: &[(Bytes, Option<Bytes>)]) -> Headers {
    let header = |(name, value): &(Bytes, Option<Bytes>)| {
        let mut read = Payload::Null;
        if payload(converter, topic, value.clone(), Format::Structured, &mut read).is_err() {
            read = value.clone().map_or(Payload::Null, Payload::Bytes);
        }
        Header { name: String::from_utf8_lossy(name).as_ref().into(), value: read }
    };
    headers.iter().map(header).collect()
}
