//! The converter.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, RawConfig};
use connector_api::data::{Format, Payload, Schema, Value};
use connector_api::{Converter, ConverterPlugin, Definition, Error, Result, Use};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{append_base64, built_in};
use super::DecimalFormat;
use super::check::is_json;
use super::plain::read_plain;
use super::plan::Plans;
use super::read::read_value;
use super::schema::read_schema;
use super::write::{Writer, write_plain};

pub(crate) struct JsonConverterPlugin;

impl ConverterPlugin for JsonConverterPlugin {
    fn definition(&self) -> Definition {
        built_in("org.apache.kafka.connect.json.JsonConverter", "JSON, with or without schemas.", keys())
    }

    fn converter(&self, config: &Config, _: Use) -> Result<Box<dyn Converter>> {
        let numeric = config.text("decimal.format").eq_ignore_ascii_case("NUMERIC");
        let cached = config.count("schemas.cache.size");
        Ok(Box::new(JsonConverter {
            schemas: config.boolean("schemas.enable"),
            writer: Writer::new(if numeric { DecimalFormat::Numeric } else { DecimalFormat::Base64 }),
            plans: Plans::new(cached),
            read: HashMap::new(),
            cached,
        }))
    }
}

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("schemas.enable", ConfigType::Boolean, "true")
                .doc("Put `{\"schema\":..,\"payload\":..}` around each value, and expect it when reading."),
        )
        .key(
            ConfigKey::preset("schemas.cache.size", ConfigType::Int, "1000")
                .check(Check::AtLeast(0))
                .doc("How many schemas to keep prepared."),
        )
        .key(
            ConfigKey::preset("decimal.format", ConfigType::String, "BASE64")
                .check(Check::OneOf(&["BASE64", "NUMERIC"]))
                .doc("How decimals are written: BASE64 of the unscaled number, or NUMERIC. Both are read."),
        )
        .key(
            ConfigKey::preset("replace.null.with.default", ConfigType::Boolean, "true")
                .only(&["true"], "a null where the schema has a default always becomes the default")
                .doc("Whether a null becomes the default of its schema."),
        )
        .grouped("Converter")
}

/// A converter with these options, of which those that are not named are as users have them.
pub(crate) fn json_converter(options: &RawConfig) -> Result<Box<dyn Converter>> {
    JsonConverterPlugin.converter(&keys().read(options).config, Use::Value)
}

/// The value of a JSON text, without a schema.
pub(crate) fn read_json(json: &[u8]) -> Result<Value> {
    read_plain(json).map_err(|why| Error::reject("it is not JSON").caused_by(why))
}

struct JsonConverter {
    schemas: bool,
    writer: Writer,
    plans: Plans,
    read: HashMap<Box<str>, Arc<Schema>>,
    cached: usize,
}

/// What stands around a value that carries its schema.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Converter for JsonConverter {
    fn encode(&mut self, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
        const NO_SCHEMA: &[u8] = b"{\"schema\":null,\"payload\":";
        match payload {
            Payload::Null | Payload::Structured { schema: None, value: Value::Null } => return Ok(false),
            Payload::Structured { schema: Some(schema), value } => {
                let prepared = self.plans.of(schema);
                if self.schemas {
                    out.extend_from_slice(&prepared.head);
                }
                self.writer.value(&prepared.plan, value, out).map_err(|error| about(topic, error))?;
            }
            other => {
                if self.schemas {
                    out.extend_from_slice(NO_SCHEMA);
                }
                match other {
                    Payload::Json(json) => out.extend_from_slice(json),
                    Payload::Bytes(bytes) => {
                        out.push(b'"');
                        append_base64(bytes, out);
                        out.push(b'"');
                    }
                    Payload::Structured { value, .. } => write_plain(value, out),
                    Payload::Null => {}
                }
            }
        }
        if self.schemas {
            out.push(b'}');
        }
        Ok(true)
    }

    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload> {
        let mut payload = Payload::Null;
        self.decode_into(topic, bytes.clone(), format, &mut payload)?;
        Ok(payload)
    }

    fn decode_into(&mut self, topic: &str, bytes: Bytes, format: Format, payload: &mut Payload) -> Result<()> {
        match (format, self.schemas) {
            (Format::Bytes, _) => *payload = Payload::Bytes(bytes),
            (Format::Json, false) => {
                if !is_json(&bytes) {
                    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|why| no_json(topic, why))?;
                }
                *payload = Payload::Json(bytes);
            }
            (Format::Json, true) => {
                let envelope = envelope(topic, &bytes)?;
                *payload = Payload::Json(bytes.slice_ref(envelope.payload.get().as_bytes()));
            }
            (Format::Structured, _) => *payload = self.read(topic, &bytes)?,
        }
        Ok(())
    }
}

