//! The forms of payloads: what transforms look into, and what a sink wants.

use connector_api::config::RawConfig;
use connector_api::data::{Format, Payload, Value};
use connector_api::{Converter, Error, Result};

use crate::convert::{json_converter, read_json};

/// Makes a payload one that transforms can look into.
pub fn structured(payload: &mut Payload) -> Result<()> {
    let value = match payload {
        Payload::Json(json) => read_json(json)?,
        Payload::Bytes(bytes) => Value::Bytes(std::mem::take(bytes)),
        Payload::Null | Payload::Structured { .. } => return Ok(()),
    };
    *payload = Payload::Structured { schema: None, value };
    Ok(())
}

/// The converter that has read a payload, unless that was a plugin's.
type Own<'a> = Option<&'a mut Box<dyn Converter>>;

/// Makes payloads what a sink wants, after transforms have looked into them.
pub struct Shaper {
    wanted: Format,
    json: Box<dyn Converter>,
}

impl Shaper {
    /// For that form. Decimals are written as the options of the JSON converter say, if that is what has read them.
    pub fn new(wanted: Format, options: &RawConfig) -> Result<Shaper> {
        let mut own = RawConfig::from([("schemas.enable".to_owned(), "false".to_owned())]);
        let decimals = options.get("decimal.format").map_or("NUMERIC", String::as_str);
        own.insert("decimal.format".to_owned(), decimals.to_owned());
        Ok(Shaper { wanted, json: json_converter(&own)? })
    }

    /// The form of the payload. Bytes are what `own`, the converter that has read them, would write.
    pub fn shape(&mut self, topic: &str, payload: &mut Payload, own: Own<'_>) -> Result<()> {
        let converter = match (self.wanted, &*payload) {
            (_, Payload::Null)
            | (Format::Structured, Payload::Structured { .. })
            | (Format::Json, Payload::Json(_))
            | (Format::Bytes, Payload::Bytes(_) | Payload::Json(_)) => return Ok(()),
            (Format::Structured, _) => return structured(payload),
            (Format::Json, _) => Some(&mut self.json),
            (Format::Bytes, _) => own,
        };
        let Some(converter) = converter else {
            return Err(Error::reject("the sink wants bytes, and a transform has made something else"));
        };
        *payload = match (converter.encoded(topic, payload)?, self.wanted) {
            (Payload::Bytes(json), Format::Json) => Payload::Json(json),
            (other, _) => other,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn shaped(wanted: Format, mut payload: Payload) -> Payload {
        let options = RawConfig::new();
        let mut own = json_converter(&RawConfig::from([("schemas.enable".to_owned(), "true".to_owned())])).unwrap();
        Shaper::new(wanted, &options).unwrap().shape("t", &mut payload, Some(&mut own)).unwrap();
        payload
    }

    #[test]
    fn json_and_bytes_become_values_and_values_become_what_is_wanted() {
        let mut payload = Payload::Json(Bytes::from_static(br#"{"a":[1,null]}"#));
        structured(&mut payload).unwrap();
        let array = Value::Array(vec![Value::Int64(1), Value::Null]);
        assert_eq!(payload.as_value(), Some(&Value::Map(vec![("a".into(), array)])));
        assert_eq!(shaped(Format::Json, payload.clone()), Payload::Json(Bytes::from_static(br#"{"a":[1,null]}"#)));
        let envelope = Bytes::from_static(br#"{"schema":null,"payload":{"a":[1,null]}}"#);
        assert_eq!(shaped(Format::Bytes, payload.clone()), Payload::Bytes(envelope));
        assert_eq!(shaped(Format::Structured, payload.clone()), payload);
        assert_eq!(shaped(Format::Json, Payload::Null), Payload::Null);
        let mut bytes = Payload::Bytes(Bytes::from_static(b"\xff"));
        structured(&mut bytes).unwrap();
        assert_eq!(bytes.as_value(), Some(&Value::Bytes(Bytes::from_static(b"\xff"))));
        assert!(structured(&mut Payload::Json(Bytes::from_static(b"{"))).is_err());
    }
}
