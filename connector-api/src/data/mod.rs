//! Values with schemas: Kafka Connect's data model.

mod decimal;
pub mod json_field;
mod payload;
mod schema;
mod value;

pub use decimal::{BadDecimal, Decimal};
pub use payload::{Format, Payload};
pub use schema::{Field, Kind, Schema, logical};
pub use value::{Struct, Value};

/// UTF-8 text that is cheap to clone and may be a slice of a larger buffer.
pub type Text = bytestring::ByteString;
