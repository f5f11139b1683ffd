//! A document's id.

use connector_api::data::Payload;
use connector_api::{Error, Result, SinkRecord};

/// The longest id, in bytes: the servers' own limit.
const LONGEST: usize = 512;

const REMEDY: &str = "Set `key.ignore` to true for ids made of topic, partition and offset, correct the producer, or set \
                      `drop.invalid.message` to true to pass such records over.";

/// The id of a record that does not use its key: the place in the log, so that a repeat names the same document. The topic
/// is that of the log, so that topics that a transform leads into one index stay apart.
pub fn from_place(record: &SinkRecord) -> String {
    let mut number = itoa::Buffer::new();
    let topic = &record.origin.topic;
    let mut id = String::with_capacity(topic.len() + 24);
    id.push_str(topic);
    id.push('+');
    id.push_str(number.format(record.origin.partition));
    id.push('+');
    id.push_str(number.format(record.offset));
    id
}

/// The id that a key names: text as it is, whole numbers in decimal.
pub fn from_key(key: &Payload) -> Result<String> {
    let json = match key {
        Payload::Json(json) if json.as_ref() != b"null" => json,
        _ => return Err(Error::reject("the record has no key, which is to be the document's id").remedy(REMEDY)),
    };
    let id = match json.first() {
        Some(b'"') => serde_json::from_slice(json)
            .map_err(|why| Error::reject("the record's key is no JSON text").caused_by(why).remedy(REMEDY))?,
        Some(b'-' | b'0'..=b'9') if !json.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
            String::from_utf8_lossy(json).trim_end().to_owned()
        }
        _ => return Err(Error::reject("the record's key is neither text nor a whole number").remedy(REMEDY)),
    };
    match id.len() {
        0 => Err(Error::reject("the record's key is empty text, which is no document's id").remedy(REMEDY)),
        1..=LONGEST => Ok(id),
        length => {
            let what = format!("the record's key has {length} bytes, and a document's id at most {LONGEST}");
            Err(Error::reject(what).remedy(REMEDY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(json: &str) -> Result<String> {
        from_key(&Payload::Json(json.to_owned().into()))
    }

    #[test]
    fn text_and_whole_numbers_are_ids() {
        assert_eq!(id("\"a\\u00fc\\n\"").unwrap(), "aü\n");
        assert_eq!(id("-5").unwrap(), "-5");
        assert_eq!(id("12345678901234567890").unwrap(), "12345678901234567890");
        for json in ["1.5", "1e3", "{\"id\":1}", "[1]", "true", "null", "\"\""] {
            assert!(id(json).unwrap_err().to_string().contains("key.ignore"), "{json}");
        }
        assert!(id(&format!("\"{}\"", "x".repeat(513))).unwrap_err().to_string().contains("513 bytes"));
        assert!(from_key(&Payload::Null).is_err());
    }
}
