//! A document's version.

use connector_api::data::Payload;
use connector_api::{Error, Result, SinkRecord};

/// The version that a header holds: a whole number from 0, as a number or as text.
pub fn from_header(record: &SinkRecord, name: &str) -> Result<i64> {
    const REMEDY: &str = "Correct the producer, take `external.version.header` out to use offsets, or set \
                          `drop.invalid.message` to true.";
    let Some(header) = record.headers.iter().rev().find(|header| &*header.name == name) else {
        return Err(
            Error::reject(format!("the record has no header `{name}`, which is to be its version")).remedy(REMEDY)
        );
    };
    number(&header.value).filter(|version| *version >= 0).ok_or_else(|| {
        Error::reject(format!("the record's header `{name}` is not a whole number from 0")).remedy(REMEDY)
    })
}

fn number(value: &Payload) -> Option<i64> {
    match value {
        Payload::Null => None,
        Payload::Bytes(bytes) | Payload::Json(bytes) => {
            let text = std::str::from_utf8(bytes).ok()?.trim();
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse().ok()
        }
        Payload::Structured { value, .. } => value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()),
    }
}
