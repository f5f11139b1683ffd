//! Bytes into records.

use broker_client::TopicPartition;
use broker_wire::records::Record;
use bytes::Bytes;
use connector_api::data::{Format, Payload};
use connector_api::{
    Converter, Error, Formats, Header, Headers, Result, SinkRecord, TimestampType, TopicPartition as Named,
};

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

    /// A record as the sink sees it.
    pub(super) fn decode(
        &mut self,
        partition: &TopicPartition,
        timestamp_type: TimestampType,
        record: &Record,
    ) -> std::result::Result<SinkRecord, Box<Unreadable>> {
        let topic = &partition.topic;
        let unreadable =
            |stage, why| Box::new(Unreadable { partition: partition.clone(), record: record.clone(), stage, why });
        let key = payload(&mut self.converters.key, topic, record.key.as_ref(), self.formats.key)
            .map_err(|why| unreadable(Stage::KeyConverter, why))?;
        let value = payload(&mut self.converters.value, topic, record.value.as_ref(), self.formats.value)
            .map_err(|why| unreadable(Stage::ValueConverter, why))?;
        let headers = headers(&mut self.converters.header, topic, &record.headers);
        Ok(SinkRecord {
            topic: topic.clone(),
            origin: Named { topic: topic.clone(), partition: partition.partition },
            offset: record.offset,
            key,
            value,
            headers,
            timestamp: (record.timestamp >= 0).then_some(record.timestamp),
            timestamp_type,
        })
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

/// What a converter of the chain reads stays bytes until then.
fn payload(own: &mut Own, topic: &str, bytes: Option<&Bytes>, format: Format) -> Result<Payload> {
    match (bytes, own) {
        (None, _) => Ok(Payload::Null),
        (Some(bytes), Some(own)) => own.decode(topic, bytes, format),
        (Some(bytes), None) => Ok(Payload::Bytes(bytes.clone())),
    }
}

/// A header that its converter cannot read is given as bytes: headers often come from foreign tools, and are no reason to
/// hold a record back.
fn headers(converter: &mut Own, topic: &str, headers: &[(Bytes, Option<Bytes>)]) -> Headers {
    let header = |(name, value): &(Bytes, Option<Bytes>)| {
        let read = payload(converter, topic, value.as_ref(), Format::Structured);
        let value = read.unwrap_or_else(|_| value.clone().map_or(Payload::Null, Payload::Bytes));
        Header { name: String::from_utf8_lossy(name).as_ref().into(), value }
    };
    headers.iter().map(header).collect()
}
