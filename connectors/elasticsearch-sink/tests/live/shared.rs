//! One server for most tests, each with an index of its own; and a task as the worker drives it.

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

/// Puts records that the server takes.
pub async fn put(task: &mut ElasticsearchSinkTask, records: &[SinkRecord]) {
    let taken = task.put(records).await.unwrap();
    assert!(taken.rejected.is_empty() && taken.again.is_none(), "{taken:?}");
}

/// Puts records as the worker does: again, and again, until all are taken. How often it had to.
pub async fn put_at_last(task: &mut ElasticsearchSinkTask, records: &[SinkRecord]) -> usize {
    let mut left = records.to_vec();
    for round in 0.. {
        let taken = task.put(&left).await.unwrap();
        assert!(taken.rejected.is_empty(), "{taken:?}");
        let Some((open, why)) = taken.again else { return round };
        assert!(matches!(why.decision(), Decision::Retry { .. }) && round < 1000, "{why}");
        let first_open = left[open[0]].offset;
        assert_eq!(safe(task).await, first_open, "nothing that is open is flushed");
        left = open.iter().map(|index| left[*index].clone()).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!()
}

/// How far partition 0 is safe.
pub async fn safe(task: &mut ElasticsearchSinkTask) -> i64 {
    match task.flush(FlushOccasion::Interval).await.unwrap() {
        Flushed::UpTo(offsets) => offsets[0].1,
        Flushed::Everything => panic!("offsets are named"),
    }
}
