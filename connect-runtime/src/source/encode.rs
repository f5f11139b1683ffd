//! Records into bytes.

use connector_api::config::RawConfig;
use connector_api::{Converter, Error, Result, SourceRecord};

use crate::config::connector::converter_of;
use crate::config::{ConverterConfig, WorkerConfig};
use crate::convert::find_converter;

/// The converters of one source task.
pub struct Encoder {
    key: Box<dyn Converter>,
    value: Box<dyn Converter>,
    header: Box<dyn Converter>,
    bytes: Vec<u8>,
    header_ranges: Vec<(usize, Option<usize>)>,
}

/// A record's bytes, in the encoder's buffer until the next record.
pub struct Encoded<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Names and values of headers.
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

impl Encoded<'_> {
    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + length(*value));
        length(self.key) + length(self.value) + headers.sum::<usize>()
    }
}

impl Encoder {
    /// The converters of a connector: its own, or the worker's.
    pub fn new(worker: &WorkerConfig, connector: &RawConfig) -> Result<Encoder> {
        Ok(Encoder {
            key: make(&converter_of(connector, "key", &worker.key_converter), true)?,
            value: make(&converter_of(connector, "value", &worker.value_converter), false)?,
            header: make(&converter_of(connector, "header", &worker.header_converter), false)?,
            bytes: Vec::new(),
            header_ranges: Vec::new(),
        })
    }

    /// The bytes of a record.
    pub fn encode<'a>(&'a mut self, record: &'a SourceRecord) -> Result<Encoded<'a>> {
        self.bytes.clear();
        self.header_ranges.clear();
        let key = self.key.encode(&record.topic, &record.key, &mut self.bytes).map_err(|why| in_part("key", why))?;
        let key_end = self.bytes.len();
        let value = self.value.encode(&record.topic, &record.value, &mut self.bytes);
        let value = value.map_err(|why| in_part("value", why))?;
        let value_end = self.bytes.len();
        for header in &record.headers {
            let start = self.bytes.len();
            let some = self.header.encode(&record.topic, &header.value, &mut self.bytes);
            let some = some.map_err(|why| in_part("header", why))?;
            self.header_ranges.push((start, some.then_some(self.bytes.len())));
        }
        let bytes = &self.bytes[..];
        let ranges = record.headers.iter().zip(&self.header_ranges);
        Ok(Encoded {
            key: key.then_some(&bytes[..key_end]),
            value: value.then_some(&bytes[key_end..value_end]),
            headers: ranges
                .map(|(header, (start, end))| (header.name.as_bytes(), end.map(|end| &bytes[*start..end])))
                .collect(),
        })
    }
}

fn in_part(part: &str, why: Error) -> Error {
    Error::new(why.decision().clone(), format!("cannot write the {part} of a record")).caused_by(why)
}

/// A converter as configured.
pub(crate) fn make(config: &ConverterConfig, is_key: bool) -> Result<Box<dyn Converter>> {
    let plugin = find_converter(&config.class)?;
    let settings = plugin.config().check(&config.options).into_result().map_err(|issues| {
        let errors: Vec<String> = issues.iter().filter(|issue| issue.is_error()).map(ToString::to_string).collect();
        Error::fatal(format!("the converter {} is set up wrongly: {}", config.class, errors.join(" ")))
    })?;
    plugin.converter(&settings, is_key)
}
