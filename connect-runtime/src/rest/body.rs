//! Reading request bodies. What is wrong with one is said with 400, or 415 if it is not JSON at all.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use connector_api::config::RawConfig;
use serde_json::{Map, Value as Json};

use super::error::{RestError, RestResult};

/// A body as axum hands it over: the bytes, or why there are none.
pub type Body = Result<Bytes, BytesRejection>;

/// A JSON object.
pub fn object(headers: &HeaderMap, body: Body) -> RestResult<Map<String, Json>> {
    is_json(headers)?;
    let bytes = body.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => RestError::too_large(),
        status => RestError::new(status, format!("The body could not be read: {}", why.body_text())),
    })?;
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(RestError::bad_request("The body must be a JSON object.")),
        Err(why) => Err(RestError::bad_request(format!("The body is not valid JSON: {why}."))),
    }
}

/// Browsers send other types to other sites without asking; JSON they do not.
fn is_json(headers: &HeaderMap) -> RestResult<()> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json") {
        return Ok(());
    }
    let message = "HTTP 415 Unsupported Media Type: send the header `Content-Type: application/json`.";
    Err(RestError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// A configuration: text, numbers and booleans, which count as text.
pub fn config(object: &Map<String, Json>) -> RestResult<RawConfig> {
    let changes = changes(object)?;
    let present = |(key, value): (String, Option<String>)| match value {
        Some(value) => Ok((key, value)),
        None => Err(RestError::bad_request(format!("The value of `{key}` is null; leave the key out instead."))),
    };
    changes.into_iter().map(present).collect()
}

/// Changes to a configuration: null removes a key.
pub fn changes(object: &Map<String, Json>) -> RestResult<BTreeMap<String, Option<String>>> {
    let one = |(key, value): (&String, &Json)| {
        let value = match value {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(value) => Some(value.to_string()),
            Json::Array(_) | Json::Object(_) => {
                let message = format!("The value of `{key}` must be text, a number or a boolean, not a nested value.");
                return Err(RestError::bad_request(message));
            }
        };
        Ok((key.clone(), value))
    };
    object.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> RestResult<Map<String, Json>> {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap())]);
        object(&headers, Ok(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn only_json_objects_are_taken() {
        assert!(read("{}").is_ok());
        for wrong in ["", "null", "[]", "\"x\"", "{\"a\":", "{'a':1}"] {
            assert_eq!(read(wrong).unwrap_err().status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let plain = HeaderMap::from_iter([(header::CONTENT_TYPE, "text/plain".parse().unwrap())]);
        for headers in [plain, HeaderMap::new()] {
            let error = object(&headers, Ok(Bytes::from_static(b"{}"))).unwrap_err();
            assert_eq!(error.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }

    #[test]
    fn numbers_and_booleans_count_as_text_and_nested_values_are_refused() {
        let taken = config(&read(r#"{"a":"x","b":5,"c":true,"d":1.5}"#).unwrap()).unwrap();
        assert_eq!(taken.values().collect::<Vec<_>>(), ["x", "5", "true", "1.5"]);
        assert!(config(&read(r#"{"a":{"b":1}}"#).unwrap()).unwrap_err().message.contains("`a`"));
        assert!(config(&read(r#"{"a":null}"#).unwrap()).is_err());
        assert_eq!(changes(&read(r#"{"a":null}"#).unwrap()).unwrap()["a"], None);
    }
}
