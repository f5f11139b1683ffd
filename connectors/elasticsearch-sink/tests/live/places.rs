//! Where documents go: names of indexes, what the user has made, data streams, shards, pipelines.

use connector_api::{Decision, SinkConnector, SinkRecord, SinkTask};
use elasticsearch_sink::ElasticsearchSink;
use serde_json::json;

use crate::shared::{SERVER, config, has_data_streams, put, put_at_last, record, safe, start, try_start};

fn at(record: SinkRecord, timestamp: i64) -> SinkRecord {
    SinkRecord { timestamp: Some(timestamp), ..record }
}

/// 2023-11-14, 22:13:20 in UTC.
const THEN: i64 = 1_700_000_000_000;

#[tokio::test]
async fn an_index_is_named_by_the_record_s_time_and_fields_and_a_replay_finds_it_again() {
    let format = "x-${topic}-${field(shop.country)}-${timestamp(yyyy.MM.dd)}";
    let raw = config(&SERVER, &[("index.name.format", format), ("key.ignore", "true")]);
    for _ in 0..2 {
        let mut task = start(&raw).await;
        let value = |country: &str| format!("{{\"shop\":{{\"country\":\"{country}\"}}}}");
        let records = [
            at(record("Places", 0, "null", &value("NL")), THEN),
            at(record("Places", 1, "null", &value("DE West")), THEN),
            at(record("Places", 2, "null", &value("NL")), THEN + 86_400_000),
            at(record("Places", 3, "null", "{\"shop\":{}}"), THEN),
        ];
        let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
        let [(3, why)] = &rejected[..] else { panic!("{rejected:?}") };
        assert_eq!(*why.decision(), Decision::Reject);
        assert!(why.to_string().contains("no field `shop.country`"), "{why}");
        assert_eq!(safe(&mut task).await, 4);
    }
    for (index, id) in [("nl-2023.11.14", 0), ("de_west-2023.11.14", 1), ("nl-2023.11.15", 2)] {
        let found = SERVER.documents(&format!("x-places-{index}"));
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [format!("Places+0+{id}")]);
    }
}

#[tokio::test]
async fn topics_go_to_what_the_user_has_made_for_them() {
    SERVER.ask("PUT", "made-1", "{\"aliases\":{\"made-alias\":{\"is_write_index\":true}}}");
    for (usage, name) in [("INDEX", "made-1"), ("ALIAS_INDEX", "made-alias")] {
        let map = format!("Made:{name},Other:{name}");
        let pairs = [("external.resource.usage", usage), ("topic.to.external.resource.mapping", &map)];
        let mut task = start(&config(&SERVER, &pairs)).await;
        let records = [record("Made", 0, &format!("\"{usage}\""), "{}"), record("Unknown", 1, "1", "{}")];
        let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
        let [(1, why)] = &rejected[..] else { panic!("{rejected:?}") };
        assert!(why.to_string().contains("topic.to.external.resource.mapping"), "{why}");
    }
    assert_eq!(SERVER.documents("made-1").into_keys().collect::<Vec<_>>(), ["ALIAS_INDEX", "INDEX"]);
}

#[tokio::test]
async fn what_is_named_and_not_there_is_said_before_anything_is_written() {
    let key = "topic.to.external.resource.mapping";
    let named = |usage| vec![("external.resource.usage", usage), (key, "a:never-made")];
    let mut cases = vec![(named("INDEX"), key), (named("ALIAS_INDEX"), key)];
    cases.push((vec![("ingest.pipeline.name", "never-made")], "ingest.pipeline.name"));
    if has_data_streams("the part about data streams of what_is_named_and_not_there_is_said_before_anything_is_written")
    {
        cases.push((named("DATASTREAM"), key));
    }
    for (pairs, key) in cases {
        let raw = config(&SERVER, &pairs);
        let error = try_start(&raw).await.err().unwrap();
        assert_eq!(*error.decision(), Decision::BadConfig { key: key.to_owned() }, "{error}");
        let checked = ElasticsearchSink.definition().config.check(&raw).into_result().unwrap();
        let issues = ElasticsearchSink.validate(&checked).await;
        assert_eq!(issues.iter().map(|issue| issue.key.as_str()).collect::<Vec<_>>(), [key]);
        assert!(issues[0].message.contains("never-made"), "{issues:?}");
    }
}

