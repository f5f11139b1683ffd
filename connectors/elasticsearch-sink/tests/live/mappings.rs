//! Mappings from schemas.

use std::sync::Arc;

use connector_api::config::RawConfig;
use connector_api::data::{Decimal, Field, Format, Kind, Payload, Schema, Struct, Value, logical};
use connector_api::{Decision, SinkConnector, SinkRecord, SinkTask};
use elasticsearch_sink::ElasticsearchSink;
use elasticsearch_sink::test_server::TestServer;
use serde_json::json;

use crate::shared::{SERVER, config, put, put_at_last, record, safe, start};

fn with_schemas(server: &TestServer, pairs: &[(&str, &str)]) -> RawConfig {
    let mut all = vec![("schema.ignore", "false")];
    all.extend(pairs);
    config(server, &all)
}

fn structure(fields: &[(&str, Schema)]) -> Arc<Schema> {
    Arc::new(Schema::structure(fields.iter().map(|(name, schema)| Field::new(*name, schema.clone())).collect()))
}

fn structured(topic: &str, offset: i64, schema: &Arc<Schema>, values: Vec<Value>) -> SinkRecord {
    let value = Value::Struct(Struct::new(schema.clone(), values));
    let plain = record(topic, offset, &offset.to_string(), "{}");
    SinkRecord { value: Payload::structured(schema.clone(), value), ..plain }
}

fn mapping(index: &str) -> serde_json::Value {
    SERVER.ask("GET", &format!("{index}/_mapping"), "")[index]["mappings"]["properties"].clone()
}

fn text() -> serde_json::Value {
    json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})
}

#[tokio::test]
async fn an_index_gets_the_fields_of_its_schema_and_more_when_it_grows() {
    let mut task = start(&with_schemas(&SERVER, &[])).await;
    let whole = || Schema::new(Kind::Int32);
    let map = Schema::new(Kind::Map(Arc::new(Schema::string()), Arc::new(whole())));
    let inner = Schema::clone(&structure(&[("x", Schema::new(Kind::Float64))]));
    let first = structure(&[
        ("n", whole()),
        ("s", Schema::string().optional()),
        ("price", Schema::decimal(2)),
        ("day", whole().named(logical::DATE)),
        ("tags", map),
        ("o", inner),
    ]);
    let values = |number: i32| {
        vec![
            Value::Int32(number),
            Value::Null,
            Value::Decimal(Decimal::new("12.50".into()).unwrap()),
            Value::Int32(19_000),
            Value::Map(vec![("a".into(), Value::Int32(1))]),
            Value::Struct(Struct::new(structure(&[("x", Schema::new(Kind::Float64))]), vec![Value::Float64(0.5)])),
        ]
    };
    put(&mut task, &[structured("Grown", 0, &first, values(0)), structured("Grown", 1, &first, values(1))]).await;
    let found = mapping("grown");
    assert_eq!((&found["n"], &found["s"]), (&json!({"type": "integer"}), &text()));
    assert_eq!((&found["price"], &found["day"]), (&json!({"type": "double"}), &json!({"type": "date"})));
    assert_eq!(found["tags"]["properties"]["a"], json!({"type": "long"}), "entries are the data's own");
    assert_eq!(found["o"]["properties"], json!({"x": {"type": "double"}}));
    assert_eq!(SERVER.documents("grown")["0"]["day"], json!(19_000i64 * 86_400_000));
    SERVER.ask("POST", "grown/_refresh", "");
    let on_the_day = SERVER.ask("GET", "grown/_count?q=day:2022-01-08", "");
    assert_eq!(on_the_day["count"], 2, "a day is the day that it was");

    let grown = structure(&[
        ("n", Schema::new(Kind::Int64)),
        ("new", Schema::new(Kind::Boolean)),
        ("o", Schema::clone(&structure(&[("x", Schema::new(Kind::Float64)), ("y", Schema::string())]))),
    ]);
    let object = structure(&[("x", Schema::new(Kind::Float64)), ("y", Schema::string())]);
    let object = Value::Struct(Struct::new(object, vec![Value::Float64(1.0), "text".into()]));
    put(&mut task, &[structured("Grown", 2, &grown, vec![Value::Int64(2), Value::Boolean(true), object])]).await;
    let found = mapping("grown");
    assert_eq!((&found["new"], &found["o"]["properties"]["y"]), (&json!({"type": "boolean"}), &text()));
    assert_eq!(found["n"], json!({"type": "integer"}), "fields that are there stay as they are");
}