impl JsonConverter {
    fn read(&mut self, topic: &str, bytes: &Bytes) -> Result<Payload> {
        if !self.schemas {
            let value = read_plain(bytes).map_err(|why| no_json(topic, why))?;
            return Ok(Payload::Structured { schema: None, value });
        }
        let envelope = envelope(topic, bytes)?;
        let Some(schema) = self.schema(envelope.schema.get()).map_err(|error| about(topic, error))? else {
            let value = read_plain(envelope.payload.get().as_bytes()).map_err(|why| no_json(topic, why))?;
            return Ok(Payload::Structured { schema: None, value });
        };
        let value = read_value(&schema, envelope.payload.get()).map_err(|error| about(topic, error))?;
        Ok(Payload::structured(schema, value))
    }

    fn schema(&mut self, text: &str) -> Result<Option<Arc<Schema>>> {
        if text == "null" {
            return Ok(None);
        }
        if let Some(known) = self.read.get(text) {
            return Ok(Some(known.clone()));
        }
        let json = serde_json::from_str(text).map_err(|why| Error::reject("the schema is no JSON").caused_by(why))?;
        let schema = Arc::new(read_schema(&json)?);
        if self.read.len() >= self.cached {
            self.read.clear();
        }
        if self.cached > 0 {
            self.read.insert(text.into(), schema.clone());
        }
        Ok(Some(schema))
    }
}

fn envelope<'a>(topic: &str, bytes: &'a Bytes) -> Result<Envelope<'a>> {
    serde_json::from_slice(bytes).map_err(|why| {
        Error::reject(format!("a record of topic {topic} is not JSON of the form {{\"schema\":..,\"payload\":..}}"))
            .caused_by(why)
            .remedy("For plain JSON set `schemas.enable` of the converter to false.")
    })
}

fn no_json(topic: &str, why: serde_json::Error) -> Error {
    Error::reject(format!("a record of topic {topic} is not JSON"))
        .caused_by(why)
        .remedy("Choose the converter that fits the topic's data.")
}

