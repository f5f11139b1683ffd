//! What a server's answer means. Pure.

use connector_api::Error;

use crate::bulk::Item;
use crate::document::{Action, Operation};

/// What an answer means for one operation.
#[derive(Debug)]
pub enum Verdict {
    /// The document is as the record says, or newer.
    Done,
    /// It may work later. `push_back` says that the server has too much to do.
    Later {
        /// Whether fewer requests should be sent.
        push_back: bool,
        /// The server's words.
        why: String,
    },
    /// The document itself is refused.
    Malformed(String),
    /// Nothing can be written until somebody acts.
    Fatal(Error),
}

/// Errors of status 400 that are about the document.
const MALFORMED: [&str; 9] = [
    "mapper_parsing_exception",
    "document_parsing_exception",
    "strict_dynamic_mapping_exception",
    "illegal_argument_exception",
    "action_request_validation_exception",
    "parse_exception",
    "parsing_exception",
    "x_content_parse_exception",
    "not_x_content_exception",
];

/// What an item of a reply means.
pub fn of_item(item: &Item, operation: &Operation) -> Verdict {
    let why = || format!("{} (status {}, {})", item.reason, item.status, item.kind);
    let later = |push_back| Verdict::Later { push_back, why: why() };
    match item.status {
        200..=299 => Verdict::Done,
        _ if item.kind == "cluster_block_exception" => later(item.status == 429),
        404 if matches!(operation.action, Action::Delete { .. }) && item.kind.is_empty() => Verdict::Done,
        409 if operation.is_done_by_conflict() => Verdict::Done,
        409 => later(false),
        429 => later(true),
        500.. => later(item.status == 503),
        400 | 413 if is_about_the_document(item) => Verdict::Malformed(why()),
        401 | 403 => Verdict::Fatal(not_allowed(&format!("write into the index {}", operation.index), &why())),
        404 => Verdict::Fatal(no_index(&operation.index, &why())),
        _ => Verdict::Fatal(
            Error::fatal(format!("the server refuses to write into the index {}: {}", operation.index, why()))
                .remedy("Correct the index, its alias, its template or the ingest pipeline; then restart the task."),
        ),
    }
}

/// Some of these errors are about the index: passing such documents over would pass all over.
fn is_about_the_document(item: &Item) -> bool {
    let of_the_index = ["data stream", "write index", "alias", "explicit index", "pipeline with id"]
        .iter()
        .any(|word| item.reason.contains(word));
    MALFORMED.contains(&item.kind.as_str()) && !(item.kind == "illegal_argument_exception" && of_the_index)
}

/// What the status of a whole reply other than 200 means.
#[derive(Debug)]
pub enum Whole {
    /// It may work later.
    Later {
        /// Whether fewer requests should be sent.
        push_back: bool,
    },
    /// Something in it is refused: half of it may be taken.
    Halve,
    /// Nothing can be written until somebody acts.
    Fatal(Error),
}

/// What the status of a whole reply means; `text` is the beginning of the reply.
pub fn of_reply(status: u16, url: &str, text: &str) -> Whole {
    match status {
        400 if is_about_the_document(&failure(status, text)) => Whole::Halve,
        413 => Whole::Halve,
        401 => Whole::Fatal(bad_login(url)),
        403 => Whole::Fatal(forbidden("write", text)),
        408 | 429 | 502..=504 => Whole::Later { push_back: true },
        500.. => Whole::Later { push_back: false },
        _ => Whole::Fatal(Error::fatal(format!("{url} answers bulk requests with status {status}: {text}")).remedy(
            "Check that `connection.url` is the address of Elasticsearch or OpenSearch itself, with its path.",
        )),
    }
}

/// The error that a whole reply holds, as if it were that of an item; a text that holds none is its own reason.
pub fn failure(status: u16, text: &str) -> Item {
    let found: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let part = |name: &str| Some(found.as_ref()?.get("error")?.get(name)?.as_str()?.to_owned());
    let shown = || text.chars().take(300).collect();
    Item { status, kind: part("type").unwrap_or_default(), reason: part("reason").unwrap_or_else(shown) }
}

/// The server does not know the user.
pub fn bad_login(url: &str) -> Error {
    Error::fatal(format!("{url} does not accept the login (status 401)")).remedy(
        "Correct `connection.username` and `connection.password`, or `connection.api.key`; then restart the task.",
    )
}

/// Whether a reply of status 403 says that the signature is not good, rather than that the user may not do it.
pub fn is_bad_signature(text: &str) -> bool {
    ["signature", "Signature", "security token", "Missing Authentication Token"].iter().any(|word| text.contains(word))
}

/// What a whole reply of status 403 means.
pub fn forbidden(what: &str, text: &str) -> Error {
    match is_bad_signature(text) {
        true => Error::fail(format!("the server does not accept the signature: {text}")).remedy(
            "Correct `aws.access.key.id` and `aws.secret.access.key` or where else the credentials are from, \
             `aws.signing.region` and `aws.signing.service`, or the machine's clock; credentials that have ended are renewed when \
             the task starts again.",
        ),
        false => not_allowed(what, text),
    }
}

