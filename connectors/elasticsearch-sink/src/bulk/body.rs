//! The body of a bulk request: a line that says what is done to which document, and a line with the document.

use serde_json::to_writer;

use crate::document::{Action, Operation, Version};

/// How often the server itself repeats a merge that met another one.
const RETRY_ON_CONFLICT: &[u8] = b",\"retry_on_conflict\":3}}\n";

/// Room for everything around index, id and document: names of fields, quotes, a version.
const AROUND: usize = 130;

/// About how many bytes an operation takes in a body, at least as many as it does unless its names need escapes.
pub fn size_of(operation: &Operation) -> usize {
    let source = match &operation.action {
        Action::Index { source, .. } | Action::Create { source } | Action::Upsert { source } => source.len(),
        Action::Delete { .. } => 0,
    };
    let routing = operation.routing.as_ref().map_or(0, |routing| routing.len());
    AROUND + operation.index.len() + operation.id.len() + routing + source
}

/// Appends an operation to a body.
pub fn write(operation: &Operation, body: &mut Vec<u8>) {
    let name: &[u8] = match operation.action {
        Action::Index { .. } => b"{\"index\":{\"_index\":",
        Action::Create { .. } => b"{\"create\":{\"_index\":",
        Action::Upsert { .. } => b"{\"update\":{\"_index\":",
        Action::Delete { .. } => b"{\"delete\":{\"_index\":",
    };
    body.extend_from_slice(name);
    write_text(&operation.index, body);
    if !operation.id.is_empty() {
        body.extend_from_slice(b",\"_id\":");
        write_text(&operation.id, body);
    }
    if let Some(routing) = &operation.routing {
        body.extend_from_slice(b",\"routing\":");
        write_text(routing, body);
    }
    match &operation.action {
        Action::Index { source, version } => {
            write_version(*version, body);
            write_line(source, body);
            body.push(b'\n');
        }
        Action::Create { source } => {
            write_version(None, body);
            write_line(source, body);
            body.push(b'\n');
        }
        Action::Upsert { source } => {
            body.extend_from_slice(RETRY_ON_CONFLICT);
            body.extend_from_slice(b"{\"doc_as_upsert\":true,\"doc\":");
            write_line(source, body);
            body.extend_from_slice(b"}\n");
        }
        Action::Delete { version } => write_version(*version, body),
    }
}

fn write_text(text: &str, body: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = to_writer(body, text);
}

fn write_version(version: Option<Version>, body: &mut Vec<u8>) {
    if let Some(version) = version {
        body.extend_from_slice(match version.again {
            true => b",\"version_type\":\"external_gte\",\"version\":",
            false => b",\"version_type\":\"external\",\"version\":",
        });
        body.extend_from_slice(itoa::Buffer::new().format(version.number).as_bytes());
    }
    body.extend_from_slice(b"}}\n");
}

/// The JSON as it is. A line end can only stand between its parts, never inside a text, so it becomes a space.
fn write_line(json: &[u8], body: &mut Vec<u8>) {
    let from = body.len();
    body.extend_from_slice(json);
    if let Some(first) = memchr::memchr2(b'\n', b'\r', json) {
        let rest = body[from + first..].iter_mut();
        rest.filter(|byte| matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn lines(operation: &Operation) -> Vec<Value> {
        let mut body = Vec::new();
        write(operation, &mut body);
        assert!(body.ends_with(b"\n"));
        let text = String::from_utf8(body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn operation(id: &str, action: Action) -> Operation {
        Operation { index: "orders".into(), id: id.to_owned(), routing: None, action }
    }

    #[test]
    fn operations_are_written_as_the_servers_read_them() {
        let index = Action::Index { source: "{\"a\":\n1}".into(), version: Some(Version { number: 5, again: false }) };
        let meta = json!({"index": {"_index": "orders", "_id": "a\"b", "version_type": "external", "version": 5}});
        assert_eq!(lines(&operation("a\"b", index)), [meta, json!({"a": 1})]);
        let again = Action::Delete { version: Some(Version { number: 5, again: true }) };
        let meta = json!({"delete": {"_index": "orders", "_id": "1", "version_type": "external_gte", "version": 5}});
        assert_eq!(lines(&operation("1", again)), [meta]);
        let create = Action::Create { source: "{}".into() };
        let routed = Operation { routing: Some("a\"b".into()), ..operation("", create) };
        assert_eq!(lines(&routed), [json!({"create": {"_index": "orders", "routing": "a\"b"}}), json!({})]);
        let upsert = Action::Upsert { source: "{}".into() };
        let meta = json!({"update": {"_index": "orders", "_id": "1", "retry_on_conflict": 3}});
        assert_eq!(lines(&operation("1", upsert)), [meta, json!({"doc_as_upsert": true, "doc": {}})]);
        let delete = Action::Delete { version: None };
        assert_eq!(lines(&operation("1", delete)), [json!({"delete": {"_index": "orders", "_id": "1"}})]);
    }

    proptest! {
        #[test]
        fn documents_come_through_unchanged_and_sizes_are_not_too_small(
            id in "[a-zA-Z0-9+.-]{1,40}", texts in proptest::collection::vec("\\PC{0,30}", 0..5), version: Option<u32>, again: bool, kind in 0..4,
        ) {
            let document: serde_json::Map<String, Value> =
                texts.iter().enumerate().map(|(at, text)| (at.to_string(), json!(text))).collect();
            let source = serde_json::to_vec_pretty(&document).unwrap();
            let version = version.map(|number| Version { number: i64::from(number), again });
            let action = match kind {
                0 => Action::Index { source: source.into(), version },
                1 => Action::Upsert { source: source.into() },
                2 => Action::Create { source: source.into() },
                _ => Action::Delete { version },
            };
            let routing = again.then(|| id.as_str().into());
            let operation = Operation { routing, ..operation(&id, action) };
            let mut body = Vec::new();
            write(&operation, &mut body);
            prop_assert!(body.len() <= size_of(&operation));
            let lines = lines(&operation);
            match kind {
                0 | 2 => prop_assert_eq!(&lines[1], &Value::Object(document)),
                1 => prop_assert_eq!(&lines[1]["doc"], &Value::Object(document)),
                _ => prop_assert_eq!(lines.len(), 1),
            }
        }
    }
}
