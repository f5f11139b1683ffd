//! Converters: between the bytes of the log and what connectors work with.

use bytes::Bytes;

use crate::config::{Config, Issue};
use crate::connector::Definition;
use crate::data::{Format, Payload};
use crate::error::{Failed, Result};
use crate::record::Topic;

/// Writes payloads as bytes and reads them back. Every task has converters of its own, one for keys, one for values and one for
/// headers, so a converter may keep caches.
///
/// What an error does: one that says retry has the same payload come again, for as long as `errors.retry.timeout` allows; every
/// other one is a record that cannot be taken, and `errors.tolerance` says whether the task goes on without it.
pub trait Converter {
    /// Appends the bytes of `payload` to `out`. `Ok(false)` if there is nothing to write at all, not even an empty
    /// value: a missing key or a tombstone.
    fn encode(&mut self, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool>;

    /// Reads bytes into the form that a sink wants. Bytes that need no change are passed on as they are.
    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload>;

    /// The same with bytes that are handed over, into a payload that may hold anything: a converter that passes bytes on need
    /// neither count one more user of their memory nor move the payload once more. After an error the payload is no good.
    fn decode_into(&mut self, topic: &str, bytes: Bytes, format: Format, payload: &mut Payload) -> Result<()> {
        *payload = self.decode(topic, &bytes, format)?;
        Ok(())
    }
}

impl dyn Converter + '_ {
    /// The bytes of a payload by themselves; [`Payload::Null`] if there is nothing to write at all.
    pub fn encoded(&mut self, topic: &str, payload: &Payload) -> Result<Payload> {
        let mut out = Vec::new();
        let some = self.encode(topic, payload, &mut out)?;
        Ok(if some { Payload::Bytes(out.into()) } else { Payload::Null })
    }

    /// [`encoded`](Self::encoded) for each of these. Those that failed are null.
    pub fn encode_all(&mut self, payloads: &[(&Topic, &Payload)]) -> (Vec<Payload>, Failed) {
        convert(payloads, |topic, payload| self.encoded(topic, payload))
    }

    /// [`Converter::decode`] for each of these that is bytes. All others, and those that failed, are null.
    pub fn decode_all(&mut self, payloads: &[(&Topic, &Payload)], format: Format) -> (Vec<Payload>, Failed) {
        convert(payloads, |topic, payload| match payload.as_bytes() {
            Some(bytes) => self.decode(topic, bytes, format),
            None => Ok(Payload::Null),
        })
    }
}

fn convert(
    payloads: &[(&Topic, &Payload)],
    mut one: impl FnMut(&str, &Payload) -> Result<Payload>,
) -> (Vec<Payload>, Failed) {
    let mut failed = Vec::new();
    let converted = payloads.iter().enumerate().map(|(index, (topic, payload))| {
        one(topic, payload).unwrap_or_else(|why| {
            failed.push((index, why));
            Payload::Null
        })
    });
    (converted.collect(), failed)
}

/// What a converter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Keys.
    Key,
    /// Values.
    Value,
    /// Values of headers.
    Header,
}

impl Use {
    /// As Kafka Connect writes it: `key`, `value`, `header`.
    pub fn name(self) -> &'static str {
        match self {
            Use::Key => "key",
            Use::Value => "value",
            Use::Header => "header",
        }
    }

    /// Of that name.
    pub fn of(name: &str) -> Option<Use> {
        [Use::Key, Use::Value, Use::Header].into_iter().find(|known| known.name() == name)
    }
}

/// A kind of converter, by its class.
pub trait ConverterPlugin: Send + Sync + 'static {
    /// Names, version, keys: those behind `key.converter.`, `value.converter.` or `header.converter.` but for `plugin.version`.
    fn definition(&self) -> Definition;

    /// What is wrong with a configuration beyond single keys.
    fn validate(&self, _config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// One for a task.
    fn converter(&self, config: &Config, of: Use) -> Result<Box<dyn Converter>>;
}
