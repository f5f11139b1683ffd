//! Documents that the server refuses.

use connector_api::{Decision, Error, SinkRecord, SinkTask};

use crate::shared::{SERVER, config, put, put_at_last, record, safe, start};

/// A hundred records of an index whose field `n` is a number; that of offset 42 is text.
fn one_bad(topic: &str) -> Vec<SinkRecord> {
    SERVER.ask("PUT", topic, "{\"mappings\":{\"properties\":{\"n\":{\"type\":\"long\"}}}}");
    let value = |at: i64| if at == 42 { "{\"n\":\"many\"}".to_owned() } else { format!("{{\"n\":{at}}}") };
    (0..100).map(|at| record(topic, at, &at.to_string(), &value(at))).collect()
}

fn offsets(rejected: &[(i64, Error)]) -> Vec<i64> {
    rejected.iter().map(|(offset, _)| *offset).collect()
}

#[tokio::test]
async fn a_document_that_does_not_fit_is_named_and_the_others_are_written() {
    let mut task = start(&config(&SERVER, &[])).await;
    let records = one_bad("fitting");
    let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
    let [(offset, why)] = &rejected[..] else { panic!("{rejected:?}") };
    assert_eq!((*offset, why.decision()), (42, &Decision::Reject));
    for part in ["document 42", "index fitting", "failed to parse field [n]", "behavior.on.malformed.documents"] {
        assert!(why.to_string().contains(part), "{why}");
    }
    assert_eq!(SERVER.documents("fitting").len(), 99);
}

#[tokio::test]
async fn such_documents_can_be_passed_over() {
    for word in ["ignore", "warn"] {
        let mut task = start(&config(&SERVER, &[("behavior.on.malformed.documents", word)])).await;
        put(&mut task, &one_bad(word)).await;
        assert_eq!(SERVER.documents(word).len(), 99);
        assert_eq!(safe(&mut task).await, 100);
    }
}

/// The server refuses the whole request where an object has a name twice in a merge; halves find the record.
#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_is_halved_until_the_record_is_found() {
    let mut task = start(&config(&SERVER, &[("write.method", "upsert")])).await;
    let mut records: Vec<_> = (0..100).map(|at| record("halves", at, &at.to_string(), "{\"n\":1}")).collect();
    records[17] = record("halves", 17, "17", "{\"n\":1,\"n\":2}");
    let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
    assert_eq!(offsets(&rejected), [17], "{rejected:?}");
    assert_eq!(SERVER.documents("halves").len(), 99);
}

#[tokio::test]
async fn records_that_are_no_documents_are_rejected_before_they_are_sent() {
    let mut task = start(&config(&SERVER, &[])).await;
    let records = [
        record("shapes", 0, "1", "{}"),
        record("shapes", 1, "null", "{}"),
        record("shapes", 2, "{\"id\":1}", "{}"),
        record("shapes", 3, "3", "[1]"),
        record("shapes", 4, "4", ""),
    ];
    let (rejected, _) = put_at_last(&mut task, &records).await.unwrap();
    assert_eq!(offsets(&rejected), [1, 2, 3, 4]);
    assert_eq!(SERVER.documents("shapes").len(), 1);
    let mut dropping =
        start(&config(&SERVER, &[("drop.invalid.message", "true"), ("behavior.on.null.values", "ignore")])).await;
    put(&mut dropping, &records).await;
    assert_eq!(safe(&mut dropping).await, 5);
}

#[tokio::test]
async fn an_index_that_may_not_be_made_is_named_with_the_remedy() {
    let mut task = start(&config(&SERVER, &[])).await;
    let error = put_at_last(&mut task, &[record("forbidden", 0, "1", "{}")]).await.unwrap_err();
    assert_eq!(*error.decision(), Decision::Fatal);
    assert!(error.to_string().contains("no index forbidden"), "{error}");
    assert!(error.to_string().contains("action.auto_create_index"), "{error}");
}

/// Somebody has to lift the block, and nobody has to restart anything then.
#[tokio::test]
async fn an_index_that_is_blocked_is_written_once_the_block_is_lifted() {
    SERVER.ask("PUT", "blocked", "{\"settings\":{\"index.blocks.write\":true}}");
    let mut task = start(&config(&SERVER, &[("max.retries", "1")])).await;
    let records = [record("blocked", 0, "1", "{}"), record("elsewhere", 1, "1", "{}")];
    task.put(&records).await.unwrap();
    let why = loop {
        if let Err(why) = task.written().await {
            break why;
        }
    };
    assert!(matches!(why.decision(), Decision::Retry { .. }), "{why:?}");
    assert!(why.to_string().contains("1 documents") && why.to_string().contains("blocked by: [FORBIDDEN/8"), "{why}");
    assert_eq!((SERVER.documents("elsewhere").len(), safe(&mut task).await), (1, 0));
    SERVER.ask("PUT", "blocked/_settings", "{\"index.blocks.write\":false}");
    while safe(&mut task).await < 1 {
        let _ = task.written().await;
    }
    assert_eq!(SERVER.documents("blocked").len(), 1);
}
