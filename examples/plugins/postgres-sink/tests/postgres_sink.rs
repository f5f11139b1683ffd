//! The sink against a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod server;

use std::path::Path;

use connector_api::config::{Issue, RawConfig};
use connector_api::conformance::{SinkWorld, check_readme, check_sink};
use connector_api::data::Payload;
use connector_api::*;
use postgres_sink::{PostgresCopySink, PostgresCopyTask};
use server::{PASSWORD, Server};

struct Database(Server);

impl SinkWorld for Database {
    fn plugin(&self) -> Plugin {
        Plugin::sink(PostgresCopySink)
    }
    fn config(&self) -> RawConfig {
        config(&self.0, &[("batch.records", "7")])
    }
    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        record(partition, offset, "{\"a\": \"\\\\ \\t\\u00e4\"}")
    }
    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("{partition} {offset}")
    }
    /// A database has no text with a zero byte in it.
    fn hopeless(&self, partition: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        Some(record(partition, offset, "{\"a\": \"\\u0000\"}"))
    }
    async fn written(&mut self) -> Vec<String> {
        let rows = self.0.sql("SELECT topic || '-' || partition || ' ' || kafka_offset FROM conformance");
        let distinct: std::collections::BTreeSet<&String> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "a record is there twice");
        rows
    }
}

fn config(server: &Server, more: &[(&str, &str)]) -> RawConfig {
    let port = server.port.to_string();
    let own = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", &port),
        ("connection.user", "postgres"),
        ("connection.password", PASSWORD),
        ("connection.database", "postgres"),
    ];
    own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn record(partition: &TopicPartition, offset: i64, value: &str) -> SinkRecord {
    SinkRecord {
        topic: partition.topic.clone(),
        origin: partition.clone(),
        offset,
        key: Payload::Json(format!("\"k\\t{offset}\"").into()),
        value: Payload::Json(value.to_owned().into()),
        headers: Vec::new(),
        timestamp: None,
        timestamp_type: TimestampType::CreateTime,
    }
}

fn records(offsets: std::ops::Range<i64>) -> Vec<SinkRecord> {
    offsets.map(|offset| record(&zero(), offset, "{}")).collect()
}

fn zero() -> TopicPartition {
    TopicPartition::new("t", 0)
}

async fn try_started(raw: &RawConfig) -> Result<PostgresCopyTask> {
    let config = PostgresCopySink.definition().config.check(raw).into_result().unwrap();
    let mut task = PostgresCopySink.task();
    task.start(TaskContext::alone("test"), &config).await.map(|()| task)
}

/// A task that has partition 0 of topic `t`, and where it wants to read.
async fn opened(raw: &RawConfig) -> (PostgresCopyTask, Option<i64>) {
    let mut task = try_started(raw).await.unwrap();
    let from = task.open(&[zero()]).await.unwrap();
    (task, from.first().map(|from| from.offset))
}

async fn issues(raw: &RawConfig) -> Vec<Issue> {
    let config = PostgresCopySink.definition().config.check(raw).into_result().unwrap();
    PostgresCopySink.validate(&config).await
}

fn offsets(server: &Server) -> String {
    server.sql("SELECT string_agg(kafka_offset::text, ' ' ORDER BY kafka_offset) FROM t").join("")
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    check_sink(&mut Database(Server::start())).await;
}

#[test]
fn the_readme_has_the_keys() {
    check_readme(Path::new(env!("CARGO_MANIFEST_DIR")), &PostgresCopySink.definition().config);
}

