//! The choices that a configuration makes about values.

use connector_api::config::Config;
use connector_api::data::Text;

/// `decimal.handling.mode`: how `numeric` and `money` are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalMode {
    /// Exactly, as Kafka Connect's Decimal.
    Precise,
    /// As 64-bit floating point.
    Double,
    /// As text.
    String,
}

/// `time.precision.mode`: how dates and times without a zone are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeMode {
    /// By the column's precision.
    Adaptive,
    /// The same, but times always in microseconds.
    AdaptiveTimeMicroseconds,
    /// As Kafka Connect's own types, in milliseconds.
    Connect,
    /// As ISO 8601 text.
    IsoString,
    /// In microseconds.
    Microseconds,
    /// In nanoseconds.
    Nanoseconds,
}

/// `binary.handling.mode`: how `bytea` is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryMode {
    /// As bytes.
    Bytes,
    /// As base64 text.
    Base64,
    /// As base64 text for addresses.
    Base64UrlSafe,
    /// As hexadecimal text.
    Hex,
}

/// `event.converting.failure.handling.mode`: what happens to a value that its schema cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureMode {
    /// The task fails.
    Fail,
    /// The value becomes null, with a warning.
    Warn,
    /// The value becomes null.
    Skip,
}

/// Everything that decides how a value is shown.
#[derive(Clone, Debug)]
pub struct Modes {
    /// `decimal.handling.mode`.
    pub decimal: DecimalMode,
    /// `time.precision.mode`.
    pub time: TimeMode,
    /// `binary.handling.mode`.
    pub binary: BinaryMode,
    /// `hstore.handling.mode` is `map`.
    pub hstore_map: bool,
    /// `interval.handling.mode` is `string`.
    pub interval_text: bool,
    /// `money.fraction.digits`.
    pub money_digits: u32,
    /// `include.unknown.datatypes`.
    pub include_unknown: bool,
    /// `unavailable.value.placeholder`, as bytes.
    pub placeholder: Vec<u8>,
}

impl Modes {
    /// Reads the modes from a configuration that has been checked.
    pub fn new(config: &Config) -> Modes {
        Modes {
            decimal: match word(config, "decimal.handling.mode").as_str() {
                "double" => DecimalMode::Double,
                "string" => DecimalMode::String,
                _ => DecimalMode::Precise,
            },
            time: match word(config, "time.precision.mode").as_str() {
                "adaptive_time_microseconds" => TimeMode::AdaptiveTimeMicroseconds,
                "connect" => TimeMode::Connect,
                "isostring" => TimeMode::IsoString,
                "microseconds" => TimeMode::Microseconds,
                "nanoseconds" => TimeMode::Nanoseconds,
                _ => TimeMode::Adaptive,
            },
            binary: match word(config, "binary.handling.mode").as_str() {
                "base64" => BinaryMode::Base64,
                "base64-url-safe" => BinaryMode::Base64UrlSafe,
                "hex" => BinaryMode::Hex,
                _ => BinaryMode::Bytes,
            },
            hstore_map: word(config, "hstore.handling.mode") == "map",
            interval_text: word(config, "interval.handling.mode") == "string",
            money_digits: config.count("money.fraction.digits") as u32,
            include_unknown: config.boolean("include.unknown.datatypes"),
            placeholder: placeholder(config.text("unavailable.value.placeholder")),
        }
    }

    /// The placeholder as text.
    pub fn placeholder_text(&self) -> Text {
        String::from_utf8_lossy(&self.placeholder).into_owned().into()
    }
}

/// A choice in small letters.
pub fn word(config: &Config, key: &str) -> String {
    config.text(key).to_ascii_lowercase()
}

/// Bytes in hexadecimal after `hex:`, else the text's own.
fn placeholder(text: &str) -> Vec<u8> {
    let hex = text.strip_prefix("hex:").and_then(|digits| crate::decode::binary::from_hex(digits.as_bytes()));
    hex.unwrap_or_else(|| text.as_bytes().to_vec())
}
