//! A transform, a predicate and a converter that misbehave on purpose, for records as `DoubleSource` makes them.
//!
//! `DoubleTransform` counts on (`add`), drops multiples (`drop`), and renames topics (`suffix`); `DoublePredicate` is for odd numbers;
//! `MarkConverter` writes `value!{"n":5}`, with what it is for before the text. All go wrong where `trouble` says, in the calls
//! `apply`, `test`, `encode` and `decode`; `odd` there rejects odd numbers.

use bytes::Bytes;

use super::doubles::Trouble;
use crate::config::{Config, ConfigDef, ConfigKey, ConfigType, Issue};
use crate::connector::Definition;
use crate::converter::{Converter, ConverterPlugin, Use};
use crate::data::{Format, Payload, Value};
use crate::error::{Error, Result};
use crate::transform::{Fate, Predicate, PredicatePlugin, Reads, Transform, TransformPlugin, TransformRecord};

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::preset("world", ConfigType::String, "default").doc("Where a test finds what the double saw."))
        .key(ConfigKey::preset("trouble", ConfigType::List, "").doc("As that of the doubles that are connectors."))
        .key(ConfigKey::optional("secret", ConfigType::Password).doc("Does nothing."))
        .grouped("Double")
}

fn definition(class: &'static str, config: ConfigDef) -> Definition {
    Definition { class, aliases: &[], version: "1", doc: "Misbehaves.", config }
}

/// The number in a value such as `{"n": 5}`.
fn number(payload: &Payload) -> Option<i64> {
    let Some(Value::Map(entries)) = payload.as_value() else { return None };
    entries.iter().find(|(name, _)| name.as_str() == Some("n")).and_then(|(_, value)| value.as_i64())
}

fn value(number: i64) -> Payload {
    Payload::Structured { schema: None, value: Value::Map(vec![("n".into(), number.into())]) }
}

/// A transform that goes wrong on purpose.
pub struct DoubleTransform;

struct Counts {
    trouble: Trouble,
    add: i64,
    drop: i64,
    suffix: String,
}

impl TransformPlugin for DoubleTransform {
    fn definition(&self) -> Definition {
        let own = ConfigDef::new()
            .key(ConfigKey::preset("add", ConfigType::Long, "0").doc("Is added to each number."))
            .key(ConfigKey::preset("drop", ConfigType::Long, "0").doc("Multiples of it are dropped; 0 for none."))
            .key(ConfigKey::preset("suffix", ConfigType::String, "").doc("Follows the topic's name."));
        definition("naru.DoubleTransform", own.grouped("Double").and(&keys()))
    }

    fn validate(&self, config: &Config) -> Vec<Issue> {
        match config.number("add") {
            Some(13) => vec![Issue::error("add", "The value of `add` brings bad luck.")],
            _ => Vec::new(),
        }
    }

    fn reads(&self, _: &Config) -> Reads {
        Reads::VALUE
    }

    fn transform(&self, config: &Config) -> Result<Box<dyn Transform>> {
        let number = |key| config.number(key).unwrap_or(0);
        let suffix = config.text("suffix").to_owned();
        Ok(Box::new(Counts { trouble: Trouble::new(config), add: number("add"), drop: number("drop"), suffix }))
    }
}

impl Transform for Counts {
    fn apply(&mut self, record: &mut TransformRecord) -> Result<Fate> {
        let found = number(&record.value).ok_or_else(|| Error::reject("the value has no number"))?;
        if self.trouble.at_once("apply", found.to_string())?.as_deref() == Some("odd") && found % 2 == 1 {
            return Err(Error::reject(format!("{found} is odd")));
        }
        if self.drop > 0 && found % self.drop == 0 {
            return Ok(Fate::Drop);
        }
        record.value = value(found + self.add);
        if !self.suffix.is_empty() {
            record.topic = format!("{}{}", record.topic, self.suffix).into();
        }
        Ok(Fate::Keep)
    }
}

/// A predicate that goes wrong on purpose.
pub struct DoublePredicate;

struct Odd(Trouble);

impl PredicatePlugin for DoublePredicate {
    fn definition(&self) -> Definition {
        definition("naru.DoublePredicate", keys())
    }

    fn reads(&self, _: &Config) -> Reads {
        Reads::VALUE
    }

    fn predicate(&self, config: &Config) -> Result<Box<dyn Predicate>> {
        Ok(Box::new(Odd(Trouble::new(config))))
    }
}

impl Predicate for Odd {
    fn test(&mut self, record: &TransformRecord) -> Result<bool> {
        let found = number(&record.value).ok_or_else(|| Error::reject("the value has no number"))?;
        self.0.at_once("test", found.to_string())?;
        Ok(found % 2 == 1)
    }
}

/// A converter that goes wrong on purpose.
pub struct MarkConverter;

struct Marks {
    trouble: Trouble,
    of: Use,
}

impl ConverterPlugin for MarkConverter {
    fn definition(&self) -> Definition {
        definition("naru.MarkConverter", keys())
    }

    fn converter(&self, config: &Config, of: Use) -> Result<Box<dyn Converter>> {
        Ok(Box::new(Marks { trouble: Trouble::new(config), of }))
    }
}

impl Converter for Marks {
    fn encode(&mut self, _: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool> {
        let text = match (payload, payload.as_value()) {
            (Payload::Null, _) => return Ok(false),
            (Payload::Json(json), _) | (Payload::Bytes(json), _) => String::from_utf8_lossy(json).into_owned(),
            (_, Some(Value::String(text))) => text.to_string(),
            _ => format!("{{\"n\":{}}}", number(payload).ok_or_else(|| Error::reject("the value has no number"))?),
        };
        self.trouble.at_once("encode", text.clone())?;
        out.extend_from_slice(format!("{}!{text}", self.of.name()).as_bytes());
        Ok(true)
    }

    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload> {
        let mark = format!("{}!", self.of.name());
        let text = bytes
            .strip_prefix(mark.as_bytes())
            .ok_or_else(|| Error::reject(format!("a record of topic {topic} does not begin with `{mark}`")))?;
        let text = bytes.slice_ref(text);
        let said = String::from_utf8_lossy(&text).into_owned();
        let found = said.strip_prefix("{\"n\":").and_then(|rest| rest.strip_suffix('}')?.parse::<i64>().ok());
        let is_odd = found.is_some_and(|number| number % 2 == 1);
        if self.trouble.at_once("decode", said.clone())?.as_deref() == Some("odd") && is_odd {
            return Err(Error::reject(format!("{said} is odd")));
        }
        Ok(match (format, found) {
            (Format::Bytes, _) => Payload::Bytes(bytes.clone()),
            (Format::Json, _) => Payload::Json(text),
            (Format::Structured, Some(number)) => value(number),
            (Format::Structured, None) => Payload::text(said),
        })
    }
}