#[tokio::test]
async fn keys_and_values_arrive_as_they_are() {
    let server = Server::start();
    let (mut task, _) = opened(&config(&server, &[("table", "public.in_${topic}")])).await;
    let mut odd =
        record(&zero(), 0, r#"{"text": "tab\t back\\slash \"quoted\" \n line \u00e4", "n": 12345678901234567890.10}"#);
    odd.key = Payload::Json(r#"{"id": 5}"#.into());
    let mut tombstone = record(&zero(), 1, "");
    tombstone.value = Payload::Null;
    let text = record(&zero(), 2, "\"\\\\N\"");
    task.put(&[odd, tombstone, text]).await.unwrap();
    let rows = server.sql(
        "SELECT key, value ->> 'text', value ->> 'n', value IS NULL, value #>> '{}' FROM in_t ORDER BY kafka_offset",
    );
    assert_eq!(
        rows.join("\n"),
        "{\"id\": 5}|tab\t back\\slash \"quoted\" \n line ä|12345678901234567890.10|f|{\"n\": \
         12345678901234567890.10, \
         \"text\": \"tab\\t back\\\\slash \\\"quoted\\\" \\n line ä\"}\nk\t1|||t|\nk\t2|||f|\\N"
    );
}

#[tokio::test]
async fn records_that_the_server_does_not_take_are_named_and_the_others_arrive() {
    let server = Server::start();
    let raw = config(&server, &[("batch.records", "8")]);
    let (mut task, _) = opened(&raw).await;
    let mut put = records(0..20);
    put[3] = record(&zero(), 3, "{\"nul\": \"a\\u0000b\"}");
    put[4] = record(&zero(), 4, "{\"half\": \"\\ud800\"}");
    put[9] = record(&zero(), 9, "{\"open\": ");
    put[15].key = Payload::Json("\"a\\u0000\"".into());
    let taken = task.put(&put).await.unwrap();
    let rejected: Vec<usize> = taken.rejected.iter().map(|(index, _)| *index).collect();
    assert_eq!(rejected, [3, 4, 9, 15]);
    assert!(taken.rejected.iter().all(|(_, why)| *why.decision() == Decision::Reject), "{taken:?}");
    assert!(taken.rejected[0].1.to_string().contains("write into \"t\""), "{taken:?}");
    assert_eq!(offsets(&server), "0 1 2 5 6 7 8 10 11 12 13 14 16 17 18 19");
    // Nobody has said yet that the rejected ones are dealt with.
    let (mut next, from) = opened(&raw).await;
    assert_eq!(from, Some(3));
    assert_eq!(next.put(&put[3..]).await.unwrap().rejected.len(), 4);
    assert_eq!(offsets(&server), "0 1 2 5 6 7 8 10 11 12 13 14 16 17 18 19");
    next.put(&records(20..21)).await.unwrap();
    assert_eq!(opened(&raw).await.1, Some(21));
}

#[tokio::test]
async fn a_server_that_restarts_costs_and_repeats_nothing() {
    let server = Server::start();
    let raw = config(&server, &[]);
    let (mut task, from) = opened(&raw).await;
    assert_eq!(from, None);
    task.put(&records(0..10)).await.unwrap();
    server.kill();
    let error = task.put(&records(10..20)).await.unwrap_err();
    assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
    let error = task.put(&records(10..20)).await.unwrap_err();
    assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
    server.go();
    task.put(&records(10..20)).await.unwrap();
    task.put(&records(15..25)).await.unwrap();
    let all: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    assert_eq!(offsets(&server), all.join(" "));
    assert_eq!(opened(&raw).await.1, Some(25));
}

#[tokio::test]
async fn two_tasks_at_one_partition_write_each_record_once_even_where_no_key_stops_them() {
    let server = Server::start();
    let raw = config(&server, &[]);
    let (mut old, _) = opened(&raw).await;
    old.put(&records(0..5)).await.unwrap();
    let (mut new, from) = opened(&raw).await;
    assert_eq!(from, Some(5));
    let (early, late) = (records(5..12), records(5..15));
    let (a, b) = tokio::join!(old.put(&early), new.put(&late));
    a.unwrap();
    b.unwrap();
    // Rows that somebody has taken away meanwhile do not come back.
    server.sql("DELETE FROM t WHERE kafka_offset < 10");
    old.put(&records(5..15)).await.unwrap();
    assert_eq!(offsets(&server), "10 11 12 13 14");
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_not_passed_over_in_silence() {
    let server = Server::start();
    let raw = config(&server, &[]);
    opened(&raw).await.0.put(&records(0..10)).await.unwrap();
    let error = opened(&raw).await.0.put(&records(0..1)).await.unwrap_err();
    assert_eq!(error.decision(), &Decision::Fatal);
    assert!(error.to_string().contains("t-0 comes at offset 0, but is written up to 10"), "{error}");
    assert!(error.to_string().contains("delete the rows of `test` and this topic from \"naru_offsets\""), "{error}");
    server.sql("DELETE FROM naru_offsets WHERE connector = 'test' AND topic = 't'");
    let (mut task, from) = opened(&raw).await;
    assert_eq!(from, None);
    task.put(&[record(&zero(), 0, "\"new\"")]).await.unwrap();
    assert_eq!(server.sql("SELECT kafka_offset FROM t WHERE value = '\"new\"'"), ["0"], "never dropped for an old row");
}

#[tokio::test]
async fn a_wrong_password_shows_when_the_connector_is_made_and_is_never_shown() {
    let server = Server::start();
    assert_eq!(issues(&config(&server, &[])).await, []);
    let wrong = config(&server, &[("connection.password", "canary-9999")]);
    let found = issues(&wrong).await;
    assert!(found[0].is_error() && found[0].key == "connection.password", "{found:?}");
    let error = try_started(&wrong).await.err().unwrap();
    assert!(matches!(error.decision(), Decision::BadConfig { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    assert!(!format!("{error:?} {found:?}").contains("canary"), "{error:?} {found:?}");
    let mut none = config(&server, &[]);
    none.remove("connection.password");
    assert_eq!(issues(&none).await[0].key, "connection.password");
    let missing = issues(&config(&server, &[("connection.database", "nowhere")])).await;
    assert!(missing[0].is_error() && missing[0].key == "connection.database", "{missing:?}");
}

#[tokio::test]
async fn tables_that_do_not_fit_are_final_and_say_what_they_need() {
    let server = Server::start();
    let raw = config(&server, &[("create.tables", "false")]);
    let error = try_started(&raw).await.err().unwrap();
    assert_eq!(error.decision(), &Decision::Fatal);
    assert!(error.to_string().contains("set `create.tables=true`"), "{error}");
    opened(&config(&server, &[])).await;
    for (table, expected) in [("(key text)", "needs the columns key text"), (KEYLESS, "needs a primary key")] {
        server.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t {table}"));
        let error = opened(&raw).await.0.put(&records(0..1)).await.unwrap_err();
        assert_eq!(error.decision(), &Decision::Fatal, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

const KEYLESS: &str = "(key text, value jsonb, topic text, partition int, kafka_offset bigint)";

#[tokio::test]
async fn a_locked_table_is_waited_for_and_tried_again() {
    let server = Server::start();
    let (mut task, _) = opened(&config(&server, &[("request.timeout.ms", "1000")])).await;
    task.put(&records(0..1)).await.unwrap();
    let (client, connection) = {
        let login = format!("host=127.0.0.1 port={} user=postgres password={PASSWORD}", server.port);
        tokio_postgres::connect(&login, tokio_postgres::NoTls).await.unwrap()
    };
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let error = task.put(&records(1..2)).await.unwrap_err();
    assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
    assert!(error.to_string().contains("`request.timeout.ms`"), "{error}");
    drop(client);
    let _ = connection.await;
    task.put(&records(1..2)).await.unwrap();
    assert_eq!(offsets(&server), "0 1");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_warning_at_first_and_tried_again_later() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port().to_string();
    let raw = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", &port),
        ("connection.user", "postgres"),
        ("connection.database", "postgres"),
        ("request.timeout.ms", "200"),
    ];
    let raw = raw.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let found = issues(&raw).await;
    assert!(!found[0].is_error() && found[0].message.contains("does not answer"), "{found:?}");
    let error = try_started(&raw).await.err().unwrap();
    assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
}

#[tokio::test]
async fn topics_that_come_together_go_to_a_table_each() {
    let server = Server::start();
    let mut task = try_started(&config(&server, &[])).await.unwrap();
    let (a, b) = (TopicPartition::new("a", 0), TopicPartition::new("b.\"c\"", 1));
    task.open(&[a.clone(), b.clone()]).await.unwrap();
    let mut renamed = record(&a, 1, "{}");
    renamed.topic = "other".into();
    task.put(&[record(&a, 0, "{}"), record(&b, 0, "{}"), renamed, record(&b, 1, "{}")]).await.unwrap();
    let coordinates = "string_agg(topic || ' ' || partition || ' ' || kafka_offset, ', ' ORDER BY kafka_offset)";
    let held = |table: &str| server.sql(&format!("SELECT {coordinates} FROM {table}")).join("");
    assert_eq!(held("a"), "a 0 0");
    assert_eq!(held("\"b.\"\"c\"\"\""), "b.\"c\" 1 0, b.\"c\" 1 1");
    assert_eq!(held("other"), "a 0 1");
    let next = server.sql("SELECT topic, next_offset FROM naru_offsets ORDER BY topic");
    assert_eq!(next, ["a|2", "b.\"c\"|2"]);
}

#[tokio::test]
async fn tasks_that_make_one_table_at_the_same_time_get_along() {
    let server = Server::start();
    let raw = config(&server, &[]);
    let write = async |partition: i32| {
        let partition = TopicPartition::new("t", partition);
        let mut task = loop {
            match try_started(&raw).await {
                Ok(task) => break task,
                Err(error) => assert!(error.may_heal(), "{error:?}"),
            }
        };
        task.open(std::slice::from_ref(&partition)).await.unwrap();
        while let Err(error) = task.put(&[record(&partition, 0, "{}")]).await {
            assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
        }
    };
    tokio::join!(write(0), write(1), write(2), write(3), write(4));
    assert_eq!(server.sql("SELECT count(*) FROM t"), ["5"]);
}