fn stream_template(name: &str) {
    let body = format!("{{\"index_patterns\":[\"{name}\"],\"data_stream\":{{}},\"priority\":500}}");
    SERVER.ask("PUT", &format!("_index_template/{}", name.trim_end_matches('*')), &body);
}

#[tokio::test]
async fn a_data_stream_is_made_and_a_repeat_adds_nothing() {
    if !has_data_streams("a_data_stream_is_made_and_a_repeat_adds_nothing") {
        return;
    }
    stream_template("logs-app-*");
    let pairs = [
        ("data.stream.type", "LOGS"),
        ("data.stream.dataset", "app"),
        ("data.stream.timestamp.field", "when,@timestamp"),
    ];
    for _ in 0..2 {
        let mut task = start(&config(&SERVER, &pairs)).await;
        let records = [
            at(record("Web", 0, "\"same key\"", "{\"n\":0,\"when\":\"2024-01-31T10:00:00Z\"}"), THEN),
            at(record("Web", 1, "\"same key\"", &format!("{{\"n\":1,\"@timestamp\":{THEN}}}")), THEN),
        ];
        put(&mut task, &records).await;
        let taken = task.put(&[at(record("Web", 2, "1", "{}"), THEN)]).await.unwrap();
        assert!(taken.rejected[0].1.to_string().contains("none of the fields `when`"), "{taken:?}");
        assert_eq!(safe(&mut task).await, 3);
    }
    let found = SERVER.documents("logs-app-web");
    assert_eq!(found["Web+0+0"]["@timestamp"], json!("2024-01-31T10:00:00Z"));
    assert_eq!(found["Web+0+1"]["@timestamp"], json!(THEN));
    assert_eq!(found.len(), 2, "both records of one key are there, and once");
    assert_eq!(SERVER.index_operations("logs-app-web"), 2, "the server refuses repeats by their ids");
    let streams = SERVER.ask("GET", "_data_stream/logs-app-web", "");
    assert_eq!(streams["data_streams"][0]["name"], "logs-app-web");
}

#[tokio::test]
async fn a_data_stream_of_the_user_s_gets_the_records_time() {
    if !has_data_streams("a_data_stream_of_the_user_s_gets_the_records_time") {
        return;
    }
    stream_template("own-stream");
    SERVER.ask("PUT", "_data_stream/own-stream", "");
    let pairs =
        [("external.resource.usage", "DATASTREAM"), ("topic.to.external.resource.mapping", "Events:own-stream")];
    let mut task = start(&config(&SERVER, &pairs)).await;
    put(&mut task, &[at(record("Events", 0, "null", "{\"a\":1}"), THEN)]).await;
    assert_eq!(SERVER.documents("own-stream")["Events+0+0"], json!({"@timestamp": THEN, "a": 1}));
}

#[tokio::test]
async fn a_data_stream_without_a_template_is_refused_with_the_remedy() {
    if !has_data_streams("a_data_stream_without_a_template_is_refused_with_the_remedy") {
        return;
    }
    let pairs = [("data.stream.type", "METRICS"), ("data.stream.dataset", "none"), ("data.stream.namespace", "x")];
    let mut task = start(&config(&SERVER, &pairs)).await;
    let error = task.put(&[at(record("m", 0, "1", "{}"), THEN)]).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Fatal);
    assert!(error.to_string().contains("metrics-none-x") && error.to_string().contains("index template"), "{error}");
    assert_eq!(SERVER.request("GET", "metrics-none-x", "").0, 404, "nothing was made in its place");
}

