//! `StringConverter`: text as it is.

use std::sync::Arc;

use bytes::Bytes;
use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::{Format, Payload, Schema, Text, Value};
use connector_api::{Converter, ConverterPlugin, Definition, Error, Result, Use};

use super::built_in;
use super::json::write_plain;

pub(super) struct StringConverterPlugin;

impl ConverterPlugin for StringConverterPlugin {
    fn definition(&self) -> Definition {
        let encoding = ConfigKey::preset("converter.encoding", ConfigType::String, "UTF-8")
            .only(&["UTF-8", "UTF8"], "text is always UTF-8")
            .doc("The encoding of the text.");
        let keys = ConfigDef::new().key(encoding).grouped("Converter");
        built_in("org.apache.kafka.connect.storage.StringConverter", "Text as it is.", keys)
    }

    fn converter(&self, _: &Config, _: Use) -> Result<Box<dyn Converter>> {
        Ok(Box::new(StringConverter { schema: Arc::new(Schema::string().optional()) }))
    }
}

/// Kafka Connect's converter of headers. There it guesses a type from the text when it reads; here text stays text.
pub(super) struct SimpleHeaderConverter;

impl ConverterPlugin for SimpleHeaderConverter {
    fn definition(&self) -> Definition {
        let class = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
        built_in(class, "Text as it is, for headers.", ConfigDef::new())
    }

    fn converter(&self, config: &Config, of: Use) -> Result<Box<dyn Converter>> {
        StringConverterPlugin.converter(config, of)
    }
}

struct StringConverter {
    schema: Arc<Schema>,
}

impl Converter for StringConverter {
    /// Text and bytes as they are, everything else as JSON.
    fn encode(&mut self, _: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
        match payload {
            Payload::Null | Payload::Structured { value: Value::Null, .. } => return Ok(false),
            Payload::Bytes(bytes) | Payload::Json(bytes) => out.extend_from_slice(bytes),
            Payload::Structured { value: Value::String(text), .. } => out.extend_from_slice(text.as_bytes()),
            Payload::Structured { value, .. } => write_plain(value, out),
        }
        Ok(true)
    }

    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload> {
        self.read(topic, bytes.clone(), format)
    }

    fn decode_into(&mut self, topic: &str, bytes: Bytes, format: Format, payload: &mut Payload) -> Result<()> {
        *payload = self.read(topic, bytes, format)?;
        Ok(())
    }
}

impl StringConverter {
    fn read(&self, topic: &str, bytes: Bytes, format: Format) -> Result<Payload> {
        if format == Format::Bytes {
            return Ok(Payload::Bytes(bytes));
        }
        let length = bytes.len();
        let text = Text::try_from(bytes).map_err(|why| {
            Error::reject(format!("a record of topic {topic} is not UTF-8 text"))
                .caused_by(why)
                .remedy("Use ByteArrayConverter for data that is not text.")
        })?;
        let value = Value::String(text);
        if format == Format::Structured {
            return Ok(Payload::structured(self.schema.clone(), value));
        }
        let mut out = Vec::with_capacity(length + 2);
        write_plain(&value, &mut out);
        Ok(Payload::Json(out.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_and_what_is_no_text_is_named() {
        let mut converter = StringConverterPlugin.converter(&Config::default(), Use::Value).unwrap();
        let mut out = Vec::new();
        assert!(converter.encode("t", &Payload::text("zwölf"), &mut out).unwrap());
        assert_eq!(out, "zwölf".as_bytes());
        assert!(!converter.encode("t", &Payload::Null, &mut out).unwrap());
        let json = converter.decode("t", &Bytes::from_static(b"a\"b"), Format::Json).unwrap();
        assert_eq!(json, Payload::Json(Bytes::from_static(b"\"a\\\"b\"")));
        let error = converter.decode("t", &Bytes::from_static(b"\xff"), Format::Json).unwrap_err();
        assert!(error.to_string().contains("a record of topic t is not UTF-8 text"), "{error}");
    }
}
