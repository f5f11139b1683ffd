//! Converters: between the bytes of the log and what connectors work with.

use bytes::Bytes;

use crate::config::{Config, ConfigDef};
use crate::data::{Format, Payload};
use crate::error::Result;

/// Writes payloads as bytes and reads them back. Every task has converters of its own, one for keys and one for values,
/// so a converter may keep caches.
pub trait Converter: Send {
    /// Appends the bytes of `payload` to `out`. `Ok(false)` if there is nothing to write at all, not even an empty
    /// value: a missing key or a tombstone.
    fn encode(&mut self, topic: &str, payload: &Payload, out: &mut Vec<u8>) -> Result<bool>;

    /// Reads bytes into the form that a sink wants. Bytes that need no change are passed on as they are.
    fn decode(&mut self, topic: &str, bytes: &Bytes, format: Format) -> Result<Payload>;
}

/// A kind of converter, by its class.
pub trait ConverterPlugin: Send + Sync {
    /// The class name; short names follow the rule of [`Definition::answers_to`](crate::Definition::answers_to).
    fn class(&self) -> &'static str;

    /// Its keys, without the prefix `key.converter.` or `value.converter.`.
    fn config(&self) -> ConfigDef;

    /// A converter for keys or for values.
    fn converter(&self, config: &Config, is_key: bool) -> Result<Box<dyn Converter>>;
}
