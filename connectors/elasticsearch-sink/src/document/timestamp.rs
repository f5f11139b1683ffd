//! `@timestamp`, which each document of a data stream must have.

use bytes::Bytes;
use connector_api::data::json_field;
use connector_api::{Error, Result};

const NAME: &str = "@timestamp";

/// The document with `@timestamp`: the value of the first of `fields` that it has; without such fields its own, or else
/// the record's timestamp in milliseconds. The rest stays the bytes that it is.
pub fn with_timestamp(json: &Bytes, fields: &[String], time: Option<i64>) -> Result<Bytes> {
    const REMEDY: &str = "Correct the data or `data.stream.timestamp.field`, or set `drop.invalid.message` to true.";
    let text = std::str::from_utf8(json).map_err(|why| Error::reject("the document is not UTF-8").caused_by(why))?;
    let own = json_field::member(text, NAME);
    if fields.is_empty() {
        if own.is_some_and(|own| own != "null") {
            return Ok(json.clone());
        }
        let time = time.ok_or_else(|| {
            let what = "neither the document nor its record has a timestamp for `@timestamp`";
            Error::reject(what)
                .remedy("Name a field in `data.stream.timestamp.field`, or set `drop.invalid.message` to true.")
        })?;
        return Ok(put(text, own, itoa::Buffer::new().format(time)));
    }
    let mut values = fields.iter().filter_map(|path| json_field::find(json, path)).filter(|value| *value != "null");
    let value = values.next().ok_or_else(|| {
        Error::reject(format!("the document has none of the fields `{}` for `@timestamp`", fields.join("`, `")))
            .remedy(REMEDY)
    })?;
    Ok(put(text, own, value))
}

/// Puts the value in, in place of `own`, which is a part of `json`.
fn put(json: &str, own: Option<&str>, value: &str) -> Bytes {
    let mut out = Vec::with_capacity(json.len() + value.len() + 20);
    if let Some(own) = own {
        let start = own.as_ptr() as usize - json.as_ptr() as usize;
        out.extend_from_slice(&json.as_bytes()[..start]);
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(&json.as_bytes()[start + own.len()..]);
        return out.into();
    }
    let rest = json.trim_start().strip_prefix('{').unwrap_or(json);
    out.extend_from_slice(b"{\"@timestamp\":");
    out.extend_from_slice(value.as_bytes());
    if !rest.trim_start().starts_with('}') {
        out.push(b',');
    }
    out.extend_from_slice(rest.as_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn with(json: &str, fields: &[&str], time: Option<i64>) -> Result<String> {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        with_timestamp(&json.to_owned().into(), &fields, time).map(|json| String::from_utf8(json.to_vec()).unwrap())
    }

    #[test]
    fn it_is_that_of_a_field_or_the_document_or_the_record() {
        for (json, fields, expected) in [
            ("{\"a\":1}", &[][..], "{\"@timestamp\":5,\"a\":1}"),
            (" { } ", &[], "{\"@timestamp\":5 } "),
            ("{\"@timestamp\":7}", &[], "{\"@timestamp\":7}"),
            ("{\"a\":1,\"@timestamp\": null }", &[], "{\"a\":1,\"@timestamp\": 5 }"),
            (
                "{\"a\":{\"at\":\"2024-01-01\"}}",
                &["x", "a.at"],
                "{\"@timestamp\":\"2024-01-01\",\"a\":{\"at\":\"2024-01-01\"}}",
            ),
            ("{\"@timestamp\":7,\"at\":8}", &["at"], "{\"@timestamp\":8,\"at\":8}"),
        ] {
            assert_eq!(with(json, fields, Some(5)).unwrap(), expected);
        }
        assert!(with("{}", &[], None).unwrap_err().to_string().contains("data.stream.timestamp.field"));
        assert!(with("{\"at\":null}", &["at"], Some(5)).unwrap_err().to_string().contains("`at`"));
    }

    proptest! {
        #[test]
        fn nothing_else_changes(names in proptest::collection::vec("\\PC{0,6}", 0..5), has: bool, pretty: bool, time: i64) {
            let mut document: serde_json::Map<String, Value> = names.into_iter().map(|name| (name.clone(), json!({"@timestamp": name}))).collect();
            if has {
                document.insert(NAME.to_owned(), Value::Null);
            }
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
            document.insert(NAME.to_owned(), json!(time));
            let found: Value = serde_json::from_str(&with(&text, &[], Some(time)).unwrap()).unwrap();
            prop_assert_eq!(found, Value::Object(document));
        }
    }
}
