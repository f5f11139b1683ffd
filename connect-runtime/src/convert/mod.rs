//! Between the bytes of the log and what connectors work with: Kafka Connect's converters.

mod bytes;
mod json;
mod number;
mod registry;
mod string;

pub(crate) use json::{json_converter, read_json};
use registry::built_in;
pub use registry::builtin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Appends the Base64 form of `bytes`.
pub(crate) fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[from..]).unwrap_or(0);
    out.truncate(from + written);
}
