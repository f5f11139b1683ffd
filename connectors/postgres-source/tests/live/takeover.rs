//! Taking over from Debezium: positions that it has stored, as seen with 3.7.0.

use connector_api::{SourceOffset, SourcePartition, SourceRecord};
use serde_json::{Value as Json, json};

use crate::driver::{Driver, on_a_task_thread};
use crate::json::plain;
use crate::shared::{SERVER, database};

fn offset(json: Json) -> Option<(SourcePartition, SourceOffset)> {
    let Json::Object(map) = json else { panic!() };
    Some((SourcePartition::of("server", "p"), SourceOffset(map)))
}

fn ids(records: &[SourceRecord]) -> Vec<i64> {
    records.iter().map(|record| plain(&record.key)["id"].as_i64().unwrap()).collect()
}

/// What Debezium stores after an event.
fn stored_after(record: &SourceRecord, at_row: u64) -> Json {
    let source = plain(&record.value)["source"].clone();
    let sequence: Vec<Option<String>> = serde_json::from_str(source["sequence"].as_str().unwrap()).unwrap();
    let mut stored = json!({
        "lsn_proc": source["lsn"], "lsn": source["lsn"], "lsn_events_processed": at_row, "messageType": "INSERT",
        "txId": source["txId"], "ts_usec": source["ts_us"]
    });
    if let Some(commit) = &sequence[0] {
        stored["lsn_commit"] = commit.parse::<i64>().unwrap().into();
    }
    stored
}

#[test]
fn the_stream_goes_on_behind_the_last_event_that_debezium_has_delivered() {
    let name = "takeover";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        driver.stop().await;
        SERVER.sql(name, "INSERT INTO t VALUES (1)");
        SERVER.sql(name, "BEGIN; INSERT INTO t VALUES (2); INSERT INTO t VALUES (3); INSERT INTO t VALUES (4); COMMIT");
        SERVER.sql(name, "INSERT INTO t VALUES (5)");
        // The slot is not moved by a look that is never settled.
        let confirmed = || {
            SERVER.value(
                name,
                "SELECT (confirmed_flush_lsn - '0/0')::int8 FROM pg_replication_slots WHERE slot_name \
                = 'slot_takeover'",
            )
        };
        let start = confirmed().parse::<i64>().unwrap();
        let at_start = offset(json!({ "lsn": start, "lsn_proc": start, "lsn_commit": start, "ts_usec": 0 }));
        let mut look = Driver::start(&config, at_start).await;
        let mut records = Vec::new();
        while records.len() < 5 {
            records.extend(look.poll().await);
        }
        look.stop().await;
        assert_eq!(ids(&records), [1, 2, 3, 4, 5]);
        for (seen, rest) in [(0, &[2, 3, 4, 5][..]), (2, &[4, 5]), (3, &[5])] {
            let mut driver = Driver::start(&config, offset(stored_after(&records[seen], 1))).await;
            let mut found = Vec::new();
            while found.len() < rest.len() {
                found.extend(ids(&driver.poll().await));
            }
            assert_eq!(found, rest, "after {:?}", stored_after(&records[seen], 1));
            driver.stop().await;
        }
    });
}

#[test]
fn a_finished_snapshot_of_debezium_is_gone_on_from_and_an_unfinished_one_starts_again() {
    let name = "takeover_snapshot";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    on_a_task_thread(async {
        let point = SERVER.value(
            name,
            "SELECT (lsn - '0/0')::int8 FROM pg_create_logical_replication_slot('slot_takeover_snapshot', 'pgoutput')",
        );
        let stored = |done: bool| {
            offset(json!({
                "last_snapshot_record": done, "lsn": point.parse::<i64>().unwrap(), "txId": 1, "ts_usec": 1, "snapshot": "INITIAL",
                "snapshot_completed": done
            }))
        };
        SERVER.sql(name, "CREATE PUBLICATION dbz_publication FOR ALL TABLES");
        SERVER.sql(name, "SELECT pg_replication_slot_advance('slot_takeover_snapshot', pg_current_wal_lsn())");
        let moved = Driver::try_start(&config, stored(true)).await;
        assert!(moved.is_err(), "the slot is past the snapshot's point");
        SERVER.sql(name, "SELECT pg_drop_replication_slot('slot_takeover_snapshot')");
        let point = SERVER.value(
            name,
            "SELECT (lsn - '0/0')::int8 FROM pg_create_logical_replication_slot('slot_takeover_snapshot', 'pgoutput')",
        );
        SERVER.sql(name, "INSERT INTO t VALUES (2)");
        let done = offset(json!({
            "last_snapshot_record": true, "lsn": point.parse::<i64>().unwrap(), "txId": 1, "ts_usec": 1, "snapshot": "INITIAL",
            "snapshot_completed": true
        }));
        let mut driver = Driver::start(&config, done).await;
        assert_eq!(ids(&driver.take(1).await), [2]);
        driver.stop().await;
        let mut driver = Driver::start(&config, stored(false)).await;
        assert_eq!(ids(&driver.take(2).await), [1, 2]);
        driver.stop().await;
    });
}
