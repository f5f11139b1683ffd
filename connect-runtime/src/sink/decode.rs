//! Bytes into records.

use broker_client::TopicPartition;
use broker_wire::records::Record;
use bytes::Bytes;
use connector_api::config::RawConfig;
use connector_api::data::{Format, Payload};
use connector_api::{
    Converter, Error, Formats, Header, Headers, Result, SinkRecord, TimestampType, TopicPartition as Named,
};

use super::rejects::Stage;
use crate::config::WorkerConfig;
use crate::config::connector::converter_of;
use crate::source::make_converter;

/// The converters of one sink task.
pub struct Decoder {
    key: Box<dyn Converter>,
    value: Box<dyn Converter>,
    header: Box<dyn Converter>,
    formats: Formats,
}

/// A record that a converter cannot read.
pub(super) struct Unreadable {
    pub partition: TopicPartition,
    pub record: Record,
    pub stage: Stage,
    pub why: Error,
}

impl Decoder {
    /// The converters of a connector, its own or the worker's, for the forms that the sink wants.
    pub fn new(worker: &WorkerConfig, connector: &RawConfig, formats: Formats) -> Result<Decoder> {
        Ok(Decoder {
            key: make_converter(&converter_of(connector, "key", &worker.key_converter), true)?,
            value: make_converter(&converter_of(connector, "value", &worker.value_converter), false)?,
            header: make_converter(&converter_of(connector, "header", &worker.header_converter), false)?,
            formats,
        })
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
        let key = payload(&mut *self.key, topic, record.key.as_ref(), self.formats.key)
            .map_err(|why| unreadable(Stage::KeyConverter, why))?;
        let value = payload(&mut *self.value, topic, record.value.as_ref(), self.formats.value)
            .map_err(|why| unreadable(Stage::ValueConverter, why))?;
        let headers = headers(&mut *self.header, topic, &record.headers);
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

fn payload(converter: &mut dyn Converter, topic: &str, bytes: Option<&Bytes>, format: Format) -> Result<Payload> {
    bytes.map_or(Ok(Payload::Null), |bytes| converter.decode(topic, bytes, format))
}

/// A header that its converter cannot read is given as bytes: headers often come from foreign tools, and are no reason to
/// hold a record back.
fn headers(converter: &mut dyn Converter, topic: &str, headers: &[(Bytes, Option<Bytes>)]) -> Headers {
    let header = |(name, value): &(Bytes, Option<Bytes>)| {
        let read = payload(converter, topic, value.as_ref(), Format::Structured);
        let value = read.unwrap_or_else(|_| value.clone().map_or(Payload::Null, Payload::Bytes));
        Header { name: String::from_utf8_lossy(name).as_ref().into(), value }
    };
    headers.iter().map(header).collect()
}
