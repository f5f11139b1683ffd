//! What a start finds, and what becomes of it.

use std::time::Duration;

use connector_api::{Decision, Error, SourceOffset, SourceRecord};
use serde_json::json;

use crate::driver::{Driver, Stored, on_a_task_thread};
use crate::json::plain;
use crate::shared::{SERVER, config_of, database, with};
use postgres_source::test_server::TestServer;

fn ids(records: &[SourceRecord]) -> Vec<i64> {
    records.iter().map(|record| plain(&record.key)["id"].as_i64().unwrap()).collect()
}

/// A database whose snapshot of one row and one change are out.
async fn ran_before(name: &str) -> (connector_api::config::RawConfig, Stored) {
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let config = with(&config, &[("slot.retry.delay.ms", "100")]);
    let mut driver = Driver::start(&config, None).await;
    driver.streaming().await;
    SERVER.sql(name, "INSERT INTO t VALUES (2)");
    assert_eq!(ids(&driver.take(1).await), [2]);
    (config, driver.stop().await)
}

async fn refused(config: &connector_api::config::RawConfig, stored: Stored) -> Error {
    match Driver::try_start(config, stored).await {
        Ok(mut driver) => {
            let polled = driver.task.poll(driver.limits).await.map(|_| ());
            panic!("it started: {polled:?}, {:?}", driver.heard.activities.lock().unwrap())
        }
        Err(error) => error,
    }
}

async fn fatal(config: &connector_api::config::RawConfig, stored: Stored, word: &str) {
    let error = refused(config, stored).await;
    assert_eq!(error.decision(), &Decision::Fatal, "{error}");
    assert!(error.to_string().contains(word) && error.remedy_text().is_some(), "{error}");
}

#[test]
fn a_stopped_connector_goes_on_where_it_stopped() {
    on_a_task_thread(async {
        let (config, stored) = ran_before("goes_on").await;
        SERVER.sql("goes_on", "INSERT INTO t VALUES (3)");
        let mut driver = Driver::start(&config, stored).await;
        assert_eq!(ids(&driver.take(1).await), [3]);
        driver.stop().await;
    });
}

#[test]
fn a_lost_slot_is_fatal_and_says_what_to_do() {
    on_a_task_thread(async {
        let (config, stored) = ran_before("lost").await;
        SERVER.sql("lost", "SELECT pg_drop_replication_slot('slot_lost')");
        fatal(&config, stored.clone(), "is lost").await;
        SERVER.sql("lost", "SELECT pg_create_logical_replication_slot('slot_lost', 'pgoutput')");
        fatal(&config, stored, "something else has read from it").await;
    });
}

#[test]
fn a_slot_that_somebody_moved_is_fatal_unless_it_is_trusted() {
    on_a_task_thread(async {
        let (config, stored) = ran_before("moved_slot").await;
        SERVER.sql("moved_slot", "INSERT INTO t VALUES (3)");
        SERVER.sql("moved_slot", "SELECT pg_replication_slot_advance('slot_moved_slot', pg_current_wal_lsn())");
        SERVER.sql("moved_slot", "INSERT INTO t VALUES (4)");
        fatal(&config, stored.clone(), "something else has read from it").await;
        let mut driver = Driver::start(&with(&config, &[("offset.mismatch.strategy", "trust_slot")]), stored).await;
        assert_eq!(ids(&driver.take(1).await), [4]);
        assert!(
            driver.warnings().iter().any(|warning| warning.contains("somebody moved it on")),
            "{:?}",
            driver.warnings()
        );
        driver.stop().await;
    });
}

#[test]
fn another_cluster_behind_the_same_address_and_a_log_that_was_removed_are_fatal() {
    let server = TestServer::start(&["max_slot_wal_keep_size = 1MB", "max_wal_size = 32MB", "min_wal_size = 32MB"]);
    server.create_database("other", "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1)");
    on_a_task_thread(async {
        let (_, stored) = ran_before("cluster").await;
        let config = with(&config_of(&server, "other"), &[("slot.retry.delay.ms", "100")]);
        fatal(&config, stored, "another cluster answers").await;
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        let stored = driver.stop().await;
        for _ in 0..4 {
            server.sql(
                "other",
                "INSERT INTO t SELECT max(id) + g, repeat('x', 2000) FROM t, generate_series(1, 20000) g GROUP BY g",
            );
            server.sql("other", "DELETE FROM t WHERE id > 1; SELECT pg_switch_wal(); CHECKPOINT");
        }
        assert_eq!(server.value("other", "SELECT wal_status FROM pg_replication_slots"), "lost");
        fatal(&config, stored, "max_slot_wal_keep_size").await;
    });
}