#[tokio::test]
async fn a_template_and_a_mapping_that_is_there_know_better() {
    let template =
        json!({"index_patterns": ["templated"], "template": {"mappings": {"properties": {"s": {"type": "keyword"}}}}});
    SERVER.ask("PUT", "_index_template/templated", &template.to_string());
    let mut task = start(&with_schemas(&SERVER, &[])).await;
    let schema = structure(&[("s", Schema::string()), ("t", Schema::string())]);
    put(&mut task, &[structured("templated", 0, &schema, vec!["a".into(), "b".into()])]).await;
    assert_eq!(mapping("templated"), json!({"s": {"type": "keyword"}, "t": text()}));
}

#[tokio::test]
async fn maps_become_lists_where_the_user_says_so() {
    let mut task = start(&with_schemas(&SERVER, &[("compact.map.entries", "false")])).await;
    let schema =
        structure(&[("m", Schema::new(Kind::Map(Arc::new(Schema::string()), Arc::new(Schema::new(Kind::Int16)))))]);
    put(&mut task, &[structured("entries", 0, &schema, vec![Value::Map(vec![("a".into(), Value::Int16(1))])])]).await;
    assert_eq!(SERVER.documents("entries")["0"], json!({"m": [{"key": "a", "value": 1}]}));
    assert_eq!(mapping("entries")["m"], json!({"properties": {"key": text(), "value": {"type": "short"}}}));
}

#[tokio::test]
async fn a_schema_that_does_not_fit_rejects_its_records_and_the_others_are_written() {
    SERVER.ask("PUT", "unfit", "{\"mappings\":{\"properties\":{\"o\":{\"type\":\"long\"}}}}");
    let mut task = start(&with_schemas(&SERVER, &[])).await;
    let object = structure(&[("x", Schema::string())]);
    let bad = structure(&[("o", Schema::clone(&object))]);
    let good = structure(&[("o", Schema::new(Kind::Int64))]);
    let records = [
        structured("unfit", 0, &bad, vec![Value::Struct(Struct::new(object, vec!["a".into()]))]),
        structured("unfit", 1, &good, vec![Value::Int64(1)]),
    ];
    for _ in 0..2 {
        let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
        let [(0, why)] = &rejected[..] else { panic!("{rejected:?}") };
        assert_eq!(*why.decision(), Decision::Reject);
        assert!(
            why.to_string().contains("`o` is of type long there") && why.to_string().contains("index.name.format"),
            "{why}"
        );
    }
    assert_eq!(SERVER.documents("unfit").len(), 1);
}

#[tokio::test]
async fn topics_can_leave_their_mappings_to_the_server_and_records_without_schemas_do() {
    let mut task = start(&with_schemas(&SERVER, &[("topic.schema.ignore", "left")])).await;
    let schema = structure(&[("n", Schema::new(Kind::Int8))]);
    let plain = Payload::Structured { schema: None, value: Value::Map(vec![("n".into(), Value::Int64(1))]) };
    let records = [
        structured("left", 0, &schema, vec![Value::Int8(1)]),
        SinkRecord { value: plain, ..record("left-plain", 1, "1", "{}") },
    ];
    put(&mut task, &records).await;
    for index in ["left", "left-plain"] {
        assert_eq!(mapping(index), json!({"n": {"type": "long"}}), "{index}");
    }
}

