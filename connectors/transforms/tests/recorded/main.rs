//! Every class against what Apache Kafka's own does with the same settings and records.
//!
//! `tests/kafka/recorded.jsonl.gz` holds a case a line: the class behind `org.apache.kafka.connect.transforms.`, its configuration, a
//! record (of a sink if it has an offset) and the outcome: the record as it goes on, `dropped`, the `answer` of a predicate, the `error`
//! of a record, the reason for which a configuration was `refused`, or `broken`: a record that does not fit its own schema, which no
//! converter takes.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod differences;
mod envelope;

use std::io::Read;

use connector_api::config::{Config, RawConfig};
use connector_api::{Export, Fate, Header, TransformRecord};
use serde_json::{Value as Json, json};

fn cases() -> Vec<Json> {
    let mut text = String::new();
    let recorded: &[u8] = include_bytes!("../kafka/recorded.jsonl.gz");
    flate2::read::GzDecoder::new(recorded).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(json: &Json) -> TransformRecord {
    let headers = json.get("headers").and_then(Json::as_array).into_iter().flatten();
    TransformRecord {
        topic: json.get("topic").and_then(Json::as_str).unwrap_or("t").into(),
        partition: json["partition"].as_i64().map(|partition| partition as i32),
        offset: json["offset"].as_i64(),
        key: envelope::read(&json["key"]),
        value: envelope::read(&json["value"]),
        headers: headers
            .map(|header| Header { name: header[0].as_str().unwrap().into(), value: envelope::read(&header[1]) })
            .collect(),
        timestamp: json["timestamp"].as_i64(),
    }
}

fn shown(record: &TransformRecord) -> Json {
    let headers = record.headers.iter().map(|header| json!([&*header.name, envelope::write(&header.value)]));
    json!({
        "topic": &*record.topic,
        "partition": record.partition,
        "timestamp": record.timestamp,
        "key": envelope::write(&record.key),
        "value": envelope::write(&record.value),
        "headers": headers.collect::<Vec<Json>>(),
    })
}

fn export(class: &str) -> Export {
    let class = format!("org.apache.kafka.connect.transforms.{class}");
    transforms::all().into_iter().find(|export| export.definition().class == class).unwrap()
}

/// The settings, or why there are none.
fn settings(export: &Export, raw: &RawConfig) -> Result<Config, String> {
    let config = export.definition().config.check(raw).into_result();
    let config = config.map_err(|issues| issues.first().unwrap().to_string())?;
    let issues = match export {
        Export::Transform(plugin) => plugin.validate(&config),
        Export::Predicate(plugin) => plugin.validate(&config),
        _ => Vec::new(),
    };
    match issues.into_iter().find(|issue| issue.is_error()) {
        Some(issue) => Err(issue.to_string()),
        None => Ok(config),
    }
}

fn outcome(case: &Json) -> Json {
    let raw: RawConfig = serde_json::from_value(case["config"].clone()).unwrap();
    let export = export(case["class"].as_str().unwrap());
    let config = match settings(&export, &raw) {
        Ok(config) => config,
        Err(why) => return json!({ "refused": why }),
    };
    let mut record = record(&case["record"]);
    let result = match &export {
        Export::Transform(plugin) => plugin.transform(&config).unwrap().apply(&mut record).map(|fate| match fate {
            Fate::Keep => shown(&record),
            Fate::Drop => json!({ "dropped": true }),
        }),
        Export::Predicate(plugin) => {
            plugin.predicate(&config).unwrap().test(&record).map(|answer| json!({ "answer": answer }))
        }
        _ => panic!("neither transform nor predicate"),
    };
    result.unwrap_or_else(|why| json!({ "error": why.to_string() }))
}

/// Whether both came to the same. Reasons are in words of their own, and numbers count, not how they are written.
fn same(theirs: &Json, ours: &Json) -> bool {
    for reason in ["error", "refused"] {
        if theirs.get(reason).is_some() || ours.get(reason).is_some() {
            return theirs.get(reason).is_some() && ours.get(reason).is_some();
        }
    }
    equal(theirs, ours)
}

fn equal(theirs: &Json, ours: &Json) -> bool {
    match (theirs, ours) {
        (Json::Object(a), Json::Object(b)) => match (a.get("$"), b.get("$")) {
            (Some(kind), Some(other)) if kind == other => {
                same_number(a["v"].as_str().unwrap(), b["v"].as_str().unwrap())
            }
            _ => {
                a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| equal(value, other)))
            }
        },
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Number(_), Json::Number(_)) => same_number(&theirs.to_string(), &ours.to_string()),
        _ => theirs == ours,
    }
}

/// Java before version 19 writes more digits of some floats than it takes to tell them; a float32 has nine at most.
fn same_number(theirs: &str, ours: &str) -> bool {
    let is_float = theirs.contains(['.', 'E', 'e']);
    let digits = theirs.split(['E', 'e']).next().unwrap().replace(['.', '-'], "");
    let few_digits = digits.trim_matches('0').len() <= 9;
    let double = || theirs.parse::<f64>().is_ok_and(|number| Ok(number) == ours.parse());
    let float = || few_digits && theirs.parse::<f32>().is_ok_and(|number| Ok(number) == ours.parse());
    theirs == ours || is_float && (double() || float())
}

#[test]
fn every_class_does_what_that_of_kafka_does() {
    let cases = cases();
    assert!(cases.len() > 2000, "only {} cases", cases.len());
    let mut differ = Vec::new();
    for case in &cases {
        let (theirs, ours) = (&case["outcome"], outcome(case));
        let agreed = differences::agreed(case);
        if same(theirs, &ours) == agreed.is_some() {
            differ.push(format!(
                "{} {} {}\n  record {}\n  theirs {theirs}\n  ours   {ours}",
                case["class"],
                case["config"],
                agreed.unwrap_or(""),
                case["record"]
            ));
        }
    }
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), cases.len(), differ.join("\n"));
}
