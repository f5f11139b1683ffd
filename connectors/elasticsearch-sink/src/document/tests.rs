use connector_api::data::Value;
use connector_api::{Header, TimestampType, TopicPartition};
use proptest::prelude::*;

use super::*;
use crate::config::OnMalformed;

fn settings() -> Documents {
    Documents {
        ignore_keys: false,
        ignore_keys_of: ["Logs".to_owned()].into(),
        upsert: false,
        on_null: OnNull::Delete,
        on_malformed: OnMalformed::Fail,
        drop_invalid: false,
        version_header: None,
    }
}

fn json(text: &str) -> Payload {
    Payload::Json(text.to_owned().into())
}

fn record(topic: &str, key: Payload, value: Payload) -> SinkRecord {
    SinkRecord {
        topic: topic.into(),
        origin: TopicPartition::new(topic, 3),
        offset: 42,
        key,
        value,
        headers: Vec::new(),
        timestamp: None,
        timestamp_type: TimestampType::CreateTime,
    }
}

fn plan(settings: Documents, record: &SinkRecord) -> Planned {
    Planner::new(settings).plan(record)
}

fn written(settings: Documents, record: &SinkRecord) -> (String, String, Action) {
    match plan(settings, record) {
        Planned::Write { operation, .. } => (operation.index.to_string(), operation.id, operation.action),
        other => panic!("{other:?}"),
    }
}

fn refused(settings: Documents, record: &SinkRecord) -> String {
    match plan(settings, record) {
        Planned::Invalid(why) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_name_documents_and_offsets_are_versions() {
    let (index, id, action) = written(settings(), &record("Orders", json("7"), json("{\"a\":1}")));
    assert_eq!((index.as_str(), id.as_str()), ("orders", "7"));
    assert_eq!(action, Action::Index { source: Bytes::from_static(b"{\"a\":1}"), version: Some(42) });
    let (_, id, action) = written(settings(), &record("Orders", json("7"), Payload::Null));
    assert_eq!((id.as_str(), action), ("7", Action::Delete { version: Some(42) }));
}

#[test]
fn where_keys_are_ignored_the_place_in_the_log_is_the_id() {
    let (_, id, action) = written(settings(), &record("Logs", Payload::Null, json(" {}")));
    assert_eq!(id, "Logs+3+42");
    assert!(matches!(action, Action::Index { version: None, .. }));
    assert!(matches!(plan(settings(), &record("Logs", json("1"), Payload::Null)), Planned::Nothing));
}

#[test]
fn merged_documents_and_their_deletions_carry_no_version() {
    let upsert = Documents { upsert: true, ..settings() };
    let (_, _, action) = written(upsert.clone(), &record("a", json("1"), json("{}")));
    assert_eq!(action, Action::Upsert { source: Bytes::from_static(b"{}") });
    let (_, _, action) = written(upsert, &record("a", json("1"), json("null")));
    assert_eq!(action, Action::Delete { version: None });
}

#[test]
fn null_values_do_what_the_key_says() {
    let tombstone = record("a", json("1"), Payload::Null);
    assert!(matches!(plan(Documents { on_null: OnNull::Ignore, ..settings() }, &tombstone), Planned::Nothing));
    let fail = Documents { on_null: OnNull::Fail, drop_invalid: true, ..settings() };
    assert!(refused(fail, &tombstone).contains("behavior.on.null.values"));
    assert!(matches!(plan(settings(), &record("a", Payload::Null, Payload::Null)), Planned::Nothing));
}

#[test]
fn what_is_no_document_is_refused_or_dropped() {
    let bad = [
        record("a", Payload::Null, json("{}")),
        record("a", json("1"), json("[1]")),
        record("a", json("1"), json("\"text\"")),
        record("a b", json("1"), json("{}")),
    ];
    for record in &bad {
        assert!(!refused(settings(), record).is_empty());
        let dropping = Documents { drop_invalid: true, ..settings() };
        assert!(matches!(plan(dropping, record), Planned::Nothing));
    }
}

#[test]
fn a_header_can_be_the_version() {
    let by_header = Documents { version_header: Some("lsn".into()), ..settings() };
    let with = |value: Payload| {
        let mut record = record("a", json("1"), json("{}"));
        record.headers.push(Header { name: "lsn".into(), value });
        record
    };
    for value in
        [json("17"), json("\"17\""), Payload::text("17"), Payload::Structured { schema: None, value: Value::Int64(17) }]
    {
        let (_, _, action) = written(by_header.clone(), &with(value));
        assert!(matches!(action, Action::Index { version: Some(17), .. }));
    }
    for value in [json("-1"), json("x"), Payload::Null] {
        assert!(refused(by_header.clone(), &with(value)).contains("`lsn`"));
    }
    assert!(refused(by_header, &record("a", json("1"), json("{}"))).contains("no header `lsn`"));
}

proptest! {
    #[test]
    fn no_key_or_value_panics_and_ids_stay_within_their_limits(
        topic in ".{0,300}", key in ".{0,600}", value in "\\PC{0,20}", ignore: bool, upsert: bool,
    ) {
        let settings = Documents { ignore_keys: ignore, upsert, ..settings() };
        for key in [json(&key), json(&serde_json::to_string(&key).unwrap()), Payload::Null] {
            if let Planned::Write { operation, .. } = plan(settings.clone(), &record(&topic, key, json(&format!("{{{value}")))) {
                prop_assert!(!operation.id.is_empty() && (ignore || operation.id.len() <= 512));
                prop_assert!(!operation.index.is_empty() && operation.index.len() <= 255);
            }
        }
    }

    #[test]
    fn places_never_share_an_id(partition in 0i32..20, offset in 0i64..2000, other_partition in 0i32..20, other in 0i64..2000) {
        let place = |partition, offset| {
            let mut record = record("Logs", Payload::Null, json("{}"));
            record.origin.partition = partition;
            record.offset = offset;
            written(settings(), &record).1
        };
        let same = (partition, offset) == (other_partition, other);
        prop_assert_eq!(place(partition, offset) == place(other_partition, other), same);
    }
}