fn about(topic: &str, error: Error) -> Error {
    Error::new(error.decision().clone(), format!("topic {topic}")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::data::{Decimal, Field, Kind, Struct};

    fn converter(pairs: &[(&str, &str)]) -> Box<dyn Converter> {
        let raw = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = keys().check(&raw).into_result().unwrap();
        JsonConverterPlugin.converter(&config, Use::Value).unwrap()
    }

    fn encode(converter: &mut dyn Converter, payload: &Payload) -> Option<String> {
        let mut out = Vec::new();
        let some = converter.encode("t", payload, &mut out).unwrap();
        some.then(|| String::from_utf8(out.to_vec()).unwrap())
    }

    /// One field of every type.
    fn everything() -> (Arc<Schema>, Value) {
        let text = || Arc::new(Schema::string());
        let whole = || Arc::new(Schema::new(Kind::Int32));
        let fields: Vec<(&str, Schema, Value)> = vec![
            ("a", Schema::new(Kind::Boolean), Value::Boolean(true)),
            ("b", Schema::new(Kind::Int8), Value::Int8(-1)),
            ("c", Schema::new(Kind::Int16), Value::Int16(300)),
            ("d", Schema::new(Kind::Int64), Value::Int64(i64::MIN)),
            ("e", Schema::new(Kind::Float32), Value::Float32(1.5)),
            ("f", Schema::new(Kind::Float64), Value::Float64(f64::INFINITY)),
            ("g", Schema::string().doc("Text."), Value::from("a\"\n\u{1}ü")),
            ("h", Schema::new(Kind::Bytes), Value::Bytes(vec![1, 2, 255].into())),
            ("i", Schema::decimal(2), Value::Decimal(Decimal::new("-12.50".into()).unwrap())),
            ("j", Schema::new(Kind::Array(text())), Value::Array(vec!["x".into(), "y".into()])),
            ("k", Schema::new(Kind::Map(text(), whole())), Value::Map(vec![("z".into(), Value::Int32(1))])),
            ("l", Schema::new(Kind::Map(whole(), text())), Value::Map(vec![(Value::Int32(7), "s".into())])),
            ("m", Schema::string().optional(), Value::Null),
            ("n", Schema::new(Kind::Int32).default(Value::Int32(5)), Value::Int32(6)),
        ];
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (name, schema, value) in fields {
            names.push(Field::new(name, schema));
            values.push(value);
        }
        let schema = Arc::new(Schema::structure(names).named("all").version(2));
        (schema.clone(), Value::Struct(Struct::new(schema, values)))
    }

    const PLAIN: &str = concat!(
        r#"{"a":true,"b":-1,"c":300,"d":-9223372036854775808,"e":1.5,"f":"Infinity","g":"a\"\n\u0001ü","h":"AQL/","#,
        r#""i":-12.50,"j":["x","y"],"k":{"z":1},"l":[[7,"s"]],"m":null,"n":6}"#
    );

    #[test]
    fn values_are_written_as_kafka_connect_writes_them() {
        let (schema, value) = everything();
        let payload = Payload::structured(schema, value);
        let mut plain = converter(&[("schemas.enable", "false"), ("decimal.format", "NUMERIC")]);
        assert_eq!(encode(&mut *plain, &payload).unwrap(), PLAIN);
        let mut base64 = converter(&[("schemas.enable", "false")]);
        assert_eq!(encode(&mut *base64, &payload).unwrap(), PLAIN.replace("-12.50", "\"+x4=\""));
    }

    #[test]
    fn a_value_with_its_schema_comes_back_whole() {
        let (schema, value) = everything();
        for format in ["BASE64", "NUMERIC"] {
            let mut converter = converter(&[("decimal.format", format)]);
            let text = encode(&mut *converter, &Payload::structured(schema.clone(), value.clone())).unwrap();
            assert!(text.starts_with(
                r#"{"schema":{"type":"struct","fields":[{"type":"boolean","optional":false,"field":"a"}"#
            ));
            assert!(text.contains(r#"{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"field":"i"}"#));
            let back = converter.decode("t", &Bytes::from(text), Format::Structured).unwrap();
            let Payload::Structured { schema: Some(read), value: back } = back else { panic!("{back:?}") };
            assert_eq!(read, schema);
            assert_eq!(back, value);
        }
    }

    #[test]
    fn nothing_is_a_tombstone_but_an_optional_null_is_not() {
        let mut converter = converter(&[("schemas.enable", "false")]);
        assert_eq!(encode(&mut *converter, &Payload::Null), None);
        let optional = Arc::new(Schema::string().optional());
        assert_eq!(encode(&mut *converter, &Payload::structured(optional, Value::Null)).unwrap(), "null");
        let required = Payload::structured(Arc::new(Schema::string()), Value::Null);
        assert!(converter.encode("t", &required, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_shared_struct_is_written_in_every_record_that_holds_it() {
        let inner = Arc::new(Schema::structure(vec![Field::new("a", Schema::string())]));
        let outer = |field: &str| Arc::new(Schema::structure(vec![Field::new(field, inner.clone())]));
        let shared = |text: &str| Struct::new(inner.clone(), vec![text.into()]).into_shared();
        let (one, other) = (shared("1"), shared("2"));
        let mut converter = converter(&[("schemas.enable", "false")]);
        let mut written = |field: &str, inner: &Struct| {
            let schema = outer(field);
            let value = Value::Struct(Struct::new(schema.clone(), vec![Value::Struct(inner.clone())]));
            encode(&mut *converter, &Payload::structured(schema, value)).unwrap()
        };
        assert_eq!(written("x", &one), r#"{"x":{"a":"1"}}"#);
        assert_eq!(written("x", &one), r#"{"x":{"a":"1"}}"#);
        assert_eq!(written("y", &one), r#"{"y":{"a":"1"}}"#);
        assert_eq!(written("x", &other), r#"{"x":{"a":"2"}}"#);
        assert_eq!(written("x", &one.clone()), r#"{"x":{"a":"1"}}"#);
    }

    proptest::proptest! {
        /// Names and text of any length and letters are read back by a parser that is not ours.
        #[test]
        fn any_text_and_any_name_is_json(name in ".{0,60}", text in ".{0,200}") {
            let schema = Arc::new(Schema::structure(vec![Field::new(name.as_str(), Schema::string())]));
            let value = Value::Struct(Struct::new(schema.clone(), vec![text.as_str().into()]));
            let mut converter = converter(&[("schemas.enable", "false")]);
            let written = encode(&mut *converter, &Payload::structured(schema, value)).unwrap();
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read, serde_json::json!({ name: text }));
        }
    }

    #[test]
    fn json_is_passed_on_as_it_is() {
        let text = Bytes::from_static(b"{ \"b\": 1.0,\n \"a\": 1e2 }");
        let mut plain = converter(&[("schemas.enable", "false")]);
        let passed = plain.decode("t", &text, Format::Json).unwrap();
        assert_eq!(passed, Payload::Json(text.clone()));
        assert_eq!(encode(&mut *plain, &passed).unwrap().as_bytes(), text);
        let mut with_schema = converter(&[]);
        let wrapped = encode(&mut *with_schema, &passed).unwrap();
        let inner = with_schema.decode("t", &Bytes::from(wrapped), Format::Json).unwrap();
        assert_eq!(inner, Payload::Json(text));
    }

    #[test]
    fn a_value_that_does_not_fit_its_schema_names_the_field() {
        let mut converter = converter(&[]);
        let schema = r#"{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"n","type":"string","optional":true}]}"#;
        let mut read = |payload: &str| {
            let text = format!("{{\"schema\":{schema},\"payload\":{payload}}}");
            converter.decode("t", &Bytes::from(text), Format::Structured)
        };
        assert!(read(r#"{"id":1}"#).is_ok());
        assert!(read(r#"{"n":"x","more":[1],"id":1}"#).is_ok());
        let error = read(r#"{"id":5000000000}"#).unwrap_err().to_string();
        assert!(error.contains("topic t") && error.contains("field `id`"), "{error}");
        assert!(read(r#"{"n":"x"}"#).unwrap_err().to_string().contains("field `id`: missing"));
        assert!(read(r#"{"id":null}"#).unwrap_err().to_string().contains("null for a required value"));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy() {
        let mut with_schema = converter(&[]);
        let error = with_schema.decode("t", &Bytes::from_static(b"{\"a\":1}"), Format::Structured).unwrap_err();
        assert!(error.to_string().contains("`schemas.enable` of the converter to false"), "{error}");
        let mut plain = converter(&[("schemas.enable", "false")]);
        let error = plain.decode("t", &Bytes::from_static(b"{\"a\":"), Format::Json).unwrap_err();
        assert!(error.to_string().contains("a record of topic t is not JSON"), "{error}");
        let schema = Arc::new(Schema::structure(vec![Field::new("id", Schema::new(Kind::Int32))]));
        let value = Value::Struct(Struct::new(schema.clone(), vec!["x".into()]));
        let payload = Payload::structured(schema, value);
        let error = plain.encode("t", &payload, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "topic t: field `id`: text does not fit its schema");
    }
}
