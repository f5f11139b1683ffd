//! Fields of values that are JSON, found without building the value.

use std::fmt;

use connector_api::data::Payload;
use connector_api::{Error, Result, SinkRecord};
use serde_json::value::RawValue;

/// The JSON text of a field, named by its path with dots between names. `None` if there is no such field.
pub(crate) fn find<'a>(json: &'a [u8], path: &str) -> Option<&'a str> {
    let mut found: &'a str = std::str::from_utf8(json).ok()?;
    for name in path.split('.') {
        found = member(found, name)?;
    }
    Some(found)
}

fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_map(&mut reader, Member(name)).ok().flatten()
}

struct Member<'n>(&'n str);

impl<'de> serde::de::Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// The last of several members of one name counts, as in most readers.
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// `<field>=<value>`; the value's characters that would make another folder are written as `%XX`.
pub(super) fn folder_value(record: &SinkRecord, field: &str) -> Result<String> {
    let json = json_of(record)?;
    let text = match find(json, field) {
        None | Some("null") => {
            return Err(Error::reject(format!("the value has no field `{field}` to choose the folder by"))
                .remedy("Correct `partition.field.name` or the data."));
        }
        Some(text) if text.starts_with(['{', '[']) => {
            return Err(Error::reject(format!("the field `{field}` is no single value, so it names no folder"))
                .remedy("Correct `partition.field.name`."));
        }
        Some(text) => text,
    };
    let plain = match serde_json::from_str::<String>(text) {
        Ok(plain) => plain,
        Err(_) => text.to_owned(),
    };
    Ok(format!("{field}={}", encoded(&plain)))
}

/// Folders are made by delimiters alone, so what a value holds of `/`, `%` and control characters is encoded. An
/// empty value and one of dots, which some stores take for a way up, are too.
fn encoded(value: &str) -> String {
    let dots = !value.is_empty() && value.bytes().all(|byte| byte == b'.');
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() || matches!(character, '/' | '\\' | '%') || (dots && character == '.') {
            let mut bytes = [0; 4];
            character.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        } else {
            out.push(character);
        }
    }
    out
}

pub(super) fn json_of(record: &SinkRecord) -> Result<&[u8]> {
    match &record.value {
        Payload::Json(json) => Ok(json),
        _ => Err(Error::reject("the value is no JSON, so it has no fields").remedy("Set `format.class` to JSON.")),
    }
}
