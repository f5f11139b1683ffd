//! Records into bytes.

use connector_api::data::Payload;
use connector_api::{Converter, Error, Result, SourceRecord};

use crate::transform::OwnConverters;

/// The worker's own converters of one source task.
pub struct Encoder {
    converters: OwnConverters,
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
    /// These.
    pub fn new(converters: OwnConverters) -> Encoder {
        Encoder { converters, bytes: Vec::new(), header_ranges: Vec::new() }
    }

    /// The bytes of a record.
    pub fn encode<'a>(&'a mut self, record: &'a SourceRecord) -> Result<Encoded<'a>> {
        self.bytes.clear();
        self.header_ranges.clear();
        let OwnConverters { key, value, header: of_headers } = &mut self.converters;
        let key = encode(key, &record.topic, &record.key, &mut self.bytes).map_err(|why| in_part("key", why))?;
        let key_end = self.bytes.len();
        let value = encode(value, &record.topic, &record.value, &mut self.bytes);
        let value = value.map_err(|why| in_part("value", why))?;
        let value_end = self.bytes.len();
        for header in &record.headers {
            let start = self.bytes.len();
            let some = encode(of_headers, &record.topic, &header.value, &mut self.bytes);
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

/// What a converter of the chain has written is bytes already.
fn encode(own: &mut Option<Box<dyn Converter>>, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
    match (own, payload) {
        (Some(own), _) => own.encode(topic, payload, out),
        (None, Payload::Bytes(bytes) | Payload::Json(bytes)) => {
            out.extend_from_slice(bytes);
            Ok(true)
        }
        (None, Payload::Null) => Ok(false),
        (None, Payload::Structured { .. }) => Err(Error::fatal(format!("a record for {topic} has not been converted"))),
    }
}