#[tokio::test]
async fn fields_choose_the_shard() {
    SERVER.ask(
        "PUT",
        "routed",
        "{\"settings\":{\"number_of_shards\":5},\"mappings\":{\"_routing\":{\"required\":true}}}",
    );
    let mut task = start(&config(&SERVER, &[("routing.format", "${field(c)}")])).await;
    let records: Vec<_> =
        (0..20).map(|at| record("routed", at, &at.to_string(), &format!("{{\"c\":\"c{}\"}}", at % 2))).collect();
    put(&mut task, &records).await;
    SERVER.ask("POST", "routed/_refresh", "");
    let found = SERVER.ask("GET", "routed/_search?routing=c1&q=c:c1&size=50", "");
    assert_eq!(found["hits"]["total"]["value"], 10);
    assert_eq!(found["hits"]["hits"][0]["_routing"], "c1");
    let mut deleting =
        start(&config(&SERVER, &[("routing.format", "${key}"), ("behavior.on.null.values", "delete")])).await;
    put(&mut deleting, &[record("routed-by-key", 0, "\"k\"", "{}"), record("routed-by-key", 1, "\"k\"", "")]).await;
    assert_eq!(SERVER.documents("routed-by-key").len(), 0);
}

#[tokio::test]
async fn documents_go_through_the_pipeline_and_deletions_beside_it() {
    SERVER.ask("PUT", "_ingest/pipeline/passing", "{\"processors\":[]}");
    let pairs = [("ingest.pipeline.name", "passing"), ("behavior.on.null.values", "delete")];
    let mut task = start(&config(&SERVER, &pairs)).await;
    put(&mut task, &[record("piped", 0, "1", "{}"), record("piped", 1, "2", "{}"), record("piped", 2, "1", "")]).await;
    assert_eq!(SERVER.documents("piped").into_keys().collect::<Vec<_>>(), ["2"]);
    SERVER.ask("DELETE", "_ingest/pipeline/passing", "");
    let error = put_at_last(&mut task, &[record("piped", 3, "3", "{}")]).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Fatal, "one that is gone is not passed over with the document: {error}");
    assert!(error.to_string().contains("passing"), "{error}");
}

#[tokio::test]
async fn the_server_can_make_ids() {
    let mut task = start(&config(&SERVER, &[("use.autogenerated.ids", "true")])).await;
    put(&mut task, &[record("anonymous", 0, "1", "{\"a\":1}"), record("anonymous", 1, "1", "{\"a\":2}")]).await;
    let found = SERVER.documents("anonymous");
    assert!(found.len() == 2 && found.keys().all(|id| id.len() >= 15), "{found:?}");
    assert_eq!(safe(&mut task).await, 2);
}

#[tokio::test]
async fn a_field_s_version_keeps_documents_right_whatever_comes_in_which_order() {
    let raw = config(
        &SERVER,
        &[("version.field", "at"), ("external.version.header", "at"), ("behavior.on.null.values", "delete")],
    );
    let value = |at: &str, n: i64| format!("{{\"at\":\"{at}\",\"n\":{n}}}");
    let (old, new) = ("2024-01-01T00:00:00.000001Z", "2024-01-01T00:00:00.000002Z");
    let mut task = start(&raw).await;
    put(&mut task, &[record("by-field", 90, "1", &value(old, 1)), record("by-field", 91, "1", &value(new, 2))]).await;
    put(&mut task, &[record("by-field", 92, "1", &value(new, 3))]).await;
    assert_eq!(SERVER.documents("by-field")["1"]["n"], 3, "the later of two writes of one version wins");
    // Another partition, a topic that was made anew: lower offsets, an older version.
    let mut again = start(&raw).await;
    put(&mut again, &[record("by-field", 0, "1", &value(old, 1))]).await;
    assert_eq!(SERVER.documents("by-field")["1"]["n"], 3, "an older version changes nothing");
    let deletion = |version: &str| {
        let mut deletion = record("by-field", 1, "1", "");
        deletion.headers.push(connector_api::Header { name: "at".into(), value: crate::shared::json(version) });
        deletion
    };
    put(&mut again, &[deletion("1704067200000001")]).await;
    assert_eq!(SERVER.documents("by-field").len(), 1, "an older deletion changes nothing");
    put(&mut again, &[deletion("1704067200000003")]).await;
    assert_eq!(SERVER.documents("by-field").len(), 0);
    put(&mut again, &[record("by-field", 2, "1", &value(new, 2))]).await;
    assert_eq!(SERVER.documents("by-field").len(), 0, "what was deleted since stays deleted");
}