#[test]
fn a_position_behind_the_end_of_the_log_is_fatal() {
    on_a_task_thread(async {
        let (config, stored) = ran_before("set_back").await;
        let (partition, offset) = stored.unwrap();
        let far = offset.number("naru_end_lsn").unwrap() + (1 << 40);
        let offset = offset.with("naru_end_lsn", far).with("lsn", far);
        fatal(&config, Some((partition, offset)), "set back").await;
    });
}

#[test]
fn a_slot_in_use_is_waited_for_and_then_its_user_is_named() {
    on_a_task_thread(async {
        let config = database("in_use", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        let config = with(&config, &[("slot.max.retries", "5"), ("slot.retry.delay.ms", "100")]);
        let mut first = Driver::start(&config, None).await;
        first.streaming().await;
        let stored = first.stored.clone();
        let error = refused(&config, stored.clone()).await;
        let pid = SERVER.value("in_use", "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'slot_in_use'");
        assert_eq!(error.decision(), &Decision::Fail, "{error}");
        assert!(error.to_string().contains(&format!("process {pid}")), "{error}");
        let patient = with(&config, &[("slot.max.retries", "100")]);
        let second = tokio::task::spawn_local(async move { Driver::start(&patient, stored).await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        first.stop().await;
        let mut second = second.await.unwrap();
        SERVER.sql("in_use", "INSERT INTO t VALUES (2)");
        assert_eq!(ids(&second.take(1).await), [2]);
        assert!(
            second
                .heard
                .activities
                .lock()
                .unwrap()
                .iter()
                .any(|activity| activity.contains("in use by the server's process"))
        );
        second.stop().await;
    });
}

#[test]
fn deleted_offsets_mean_a_new_snapshot_and_a_new_slot() {
    on_a_task_thread(async {
        let (config, _) = ran_before("deleted").await;
        SERVER.sql("deleted", "INSERT INTO t VALUES (3)");
        let mut driver = Driver::start(&config, None).await;
        let records = driver.take(3).await;
        assert_eq!(ids(&records), [1, 2, 3]);
        assert!(records.iter().all(|record| plain(&record.value)["op"] == "r"));
        SERVER.sql("deleted", "INSERT INTO t VALUES (4)");
        assert_eq!(ids(&driver.take(1).await), [4]);
        driver.stop().await;
    });
}

#[test]
fn without_a_snapshot_a_slot_that_is_there_is_used_from_where_it_stands() {
    on_a_task_thread(async {
        let config =
            database("adopted", "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION dbz_publication FOR TABLE t");
        SERVER.sql("adopted", "SELECT pg_create_logical_replication_slot('slot_adopted', 'pgoutput')");
        SERVER.sql("adopted", "INSERT INTO t VALUES (1)");
        let mut driver = Driver::start(&with(&config, &[("snapshot.mode", "never")]), None).await;
        let records = driver.take(1).await;
        assert_eq!((ids(&records), plain(&records[0].value)["op"].clone()), (vec![1], json!("c")));
        assert!(driver.warnings().iter().any(|warning| warning.contains("is used from where it stands")));
        driver.stop().await;
    });
}

#[test]
fn without_a_snapshot_only_changes_come_and_a_position_is_stored_before_the_first() {
    on_a_task_thread(async {
        let config = database("no_data", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        let config = with(&config, &[("snapshot.mode", "no_data")]);
        let mut driver = Driver::start(&config, None).await;
        driver.until("a position", |driver, _| driver.stored.is_some()).await;
        let stored = driver.stop().await;
        SERVER.sql("no_data", "INSERT INTO t VALUES (2)");
        let mut driver = Driver::start(&config, stored).await;
        assert_eq!(ids(&driver.take(1).await), [2]);
        driver.stop().await;
    });
}

#[test]
fn a_snapshot_alone_ends_and_leaves_no_slot() {
    on_a_task_thread(async {
        let config = database("alone", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        let config = with(&config, &[("snapshot.mode", "initial_only")]);
        let mut driver = Driver::start(&config, None).await;
        let records = driver.take(1).await;
        assert_eq!(plain(&records[0].value)["source"]["snapshot"], "last");
        SERVER.sql("alone", "INSERT INTO t VALUES (2)");
        driver.nothing_for(Duration::from_millis(500)).await;
        let stored = driver.stop().await;
        assert_eq!(
            SERVER.value("alone", "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_alone'"),
            "0"
        );
        let mut driver = Driver::start(&config, stored.clone()).await;
        driver.nothing_for(Duration::from_millis(300)).await;
        driver.stop().await;
        fatal(&with(&config, &[("snapshot.mode", "initial")]), stored, "initial_only").await;
    });
}

#[test]
fn a_slot_that_a_stop_drops_is_made_anew_with_a_new_snapshot() {
    on_a_task_thread(async {
        let config = database("drops", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        let config = with(&config, &[("slot.drop.on.stop", "true")]);
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        let stored = driver.stop().await;
        assert_eq!(
            SERVER.value("drops", "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_drops'"),
            "0"
        );
        SERVER.sql("drops", "INSERT INTO t VALUES (2)");
        let mut driver = Driver::start(&config, stored).await;
        assert_eq!(ids(&driver.take(2).await), [1, 2]);
        driver.stop().await;
    });
}

#[test]
fn what_no_retry_can_heal_is_fatal_at_once_and_what_one_can_is_retried() {
    on_a_task_thread(async {
        let config = database("wrong", "CREATE TABLE t (id int PRIMARY KEY)");
        let at = |key: &str| Decision::BadConfig { key: key.to_owned() };
        for (key, value, decision) in [
            ("database.password", "wrong", at("database.password")),
            ("database.user", "nobody", at("database.password")),
            ("database.dbname", "nowhere", at("database.dbname")),
            ("table.include.list", "public.nothing", at("table.include.list")),
            ("publication.autocreate.mode", "disabled", at("publication.name")),
        ] {
            let error = refused(&with(&config, &[(key, value)]), None).await;
            assert_eq!(error.decision(), &decision, "{error}");
            assert!(error.remedy_text().is_some(), "{error}");
        }
        let mut driver = Driver::start(&with(&config, &[("database.port", "1")]), None).await;
        let error = driver.task.poll(driver.limits).await.unwrap_err();
        assert!(matches!(error.decision(), Decision::Retry { .. }), "{error}");
        assert!(error.to_string().contains("cannot reach PostgreSQL at 127.0.0.1:1"), "{error}");
        driver.stop().await;
        let odd = Some((connector_api::SourcePartition::of("server", "p"), SourceOffset::of("x", 1)));
        fatal(&config, odd, "neither ours nor Debezium's").await;
    });
}

#[test]
fn a_slot_waits_for_running_transactions_and_says_so() {
    on_a_task_thread(async {
        let config = database("waits", "CREATE TABLE t (id int PRIMARY KEY)");
        let mut client = SERVER.client("waits").await;
        client.sql("BEGIN; INSERT INTO t VALUES (1)").await;
        let mut driver = Driver::start(&config, None).await;
        let waits = |driver: &Driver, _: &[SourceRecord]| {
            driver
                .heard
                .activities
                .lock()
                .unwrap()
                .iter()
                .any(|activity| activity.contains("waiting for running transactions; the oldest"))
        };
        driver.until("a word on what is waited for", waits).await;
        client.sql("COMMIT").await;
        assert_eq!(ids(&driver.take(1).await), [1]);
        driver.stop().await;
    });
}

#[test]
fn stop_is_quick_while_a_slot_is_being_made() {
    on_a_task_thread(async {
        let config = database("stops", "CREATE TABLE t (id int PRIMARY KEY)");
        let mut client = SERVER.client("stops").await;
        client.sql("BEGIN; INSERT INTO t VALUES (1)").await;
        let driver = Driver::start(&config, None).await;
        let since = tokio::time::Instant::now();
        driver.stop().await;
        assert!(since.elapsed() < Duration::from_secs(2));
        client.sql("COMMIT").await;
    });
}
