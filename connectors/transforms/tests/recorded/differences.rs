//! Where we differ from Apache Kafka on purpose; README.md tells users.

use serde_json::Value as Json;

/// Why the outcome of a case is another one; `None` where it must be the same. A reason without a difference is an error too.
pub fn agreed(case: &Json) -> Option<&'static str> {
    let config = |key: &str| case["config"].get(key).and_then(Json::as_str).unwrap_or("");
    let theirs = &case["outcome"];
    let error = theirs.get("error").and_then(Json::as_str).unwrap_or("");
    if theirs.get("broken").is_some() {
        return Some("what breaks its own schema is mended or refused");
    }
    match case["class"].as_str().unwrap().split('$').next().unwrap() {
        "Cast" if at(theirs, "/value/payload/d") == "00:00:00.000Z" => Some("dates before 1970-01-02 are dates"),
        "ExtractField" if config("field").is_empty() && config("field.syntax.version") == "V2" => {
            Some("an empty path is refused before any record is")
        }
        "InsertHeader" => header(config("value.literal")),
        "RegexRouter" if ["$", "$2", "${no}"].contains(&config("replacement")) => {
            Some("a replacement that fits no expression is refused before any record is")
        }
        "ReplaceField" if error.contains("is not a valid field name") => {
            Some("a rename of a field that is not there does nothing")
        }
        "SetSchemaMetadata" if error.contains("Cannot list fields") => Some("schemas of every type can be named"),
        "TimestampConverter" => time(config("format"), case, theirs),
        _ => None,
    }
}

fn at<'j>(json: &'j Json, path: &str) -> &'j str {
    json.pointer(path).and_then(Json::as_str).unwrap_or("")
}

fn header(literal: &str) -> Option<&'static str> {
    match literal {
        "1,5" | "[true] x" | "12:34:56" | "12:34:56.789" => Some("text behind a literal is not lost"),
        "[]" | "[1,\"a\"]" | "{\"a\":null}" | "[null]" => Some("what has no common type has no schema"),
        "[1,\"2024-02-29\"]" => Some("numbers are no dates"),
        "1e400" => Some("decimals have no scale below zero"),
        _ => None,
    }
}

fn time(format: &str, case: &Json, theirs: &Json) -> Option<&'static str> {
    let given = at(case, "/record/value/plain");
    match (format, given) {
        ("yyyy-MM-dd", "-2024-02-09") | ("yyyy", "24") => Some("the calendar does not change in 1582"),
        ("EEEE", _) => Some("the name of a day counts for nothing"),
        _ if theirs.to_string().contains("56132-09-17") => Some("years have four digits"),
        _ => None,
    }
}
