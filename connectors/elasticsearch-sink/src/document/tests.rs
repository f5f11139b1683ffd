use connector_api::data::Value;
use connector_api::{Header, TimestampType, TopicPartition};
use proptest::prelude::*;

use super::expression::Expression;
use super::target::Target;
use super::*;
use crate::config::OnMalformed;

fn settings() -> Documents {
    Documents {
        target: Target::Topic { own: [("Mapped".to_owned(), "own-index".to_owned())].into() },
        resource: None,
        timestamps: None,
        routing: None,
        ignore_keys: false,
        ignore_keys_of: ["Logs".to_owned()].into(),
        upsert: false,
        on_null: OnNull::Delete,
        on_malformed: OnMalformed::Fail,
        drop_invalid: false,
        version_header: None,
        version_field: None,
        server_makes_ids: false,
        use_schemas: false,
        ignore_schemas_of: HashSet::new(),
        compact_maps: true,
    }
}

fn offset(number: i64) -> Option<Version> {
    Some(Version { number, again: false })
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
    assert_eq!(action, Action::Index { source: Bytes::from_static(b"{\"a\":1}"), version: offset(42) });
    let (_, id, action) = written(settings(), &record("Orders", json("7"), Payload::Null));
    assert_eq!((id.as_str(), action), ("7", Action::Delete { version: offset(42) }));
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
        assert!(matches!(action, Action::Index { version: Some(Version { number: 17, again: false }), .. }));
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

fn at(record: SinkRecord, timestamp: i64) -> SinkRecord {
    SinkRecord { timestamp: Some(timestamp), ..record }
}

#[test]
fn an_expression_names_the_index_by_topic_time_key_and_fields() {
    let by = |format: &str| Documents { target: Target::Expression(Expression::new(format).unwrap()), ..settings() };
    let value = || json("{\"customer\":{\"region\":\"EU West\",\"no\":7,\"none\":null,\"all\":[1]}}");
    let of = |format: &str| written(by(format), &at(record("Orders", json("\"K/1\""), value()), 1_700_000_000_000)).0;
    for (format, index) in [
        ("All", "all"),
        ("logs-${topic}-${timestamp(yyyy.MM.dd)}", "logs-orders-2023.11.14"),
        ("${field(customer.region)}-${field(customer.no)}", "eu_west-7"),
        ("${topic}-${key}", "orders-k_1"),
    ] {
        assert_eq!(of(format), index);
    }
    for (format, part) in [
        ("${field(customer.none)}", "no field `customer.none`"),
        ("${field(customer.all)}", "no field `customer.all`"),
        ("${field(x)}", "drop.invalid.message"),
        ("a b", "index.name.format"),
    ] {
        let why = refused(by(format), &at(record("Orders", json("1"), value()), 0));
        assert!(why.contains(part), "{why}");
    }
    assert!(refused(by("${timestamp(yyyy)}"), &record("Orders", json("1"), value())).contains("no timestamp"));
    assert!(
        refused(by("${field(x)}"), &record("o", json("1"), json(&format!("{{\"x\":\"{}\"}}", "y".repeat(256)))))
            .contains("256 bytes")
    );
}

#[test]
fn maps_name_the_index_and_know_what_is_not_in_them() {
    assert_eq!(written(settings(), &record("Mapped", json("1"), json("{}"))).0, "own-index");
    let resources =
        Documents { target: Target::Resources { names: [("A".to_owned(), "Alias".to_owned())].into() }, ..settings() };
    assert_eq!(written(resources.clone(), &record("A", json("1"), json("{}"))).0, "Alias");
    let why = refused(resources, &record("b", json("1"), json("{}")));
    assert!(why.contains("`b`") && why.contains("topic.to.external.resource.mapping"), "{why}");
}

#[test]
fn documents_of_data_streams_are_created_once_with_a_timestamp() {
    let target = Target::Stream { kind: "logs".into(), dataset: "app".into(), namespace: "${topic}".into() };
    let stream = Documents { target, timestamps: Some(Vec::new()), ..settings() };
    let (index, id, action) = written(stream.clone(), &at(record("Web", json("\"k\""), json("{\"a\":1}")), 5));
    assert_eq!((index.as_str(), id.as_str()), ("logs-app-web", "Web+3+42"));
    assert_eq!(action, Action::Create { source: Bytes::from_static(b"{\"@timestamp\":5,\"a\":1}") });
    let by_server = Documents { server_makes_ids: true, ..stream };
    assert_eq!(written(by_server, &at(record("Web", Payload::Null, json("{}")), 5)).1, "");
}

#[test]
fn a_field_can_be_the_version_and_a_header_that_of_deletions() {
    let by_field = Documents { version_field: Some("s.lsn".into()), version_header: Some("lsn".into()), ..settings() };
    let (_, _, action) = written(by_field.clone(), &record("a", json("1"), json("{\"s\":{\"lsn\":\"0/10\"}}")));
    let version = Some(Version { number: 16, again: true });
    assert!(matches!(action, Action::Index { version: found, .. } if found == version), "{action:?}");
    let mut deletion = record("a", json("1"), Payload::Null);
    assert!(refused(by_field.clone(), &deletion).contains("header `lsn`"));
    deletion.headers.push(Header { name: "lsn".into(), value: json("16") });
    assert_eq!(written(by_field.clone(), &deletion).2, Action::Delete { version });
    assert!(refused(by_field, &record("a", json("1"), json("{}"))).contains("version.field"));
}

#[test]
fn routing_and_ids_of_the_server_s_making() {
    let routed =
        Documents { routing: Some(Expression::new("${field(c)}").unwrap()), server_makes_ids: true, ..settings() };
    let Planned::Write { operation, own } = plan(routed, &record("a", Payload::Null, json("{\"c\":\"x y\"}"))) else {
        panic!()
    };
    assert_eq!((operation.routing.as_deref(), operation.id.as_str(), own), (Some("x y"), "", true));
    assert!(matches!(operation.action, Action::Index { version: None, .. }));
}

#[test]
fn a_schema_that_does_not_fit_its_index_rejects_its_records_alone() {
    let schema = Arc::new(Schema::structure(Vec::new()));
    let value = Value::Struct(connector_api::data::Struct::new(schema.clone(), Vec::new()));
    let with_schema = || record("a", json("1"), Payload::structured(schema.clone(), value.clone()));
    let mut planner =
        Planner::new(Documents { use_schemas: true, ignore_schemas_of: ["b".to_owned()].into(), ..settings() });
    let records = [
        with_schema(),
        with_schema(),
        record("a", json("1"), json("{}")),
        SinkRecord { topic: "b".into(), ..with_schema() },
    ];
    let needs = planner.needs(&records);
    assert_eq!(needs.len(), 1, "{needs:?}");
    planner.prepared(needs[0].clone(), Err("no room".to_owned()));
    assert!(planner.needs(&records).is_empty());
    let Planned::Invalid(why) = planner.plan(&records[0]) else { panic!() };
    assert!(why.to_string().contains("no room") && why.to_string().contains("topic.schema.ignore"), "{why}");
    for record in &records[2..] {
        assert!(matches!(planner.plan(record), Planned::Write { .. }));
    }
}