/// The user may not do it.
pub fn not_allowed(what: &str, why: &str) -> Error {
    Error::fatal(format!("the login has no right to {what}: {why}")).remedy(
        "Grant it `create_index` and `write` on the indexes (on OpenSearch `indices:data/write/*`, `indices:admin/create`, \
         `indices:admin/mapping/put`); then restart the task.",
    )
}

fn no_index(index: &str, why: &str) -> Error {
    Error::fatal(format!("there is no index {index}, and the server does not make it by itself: {why}")).remedy(
        "Make the index, or allow it in the server's setting `action.auto_create_index`; then restart the task.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Version;
    use connector_api::Decision;

    fn verdict(status: u16, kind: &str, reason: &str, action: Action) -> String {
        let item = Item { status, kind: kind.into(), reason: reason.into() };
        let verdict = of_item(&item, &Operation { index: "i".into(), id: "1".into(), routing: None, action });
        match verdict {
            Verdict::Fatal(error) => format!("Fatal: {error}"),
            other => format!("{other:?}"),
        }
    }

    fn version(number: i64) -> Option<Version> {
        Some(Version { number, again: number > 1 })
    }

    fn index(number: Option<i64>) -> Action {
        Action::Index { source: "{}".into(), version: number.and_then(version) }
    }

    #[test]
    fn items_are_judged_one_by_one() {
        let conflict = "version_conflict_engine_exception";
        for (status, kind, reason, action, expected) in [
            (201, "", "", index(None), "Done"),
            (409, conflict, "", index(Some(1)), "Done"),
            (409, conflict, "", Action::Upsert { source: "{}".into() }, "Later { push_back: false"),
            (404, "", "", Action::Delete { version: None }, "Done"),
            (409, conflict, "", Action::Delete { version: version(1) }, "Done"),
            (409, conflict, "", Action::Delete { version: version(2) }, "Done"),
            (409, conflict, "", Action::Create { source: "{}".into() }, "Done"),
            (429, "rejected_execution_exception", "", index(None), "Later { push_back: true"),
            (503, "unavailable_shards_exception", "", index(None), "Later { push_back: true"),
            (500, "x", "", index(None), "Later { push_back: false"),
            (403, "cluster_block_exception", "index read-only", index(None), "Later { push_back: false"),
            (400, "mapper_parsing_exception", "bad", index(None), "Malformed(\"bad (status 400"),
            (400, "illegal_argument_exception", "only write ops ... in data streams", index(None), "Fatal"),
            (400, "validation_exception", "maximum shards open", index(None), "Fatal"),
            (400, "illegal_argument_exception", "pipeline with id [p] does not exist", index(None), "Fatal"),
            (404, "index_not_found_exception", "no such index [i]", index(None), "Fatal: there is no index i"),
            (
                404,
                "index_not_found_exception",
                "no such index [i]",
                Action::Delete { version: None },
                "Fatal: there is no",
            ),
            (403, "security_exception", "no", index(None), "Fatal: the login has no right"),
        ] {
            let found = verdict(status, kind, reason, action);
            assert!(found.starts_with(expected), "{status} {kind}: {found}");
        }
    }

    #[test]
    fn bad_signatures_are_told_from_missing_rights() {
        for (text, part, decision) in [
            ("{\"message\":\"The security token included in the request is expired\"}", "aws.access", Decision::Fail),
            ("The request signature we calculated does not match", "aws.signing.region", Decision::Fail),
            ("User: x is not authorized to perform: es:ESHttpPost", "Grant", Decision::Fatal),
        ] {
            let Whole::Fatal(error) = of_reply(403, "u", text) else { panic!("{text}") };
            assert!(error.to_string().contains(part) && *error.decision() == decision, "{error}");
        }
    }

    #[test]
    fn replies_are_judged_by_their_status() {
        assert!(matches!(of_reply(429, "u", ""), Whole::Later { push_back: true }));
        assert!(matches!(of_reply(500, "u", ""), Whole::Later { push_back: false }));
        assert!(matches!(of_reply(413, "u", ""), Whole::Halve));
        let error = |kind: &str| format!("{{\"error\":{{\"type\":\"{kind}\",\"reason\":\"r\"}},\"status\":400}}");
        assert!(matches!(of_reply(400, "u", &error("x_content_parse_exception")), Whole::Halve));
        assert!(matches!(of_reply(400, "u", &error("something_else")), Whole::Fatal(_)));
        assert!(matches!(of_reply(400, "u", "<html>"), Whole::Fatal(_)));
        for (status, part) in
            [(401, "connection.password"), (403, "Grant"), (302, "connection.url"), (405, "connection.url")]
        {
            let Whole::Fatal(error) = of_reply(status, "u", "t") else { panic!("{status}") };
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