#[tokio::test]
async fn the_worker_is_asked_for_schemas_only_where_they_are_used() {
    let format = |raw: &RawConfig| {
        let checked = ElasticsearchSink.definition().config.check(raw).into_result().unwrap();
        ElasticsearchSink.formats(&checked).value
    };
    assert_eq!((format(&SERVER.config()), format(&with_schemas(&SERVER, &[]))), (Format::Json, Format::Structured));
}

#[tokio::test]
async fn nothing_counts_as_taken_while_the_server_cannot_be_asked_for_the_mapping() {
    let server = TestServer::start(&[]);
    let mut task = start(&with_schemas(&server, &[])).await;
    let schema = structure(&[("n", Schema::new(Kind::Int8))]);
    let records = [structured("later", 0, &schema, vec![Value::Int8(1)])];
    server.kill();
    let error = task.put(&records).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Retry { after: None }, "{error}");
    server.go();
    put(&mut task, &records).await;
    assert_eq!(safe(&mut task).await, 1);
    assert_eq!(server.documents("later").len(), 1);
}

/// On a server of its own: a block of one index is in the way of every question about aliases.
#[tokio::test]
async fn an_index_that_takes_no_fields_now_gets_them_once_it_does() {
    let server = TestServer::start(&[]);
    server.ask("PUT", "stuck", "{\"settings\":{\"index.blocks.metadata\":true}}");
    let mut task = start(&with_schemas(&server, &[])).await;
    let schema = structure(&[("n", Schema::new(Kind::Int8))]);
    let records = [structured("stuck", 0, &schema, vec![Value::Int8(1)])];
    let error = task.put(&records).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Retry { after: None }, "{error}");
    assert!(error.to_string().contains("is blocked"), "{error}");
    server.ask("PUT", "stuck/_settings", "{\"index.blocks.metadata\":false}");
    put(&mut task, &records).await;
    let mapping = server.ask("GET", "stuck/_mapping", "")["stuck"]["mappings"]["properties"].clone();
    assert_eq!(mapping, json!({"n": {"type": "byte"}}));
}

/// Rejecting its records would pass all of them over.
#[tokio::test]
async fn an_index_that_cannot_be_asked_stops_the_task_with_the_reason() {
    SERVER.ask("PUT", "closed", "");
    SERVER.ask("POST", "closed/_close", "");
    let mut task = start(&with_schemas(&SERVER, &[])).await;
    let schema = structure(&[("n", Schema::new(Kind::Int8))]);
    let outcome = put_at_last(&mut task, &[structured("closed", 0, &schema, vec![Value::Int8(1)])]).await;
    let error = outcome.unwrap_err();
    assert_eq!(*error.decision(), Decision::Fatal, "{error}");
    assert!(error.to_string().contains("closed"), "{error}");
}

#[tokio::test]
async fn fields_are_added_behind_an_alias_but_no_index_is_made_in_its_place() {
    SERVER.ask("PUT", "behind-1", "{\"aliases\":{\"before\":{}}}");
    let pairs = [("external.resource.usage", "ALIAS_INDEX"), ("topic.to.external.resource.mapping", "a:before")];
    let mut task = start(&with_schemas(&SERVER, &pairs)).await;
    let schema = structure(&[("n", Schema::new(Kind::Int8))]);
    let records = [structured("a", 0, &schema, vec![Value::Int8(1)])];
    put(&mut task, &records).await;
    assert_eq!(mapping("behind-1"), json!({"n": {"type": "byte"}}));
    SERVER.ask("DELETE", "behind-1", "");
    let grown = structure(&[("n", Schema::new(Kind::Int8)), ("m", Schema::new(Kind::Int8))]);
    let error = task.put(&[structured("a", 1, &grown, vec![Value::Int8(1), Value::Int8(1)])]).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Fatal, "{error}");
    assert_eq!(SERVER.request("GET", "before", "").0, 404);
}
