//! Records become documents.

use connector_api::SinkTask;
use serde_json::json;

use crate::shared::{SERVER, config, put, record, safe, start};

#[tokio::test]
async fn documents_are_written_replaced_and_deleted() {
    let mut task = start(&config(&SERVER, &[("behavior.on.null.values", "delete")])).await;
    put(&mut task, &[record("Docs", 0, "1", "{\"a\":1,\n \"b\":1}"), record("Docs", 1, "\"two \\\"ü\"", "{\"a\":2}")])
        .await;
    assert_eq!(SERVER.documents("docs")["1"], json!({"a": 1, "b": 1}));
    assert_eq!(SERVER.documents("docs")["two \"ü"], json!({"a": 2}));
    put(&mut task, &[record("Docs", 2, "1", "{\"a\":3}"), record("Docs", 3, "\"two \\\"ü\"", "")]).await;
    assert_eq!(SERVER.documents("docs"), [("1".to_owned(), json!({"a": 3}))].into());
    put(&mut task, &[record("Docs", 4, "\"never there\"", "")]).await;
    assert_eq!(safe(&mut task).await, 5);
}

#[tokio::test]
async fn an_older_write_after_a_newer_one_loses() {
    let raw = config(&SERVER, &[("behavior.on.null.values", "delete")]);
    let mut task = start(&raw).await;
    put(&mut task, &[record("versions", 7, "1", "{\"at\":7}"), record("versions", 8, "2", "")]).await;
    let mut late = start(&raw).await;
    put(&mut late, &[record("versions", 5, "1", "{\"at\":5}"), record("versions", 6, "1", "")]).await;
    put(&mut late, &[record("versions", 6, "2", "{\"at\":6}")]).await;
    assert_eq!(SERVER.documents("versions"), [("1".to_owned(), json!({"at": 7}))].into());
    assert_eq!(safe(&mut late).await, 7, "what is older is done with");
}

#[tokio::test]
async fn fields_are_merged_in_the_order_of_records() {
    let mut task = start(&config(&SERVER, &[("write.method", "upsert"), ("behavior.on.null.values", "delete")])).await;
    let mut records: Vec<_> = (0..600)
        .map(|at| record("merged", at, &format!("{}", at % 3), &format!("{{\"last\":{at},\"f{}\":{at}}}", at % 7)))
        .collect();
    records.extend([record("merged", 600, "0", ""), record("merged", 601, "0", "{\"again\":true}")]);
    put(&mut task, &records).await;
    let found = SERVER.documents("merged");
    assert_eq!(found["0"], json!({"again": true}), "what was deleted starts anew");
    assert_eq!((&found["1"]["last"], &found["2"]["last"]), (&json!(598), &json!(599)));
    assert_eq!(found["1"].as_object().unwrap().len(), 8, "all fields were merged");
}

#[tokio::test]
async fn the_last_of_many_writes_of_one_document_wins() {
    let mut task = start(&config(&SERVER, &[("max.in.flight.requests", "20"), ("batch.size", "7")])).await;
    let records: Vec<_> =
        (0..500).map(|at| record("hot", at, &format!("{}", at % 5), &format!("{{\"at\":{at}}}"))).collect();
    put(&mut task, &records).await;
    for (id, document) in SERVER.documents("hot") {
        assert_eq!(document["at"].as_i64().unwrap(), 495 + id.parse::<i64>().unwrap());
    }
}

#[tokio::test]
async fn a_plain_run_does_each_document_once() {
    let mut task = start(&config(&SERVER, &[("key.ignore", "true"), ("connection.compression", "true")])).await;
    for call in 0..20 {
        let records: Vec<_> =
            (0..500).map(|at| record("plain", call * 500 + at, "null", &format!("{{\"at\":{at}}}"))).collect();
        put(&mut task, &records).await;
    }
    let found = SERVER.documents("plain");
    assert_eq!(found.len(), 10_000);
    assert_eq!(found["plain+0+9999"], json!({"at": 499}));
    assert_eq!(SERVER.index_operations("plain"), 10_000);
    assert_eq!(safe(&mut task).await, 10_000);
    task.stop().await;
}

#[tokio::test]
async fn a_repeat_after_a_kill_changes_nothing() {
    for _ in 0..2 {
        let mut task = start(&config(&SERVER, &[])).await;
        let records: Vec<_> = (0..300).map(|at| record("again", at, &at.to_string(), "{\"n\":1}")).collect();
        put(&mut task, &records).await;
    }
    assert_eq!(SERVER.documents("again").len(), 300);
    assert_eq!(SERVER.index_operations("again"), 300, "the server refuses repeats by their versions");
}
