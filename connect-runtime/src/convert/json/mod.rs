//! `JsonConverter`: JSON, with Kafka Connect's schema around each value or without.
//!
//! | file | what it holds |
//! |---|---|
//! | `plan.rs` | what can be prepared once for each schema |
//! | `write.rs` | values as JSON |
//! | `schema.rs` | schemas as JSON, both ways |
//! | `read.rs`, `plain.rs` | JSON as values, with a schema and without |
//! | `check.rs` | whether bytes are JSON |
//! | `converter.rs` | the converter |

mod check;
mod converter;
mod plain;
mod plan;
mod read;
mod schema;
mod write;

pub(super) use converter::JsonConverterPlugin;
pub(crate) use converter::{json_converter, read_json};
pub(super) use write::write_plain;

/// How decimals are written. Both forms are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecimalFormat {
    /// As a JSON number.
    Numeric,
    /// As Base64 of the unscaled number in big-endian two's complement.
    Base64,
}
