//! Tables that change while they are read.

use std::sync::Arc;

use connector_api::SourceRecord;
use connector_api::data::Payload;
use serde_json::json;

use crate::driver::{Driver, on_a_task_thread};
use crate::json::plain;
use crate::shared::{SERVER, database, with};

fn schema(record: &SourceRecord) -> &Arc<connector_api::data::Schema> {
    match &record.value {
        Payload::Structured { schema: Some(schema), .. } => schema,
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_that_are_added_renamed_retyped_and_dropped_show_from_the_next_row_on() {
    let config = database("altered", "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let read = driver.take(1).await;
        SERVER.sql("altered", "INSERT INTO t VALUES (2, 'b')");
        SERVER.sql(
            "altered",
            "BEGIN; INSERT INTO t VALUES (3, 'c'); ALTER TABLE t ADD COLUMN extra int DEFAULT 5; \
            INSERT INTO t VALUES (4, 'd', 6); COMMIT",
        );
        SERVER.sql("altered", "ALTER TABLE t RENAME COLUMN v TO vv");
        SERVER.sql("altered", "INSERT INTO t VALUES (5, 'e', 7)");
        SERVER.sql("altered", "ALTER TABLE t ALTER COLUMN extra TYPE text");
        SERVER.sql("altered", "UPDATE t SET extra = 'x' WHERE id = 5");
        SERVER.sql("altered", "ALTER TABLE t DROP COLUMN vv");
        SERVER.sql("altered", "INSERT INTO t VALUES (6, 'y')");
        let records = driver.take(6).await;
        let after: Vec<_> = records.iter().map(|record| plain(&record.value)["after"].clone()).collect();
        let expected = [
            json!({ "id": 2, "v": "b" }),
            json!({ "id": 3, "v": "c" }),
            json!({ "id": 4, "v": "d", "extra": 6 }),
            json!({ "id": 5, "vv": "e", "extra": 7 }),
            json!({ "id": 5, "vv": "e", "extra": "x" }),
            json!({ "id": 6, "extra": "y" }),
        ];
        assert_eq!(after, expected);
        assert!(!Arc::ptr_eq(schema(&read[0]), schema(&records[0])) && schema(&read[0]) == schema(&records[0]));
        assert!(Arc::ptr_eq(schema(&records[0]), schema(&records[1])), "one schema for each version of the table");
        driver.stop().await;
    });
}

#[test]
fn a_change_that_records_do_not_show_keeps_the_schema() {
    let config = database("same_schema", "CREATE TABLE t (id int PRIMARY KEY, v text)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        SERVER.sql("same_schema", "INSERT INTO t VALUES (1, 'a')");
        let first = driver.take(1).await;
        SERVER.sql("same_schema", "ALTER TABLE t SET (fillfactor = 50); CREATE INDEX ON t (v); ANALYZE t");
        SERVER.sql("same_schema", "INSERT INTO t VALUES (2, 'b')");
        let second = driver.take(1).await;
        assert!(Arc::ptr_eq(schema(&first[0]), schema(&second[0])));
        driver.stop().await;
    });
}

#[test]
fn a_new_primary_key_and_a_new_enum_word_are_followed() {
    let config = database(
        "rekeyed",
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL, m mood)",
    );
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        SERVER.sql("rekeyed", "INSERT INTO t VALUES (1, 2, 'sad')");
        let first = driver.take(1).await;
        assert_eq!(plain(&first[0].key), json!({ "a": 1 }));
        SERVER.sql("rekeyed", "ALTER TYPE mood ADD VALUE 'happy'");
        SERVER.sql("rekeyed", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b)");
        SERVER.sql("rekeyed", "INSERT INTO t VALUES (3, 4, 'happy')");
        let second = driver.take(1).await;
        assert_eq!(plain(&second[0].key), json!({ "b": 4 }));
        assert!(format!("{:?}", schema(&second[0])).contains("sad,happy"));
        driver.stop().await;
    });
}

#[test]
fn a_table_that_is_made_later_is_captured_from_an_all_tables_publication() {
    let config = database("later", "CREATE TABLE t (id int PRIMARY KEY)");
    let settings = [("publication.autocreate.mode", "all_tables"), ("table.include.list", "public.(t|u)")];
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, &settings), None).await;
        SERVER.sql("later", "INSERT INTO t VALUES (1)");
        driver.take(1).await;
        SERVER.sql(
            "later",
            "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1); CREATE TABLE w (id int \
            PRIMARY KEY); INSERT INTO w VALUES (1); INSERT INTO u VALUES (2)",
        );
        let found: Vec<_> = driver
            .take(2)
            .await
            .iter()
            .map(|record| (record.topic.to_string(), plain(&record.key)["id"].clone()))
            .collect();
        assert_eq!(found, [("p.public.u".to_owned(), json!(1)), ("p.public.u".to_owned(), json!(2))]);
        driver.stop().await;
    });
}

#[test]
fn a_table_that_is_dropped_before_its_rows_are_read_is_still_read() {
    let config = database("dropped", "CREATE TABLE t (id int PRIMARY KEY, v text)");
    on_a_task_thread(async {
        let stored = {
            let mut driver = Driver::start(&config, None).await;
            driver.until("a position", |driver, _| driver.stored.is_some()).await;
            driver.stop().await
        };
        SERVER.sql("dropped", "CREATE TABLE u (id int PRIMARY KEY)");
        SERVER.sql("dropped", "INSERT INTO t VALUES (1, 'a')");
        SERVER.sql("dropped", "DROP TABLE t");
        let mut driver = Driver::start(&config, stored).await;
        let found = driver.take(1).await;
        assert_eq!(plain(&found[0].value)["after"], json!({ "id": 1, "v": "a" }));
        assert_eq!(plain(&found[0].key), json!({ "id": 1 }));
        driver.stop().await;
    });
}
