//! The reply to a bulk request: one item for each operation, in their order.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What the server says on one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// An HTTP status.
    pub status: u16,
    /// The kind of error, such as `mapper_parsing_exception`; empty where there is none.
    pub kind: String,
    /// The reason in the server's words, with that of its cause.
    pub reason: String,
}

#[derive(Deserialize)]
struct Reply {
    items: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Index(Result),
    Create(Result),
    Update(Result),
    Delete(Result),
}

#[derive(Deserialize)]
struct Result {
    status: u16,
    error: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Failure {
    Structured {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        caused_by: Option<Cause>,
    },
    Text(String),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: Option<String>,
}

/// Reads a reply.
pub fn read(reply: &[u8]) -> std::result::Result<Vec<Item>, serde_json::Error> {
    let reply: Reply = serde_json::from_slice(reply)?;
    Ok(reply.items.into_iter().map(item).collect())
}

fn item(outcome: Outcome) -> Item {
    let (Outcome::Index(result) | Outcome::Create(result) | Outcome::Update(result) | Outcome::Delete(result)) =
        outcome;
    let (kind, reason) = match result.error {
        None | Some(Failure::Other(_)) => (String::new(), String::new()),
        Some(Failure::Text(text)) => (String::new(), text),
        Some(Failure::Structured { kind, reason, caused_by }) => {
            let mut text = reason.unwrap_or_default();
            if let Some(cause) = caused_by.and_then(|cause| cause.reason).filter(|cause| !text.contains(cause.as_str()))
            {
                text = format!("{text}: {cause}");
            }
            (kind, text)
        }
    };
    Item { status: result.status, kind, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_read_with_its_reason() {
        let reply = br#"{"took":3,"errors":true,"items":[
            {"index":{"_index":"a","_id":"1","status":201}},
            {"update":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [n]",
                "caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\"","caused_by":null}}}},
            {"delete":{"status":404,"result":"not_found"}},
            {"create":{"status":500,"error":"plain"}},
            {"index":{"status":503,"error":{"type":"unavailable_shards_exception","reason":null}}}]}"#;
        let items = read(reply).unwrap();
        assert_eq!(items.iter().map(|item| item.status).collect::<Vec<_>>(), [201, 400, 404, 500, 503]);
        assert_eq!(items[1].kind, "mapper_parsing_exception");
        assert_eq!(items[1].reason, "failed to parse field [n]: For input string: \"x\"");
        assert_eq!((items[3].reason.as_str(), items[4].kind.as_str()), ("plain", "unavailable_shards_exception"));
        assert_eq!(items[0].reason, "");
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for text in ["", "<html>", "[]", "{}", "{\"items\":[{\"merge\":{}}]}", "{\"items\":[{\"index\":{}}]}"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
