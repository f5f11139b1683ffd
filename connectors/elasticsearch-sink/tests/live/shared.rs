//! One server for most tests, each with an index of its own; and a task as the worker drives it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::data::Payload;
use connector_api::*;
use elasticsearch_sink::test_server::TestServer;
use elasticsearch_sink::{ElasticsearchSink, ElasticsearchSinkTask};

/// Makes any index by itself, but for those whose name begins with `forbidden`.
pub static SERVER: LazyLock<TestServer> =
    LazyLock::new(|| TestServer::start(&["action.auto_create_index: \"-forbidden*,+*\""]));

/// The server's configuration with these keys.
pub fn config(server: &TestServer, pairs: &[(&str, &str)]) -> RawConfig {
    let mut config = server.config();
    config.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    config
}

pub fn json(text: &str) -> Payload {
    Payload::Json(text.to_owned().into())
}

/// Whether the server knows data streams. Where it says that it does not, as Elasticsearch as Maven has it, whose modules are
/// left out, the output says that the test stands aside.
pub fn has_data_streams(test: &str) -> bool {
    let (status, _) = SERVER.request("GET", "_data_stream", "");
    let lacks = matches!(status, 400 | 404 | 405);
    if lacks {
        // Past the capture of what tests print: who reads the result shall see it.
        let why = format!("the server has no data streams, it answers {status} when asked for them");
        let _ = writeln!(std::io::stderr(), "{test} stands aside: {why}");
    }
    !lacks
}

/// How many requests it takes to find out which server this is: one more where its main module is left out.
pub fn looks() -> usize {
    if SERVER.request("GET", "", "").0 == 405 { 2 } else { 1 }
}

/// A record of partition 0.
pub fn record(topic: &str, offset: i64, key: &str, value: &str) -> SinkRecord {
    let value = if value.is_empty() { Payload::Null } else { json(value) };
    SinkRecord {
        topic: topic.into(),
        origin: TopicPartition::new(topic, 0),
        offset,
        key: json(key),
        value,
        headers: Vec::new(),
        timestamp: None,
        timestamp_type: TimestampType::CreateTime,
    }
}

pub async fn try_start(raw: &RawConfig) -> Result<ElasticsearchSinkTask> {
    let config = ElasticsearchSink.definition().config.check(raw).into_result().unwrap();
    let mut task = ElasticsearchSink.task();
    task.start(TaskContext::alone("test"), &config).await?;
    Ok(task)
}

pub async fn start(raw: &RawConfig) -> ElasticsearchSinkTask {
    try_start(raw).await.unwrap()
}

/// Puts records that the server takes, and waits until it has them.
pub async fn put(task: &mut ElasticsearchSinkTask, records: &[SinkRecord]) {
    let (rejected, _) = put_at_last(task, records).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
}

/// Puts records as the worker does, and waits until each of them is written or rejected: the offsets of
/// those, with the reason, and the passing trouble on the way.
pub async fn put_at_last(
    task: &mut ElasticsearchSinkTask,
    records: &[SinkRecord],
) -> Result<(Vec<(i64, Error)>, Vec<Error>)> {
    let taken = task.put(records).await?;
    assert!(taken.again.is_none(), "{taken:?}");
    let early = taken.rejected.into_iter().map(|(index, why)| (records[index].offset, why));
    let (mut rejected, mut troubles): (Vec<_>, _) = (early.collect(), Vec::new());
    let ends: BTreeMap<TopicPartition, i64> =
        records.iter().map(|record| (record.origin.clone(), record.offset + 1)).collect();
    loop {
        let safe: BTreeMap<TopicPartition, i64> = all_safe(task).await.into_iter().collect();
        if ends.iter().all(|(partition, end)| safe.get(partition).is_some_and(|safe| safe >= end)) {
            break;
        }
        match tokio::time::timeout(Duration::from_secs(60), task.written()).await.expect("the server answers") {
            Ok(written) => rejected.extend(written.rejected.into_iter().map(|(_, offset, why)| (offset, why))),
            Err(why) if matches!(why.decision(), Decision::Retry { .. }) => troubles.push(why),
            Err(why) => return Err(why),
        }
    }
    rejected.sort_by_key(|(offset, _)| *offset);
    Ok((rejected, troubles))
}

/// How far the first partition is safe.
pub async fn safe(task: &mut ElasticsearchSinkTask) -> i64 {
    all_safe(task).await[0].1
}

async fn all_safe(task: &mut ElasticsearchSinkTask) -> Vec<(TopicPartition, i64)> {
    match task.flush(FlushOccasion::Interval).await.unwrap() {
        Flushed::Written(Written { safe, rejected }) if rejected.is_empty() => safe,
        other => panic!("offsets are named: {other:?}"),
    }
}
