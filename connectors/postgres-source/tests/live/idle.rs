//! Tables at rest must not hold the server's log back, and a worker that does not poll must not lose its place.

use std::time::Duration;

use crate::driver::{Driver, on_a_task_thread};
use crate::shared::{SERVER, config_of, database};
use postgres_source::test_server::TestServer;

fn behind(server: &TestServer, slot: &str) -> i64 {
    let query = format!(
        "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::int8 FROM pg_replication_slots WHERE slot_name = '{slot}'"
    );
    server.value("postgres", &query).parse().unwrap()
}

#[test]
fn log_of_other_tables_is_let_go_while_ours_are_at_rest() {
    let server = TestServer::start(&["max_wal_size = 64MB", "shared_buffers = 64MB"]);
    server.create_database("idle", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    server.create_database("busy", "CREATE TABLE other (v text)");
    let config = config_of(&server, "idle");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.take(1).await;
        server.sql("busy", "INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 70000)");
        let written = behind(&server, "slot_idle");
        assert!(written > 70_000_000, "only {written} bytes of log");
        driver
            .until("the slot to move on", |_, records| {
                assert!(records.is_empty(), "positions move without records");
                behind(&server, "slot_idle") < 1_000_000
            })
            .await;
        let stored = driver.stored.as_ref().unwrap().1.number("naru_end_lsn").unwrap();
        let confirmed =
            server.value("postgres", "SELECT (confirmed_flush_lsn - '0/0')::int8 FROM pg_replication_slots");
        assert!(confirmed.parse::<i64>().unwrap() <= stored, "never more than is stored");
        server.sql("idle", "INSERT INTO t VALUES (2)");
        driver.take(1).await;
        driver.stop().await;
    });
}

#[test]
fn a_worker_that_does_not_poll_keeps_its_stream_and_its_memory() {
    let server = TestServer::start(&["wal_sender_timeout = 1s"]);
    server.create_database("paused", "CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = config_of(&server, "paused");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        let pid = || server.value("postgres", "SELECT active_pid FROM pg_replication_slots");
        let first = pid();
        let mut client = server.client("paused").await;
        client.sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g").await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(pid(), first, "the server heard from us all the while");
        let records = driver.take(20_000).await;
        assert_eq!(records.len(), 20_000);
        assert_eq!(pid(), first);
        driver.stop().await;
    });
}

#[test]
fn an_empty_poll_takes_no_longer_than_it_may() {
    let config = database("waiting", "CREATE TABLE t (id int PRIMARY KEY)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        driver.limits.wait = Duration::from_millis(200);
        let since = tokio::time::Instant::now();
        assert!(driver.poll().await.is_empty());
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        driver.limits.wait = Duration::from_secs(20);
        let since = tokio::time::Instant::now();
        SERVER.sql("waiting", "INSERT INTO t VALUES (1)");
        assert_eq!(driver.poll().await.len(), 1);
        assert!(
            since.elapsed() < Duration::from_secs(2),
            "a lone change is handed over at once: {:?}",
            since.elapsed()
        );
        driver.stop().await;
    });
}
