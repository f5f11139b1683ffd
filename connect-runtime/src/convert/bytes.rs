//! `ByteArrayConverter`: bytes as they are.

use std::sync::Arc;

use bytes::Bytes;
use connector_api::config::{Config, ConfigDef};
use connector_api::data::{Format, Kind, Payload, Schema, Value};
use connector_api::{Converter, ConverterPlugin, Definition, Error, Result, Use};

use super::{append_base64, built_in};

pub(super) struct ByteArrayConverter;

impl ConverterPlugin for ByteArrayConverter {
    fn definition(&self) -> Definition {
        built_in("org.apache.kafka.connect.converters.ByteArrayConverter", "Bytes as they are.", ConfigDef::new())
    }

    fn converter(&self, _: &Config, _: Use) -> Result<Box<dyn Converter>> {
        Ok(Box::new(PassBytes { schema: Arc::new(Schema::new(Kind::Bytes).optional()) }))
    }
}

struct PassBytes {
    schema: Arc<Schema>,
}

impl Converter for PassBytes {
    fn encode(&mut self, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
        match payload {
            Payload::Null | Payload::Structured { value: Value::Null, .. } => return Ok(false),
            Payload::Bytes(bytes) | Payload::Json(bytes) => out.extend_from_slice(bytes),
            Payload::Structured { value: Value::Bytes(bytes), .. } => out.extend_from_slice(bytes),
            Payload::Structured { .. } => {
                return Err(Error::reject(format!("a record for topic {topic} is no bytes"))
                    .remedy("Use JsonConverter or StringConverter for values with structure."));
            }
        }
        Ok(true)
    }

    fn decode(&mut self, _: &str, bytes: &Bytes, format: Format) -> Result<Payload> {
        Ok(self.read(bytes.clone(), format))
    }

    fn decode_into(&mut self, _: &str, bytes: Bytes, format: Format, payload: &mut Payload) -> Result<()> {
        *payload = self.read(bytes, format);
        Ok(())
    }
}

impl PassBytes {
    fn read(&self, bytes: Bytes, format: Format) -> Payload {
        match format {
            Format::Bytes => Payload::Bytes(bytes),
            Format::Structured => Payload::structured(self.schema.clone(), Value::Bytes(bytes)),
            Format::Json => {
                let mut out = b"\"".to_vec();
                append_base64(&bytes, &mut out);
                out.extend_from_slice(b"\"");
                Payload::Json(out.into())
            }
        }
    }
}
