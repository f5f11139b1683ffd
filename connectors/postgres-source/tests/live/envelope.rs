//! Envelopes, keys, headers, tombstones and topics, as Debezium 3.7.0 makes them.

use connector_api::SourceRecord;
use connector_api::data::Payload;
use serde_json::{Value as Json, json};

use crate::driver::{Driver, on_a_task_thread};
use crate::json::{line, payload, plain};
use crate::shared::{SERVER, database, with};

/// What matters of a record: topic, operation, key, before, after, and the names and values of its headers.
fn summary(record: &SourceRecord) -> Json {
    let value = plain(&record.value);
    let headers: Vec<Json> = record.headers.iter().map(|header| json!([&*header.name, plain(&header.value)])).collect();
    let (topic, key) = (&*record.topic, plain(&record.key));
    if record.value.is_null() {
        return json!({ "topic": topic, "key": key, "tombstone": true, "headers": headers });
    }
    let [op, before, after] = ["op", "before", "after"].map(|field| value[field].clone());
    json!({ "topic": topic, "key": key, "op": op, "before": before, "after": after, "headers": headers })
}

fn summaries(records: &[SourceRecord]) -> Vec<Json> {
    records.iter().map(summary).collect()
}

/// A database with these tables, and a driver that has read its snapshot of so many rows.
async fn streaming(name: &str, tables: &str, rows: usize, settings: &[(&str, &str)]) -> Driver {
    let config = database(name, tables);
    let mut driver = Driver::start(&with(&config, settings), None).await;
    driver.take(rows).await;
    driver.streaming().await;
    driver
}

#[test]
fn the_whole_envelope_is_debeziums() {
    let config = database("envelope", "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let read = driver.take(1).await;
        SERVER.sql("envelope", "INSERT INTO t VALUES (2, 'b')");
        let streamed = driver.take(1).await;
        for record in [&read[0], &streamed[0]] {
            let Payload::Structured { schema: Some(schema), .. } = &record.value else { panic!() };
            assert_eq!(&*record.topic, "p.public.t");
            assert_eq!((record.partition, record.timestamp), (None, None));
            let lines: Vec<String> =
                schema.fields().iter().map(|f| format!("{}: {}", f.name, line(&f.schema))).collect();
            let row = "struct<id: int32, v: string?>? p.public.t.Value";
            let snapshot = "string? io.debezium.data.Enum v1 {allowed=true,first,first_in_data_collection,\
                            last_in_data_collection,last,false,incremental} = \"false\"";
            let source = format!(
                "struct<version: string, connector: string, name: string, ts_ms: int64, snapshot: {snapshot}, db: \
                string, \
                 sequence: string?, ts_us: int64?, ts_ns: int64?, schema: string, table: string, txId: int64?, lsn: \
                 int64?, \
                 xmin: int64?, origin: string?, origin_lsn: int64?> io.debezium.connector.postgresql.Source v1"
            );
            let transaction = "struct<id: string, total_order: int64, data_collection_order: int64>? event.block v1";
            let expected = [
                format!("before: {row}"),
                format!("after: {row}"),
                format!("source: {source}"),
                format!("transaction: {transaction}"),
                "op: string".into(),
                "ts_ms: int64?".into(),
                "ts_us: int64?".into(),
                "ts_ns: int64?".into(),
            ];
            assert_eq!(lines, expected);
            assert_eq!((schema.name.as_deref(), schema.version), (Some("p.public.t.Envelope"), Some(2)));
        }
        let key = json!({ "type": "struct", "optional": false, "name": "p.public.t.Key",
            "fields": [{ "type": "int32", "optional": false, "field": "id" }] });
        assert_eq!(payload(&read[0].key), json!({ "schema": key, "payload": { "id": 1 } }));
        let value = plain(&streamed[0].value);
        let source = &value["source"];
        assert_eq!((&value["op"], &value["before"], &value["transaction"]), (&json!("c"), &Json::Null, &Json::Null));
        assert_eq!(value["after"], json!({ "id": 2, "v": "b" }));
        assert_eq!(
            (&source["connector"], &source["name"], &source["db"]),
            (&json!("postgresql"), &json!("p"), &json!("envelope"))
        );
        assert_eq!(
            (&source["schema"], &source["table"], &source["snapshot"]),
            (&json!("public"), &json!("t"), &json!("false"))
        );
        assert_eq!(source["sequence"], format!("[null,\"{}\"]", source["lsn"]), "no transaction has ended yet");
        assert!(source["txId"].is_i64() && source["ts_us"].as_i64() > Some(1_600_000_000_000_000));
        assert_eq!(source["ts_ms"].as_i64().unwrap(), source["ts_us"].as_i64().unwrap() / 1000);
        driver.stop().await;
    });
}

#[test]
fn rows_of_a_snapshot_say_where_they_stand() {
    let tables = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int \
        PRIMARY KEY); \
        CREATE TABLE empty (id int PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (2), (3), (4); \
        INSERT INTO c VALUES (1), (2)";
    let config = database("markers", tables);
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let records = driver.take(7).await;
        let marker = |record: &SourceRecord| {
            let value = plain(&record.value);
            assert_eq!(value["op"], "r");
            format!("{} {}", value["source"]["table"].as_str().unwrap(), value["source"]["snapshot"].as_str().unwrap())
        };
        let markers: Vec<String> = records.iter().map(marker).collect();
        let expected = [
            "a first",
            "b first_in_data_collection",
            "b true",
            "b true",
            "b last_in_data_collection",
            "c first_in_data_collection",
            "c last",
        ];
        assert_eq!(markers, expected);
        let progress = driver.heard.progress.lock().unwrap().clone();
        let shown: Vec<_> = progress.values().map(|p| (p.name.as_str(), p.done, p.total, p.finished)).collect();
        let done = |name, rows| (name, rows, Some(rows), true);
        assert_eq!(shown, [done("public.a", 1), done("public.b", 4), done("public.c", 2), done("public.empty", 0)]);
        driver.stop().await;
    });
}

#[test]
fn updates_and_deletes_show_what_the_replica_identity_shows() {
    let tables = "CREATE TABLE full_id (id int PRIMARY KEY, v text); ALTER TABLE full_id REPLICA IDENTITY FULL; \
        CREATE TABLE by_key (id int PRIMARY KEY, v text, n int NOT NULL, d int NOT NULL DEFAULT 4); \
        CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL, v text); \
        CREATE UNIQUE INDEX by_index_code ON by_index (code); ALTER TABLE by_index REPLICA IDENTITY USING INDEX \
        by_index_code; \
        CREATE TABLE keyless (a int, b text); ALTER TABLE keyless REPLICA IDENTITY FULL";
    on_a_task_thread(async {
        let mut driver = streaming("identities", tables, 0, &[]).await;
        SERVER.sql(
            "identities",
            "INSERT INTO full_id VALUES (1, 'a'); UPDATE full_id SET v = 'b'; DELETE FROM full_id; \
             INSERT INTO by_key VALUES (1, 'a', 7); UPDATE by_key SET v = 'b'; DELETE FROM by_key; \
             INSERT INTO by_index VALUES (1, 'c', 'a'); UPDATE by_index SET v = 'b'; DELETE FROM by_index; \
             INSERT INTO keyless VALUES (1, 'x'); UPDATE keyless SET b = 'y'; DELETE FROM keyless",
        );
        let found = summaries(&driver.take(15).await);
        let event = |topic: &str, key: Json, op: &str, before: Json, after: Json| json!({ "topic": topic, "key": key, "op": op, "before": before, "after": after, "headers": [] });
        let tombstone =
            |topic: &str, key: Json| json!({ "topic": topic, "key": key, "tombstone": true, "headers": [] });
        let (null, id) = (Json::Null, json!({ "id": 1 }));
        let full = |v: &str| json!({ "id": 1, "v": v });
        let keyed = |v: &str| json!({ "id": 1, "v": v, "n": 7, "d": 4 });
        let code = json!({ "code": "c" });
        let indexed = |v: &str| json!({ "id": 1, "code": "c", "v": v });
        let keyless = |b: &str| json!({ "a": 1, "b": b });
        let expected = [
            event("p.public.full_id", id.clone(), "c", null.clone(), full("a")),
            event("p.public.full_id", id.clone(), "u", full("a"), full("b")),
            event("p.public.full_id", id.clone(), "d", full("b"), null.clone()),
            tombstone("p.public.full_id", id.clone()),
            event("p.public.by_key", id.clone(), "c", null.clone(), keyed("a")),
            event("p.public.by_key", id.clone(), "u", null.clone(), keyed("b")),
            // What the server does not send is null, or what stands for it where null is not allowed.
            event("p.public.by_key", id.clone(), "d", json!({ "id": 1, "v": null, "n": 0, "d": 4 }), null.clone()),
            tombstone("p.public.by_key", id),
            event("p.public.by_index", code.clone(), "c", null.clone(), indexed("a")),
            event("p.public.by_index", code.clone(), "u", null.clone(), indexed("b")),
            event("p.public.by_index", code.clone(), "d", json!({ "id": 0, "code": "c", "v": null }), null.clone()),
            tombstone("p.public.by_index", code),
            event("p.public.keyless", null.clone(), "c", null.clone(), keyless("x")),
            event("p.public.keyless", null.clone(), "u", keyless("x"), keyless("y")),
            event("p.public.keyless", null.clone(), "d", keyless("y"), null.clone()),
        ];
        assert_eq!(found, expected);
        driver.stop().await;
    });
}

#[test]
fn a_changed_key_is_a_deletion_and_a_creation_that_name_each_other() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    on_a_task_thread(async {
        let mut driver = streaming("moved", tables, 0, &[]).await;
        SERVER.sql("moved", "INSERT INTO t VALUES (1, 'a'); UPDATE t SET id = 2");
        let found = summaries(&driver.take(4).await);
        let (old, new) = (json!({ "id": 1 }), json!({ "id": 2 }));
        let newkey = json!([["__debezium.newkey", new]]);
        let oldkey = json!([["__debezium.oldkey", old]]);
        let expected = [
            json!({ "topic": "p.public.t", "key": old, "op": "d", "before": { "id": 1, "v": null }, "after": null, "headers": newkey }),
            json!({ "topic": "p.public.t", "key": old, "tombstone": true, "headers": newkey }),
            json!({ "topic": "p.public.t", "key": new, "op": "c", "before": null, "after": { "id": 2, "v": "a" }, "headers": oldkey }),
        ];
        assert_eq!(found[1..], expected);
        driver.stop().await;
    });
}

#[test]
fn tombstones_and_operations_can_be_left_out() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    on_a_task_thread(async {
        let settings = [("tombstones.on.delete", "false"), ("skipped.operations", "u")];
        let mut driver = streaming("skipped", tables, 0, &settings).await;
        SERVER.sql("skipped", "INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'; DELETE FROM t; TRUNCATE t");
        let ops: Vec<Json> = summaries(&driver.take(3).await).iter().map(|event| event["op"].clone()).collect();
        assert_eq!(ops, ["c", "d", "t"]);
        driver.stop().await;
    });
}

#[test]
fn a_truncate_is_an_event_of_each_table_where_it_is_wanted() {
    let tables = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)";
    on_a_task_thread(async {
        let mut driver = streaming("truncated", tables, 0, &[("skipped.operations", "none")]).await;
        driver.limits.max_records = 1;
        SERVER.sql("truncated", "INSERT INTO a VALUES (1); TRUNCATE a, b; INSERT INTO b VALUES (2)");
        let found = summaries(&driver.take(4).await);
        let truncate = |table: &str| json!({ "topic": format!("p.public.{table}"), "key": null, "op": "t", "before": null, "after": null, "headers": [] });
        assert_eq!(found[1..3], [truncate("a"), truncate("b")]);
        assert_eq!(found[3]["after"], json!({ "id": 2 }));
        driver.stop().await;
    });
}

#[test]
fn large_values_that_an_update_left_alone_have_a_placeholder() {
    let tables = "CREATE EXTENSION hstore; CREATE TABLE t (id int PRIMARY KEY, a int, big text, bignn text NOT NULL, \
        bigb bytea, \
        bigj jsonb, bigt text[], bigi int[], bigh hstore, bign numeric[]); \
        ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER bignn SET STORAGE EXTERNAL, ALTER bigb SET STORAGE \
        EXTERNAL, \
        ALTER bigj SET STORAGE EXTERNAL, ALTER bigt SET STORAGE EXTERNAL, ALTER bigi SET STORAGE EXTERNAL, \
        ALTER bigh SET STORAGE EXTERNAL, ALTER bign SET STORAGE EXTERNAL; \
        CREATE TABLE full_id (id int PRIMARY KEY, a int, big text); ALTER TABLE full_id REPLICA IDENTITY FULL; \
        ALTER TABLE full_id ALTER big SET STORAGE EXTERNAL";
    on_a_task_thread(async {
        let mut driver = streaming("toast", tables, 0, &[]).await;
        SERVER.sql(
            "toast",
            "INSERT INTO t SELECT 1, 1, repeat('x', 9000), repeat('y', 9000), repeat('z', 9000)::bytea, \
             jsonb_build_object('a', repeat('j', 9000)), ARRAY[repeat('k', 9000)], array_agg(g), hstore('a', \
             repeat('h', 9000)), \
             array_agg(g::numeric) FROM generate_series(1, 3000) g; UPDATE t SET a = 2; \
             INSERT INTO full_id VALUES (1, 1, repeat('x', 9000)); UPDATE full_id SET a = 2",
        );
        let found = summaries(&driver.take(4).await);
        let word = "__debezium_unavailable_value";
        let numbers: Vec<u8> = word.bytes().collect();
        let expected = json!({
            "id": 1, "a": 2, "big": word, "bignn": word, "bigb": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "bigj": word,
            "bigt": [word], "bigi": numbers, "bigh": format!("{{\"{word}\":\"{word}\"}}"), "bign": null
        });
        assert_eq!(found[1]["after"], expected);
        let big = "x".repeat(9000);
        assert_eq!(found[3]["after"], json!({ "id": 1, "a": 2, "big": big }), "filled from the old row");
        assert_eq!(found[3]["before"], json!({ "id": 1, "a": 1, "big": big }));
        driver.stop().await;
    });
}

#[test]
fn names_keys_and_columns_follow_the_configuration() {
    let tables = "CREATE TABLE \"Odd Näme\" (\"Id ü\" int, \"b.c\" text, \"order\" int, PRIMARY KEY (\"order\", \"Id \
        ü\")); \
        CREATE TABLE uniq (a int NOT NULL, b text NOT NULL); CREATE UNIQUE INDEX uniq_i ON uniq (b, a); \
        CREATE TABLE chosen (id int PRIMARY KEY, code text, other int, secret text); ALTER TABLE chosen REPLICA \
        IDENTITY FULL; \
        INSERT INTO \"Odd Näme\" VALUES (1, 'x', 2); INSERT INTO uniq VALUES (1, 'x'); INSERT INTO chosen VALUES (1, \
        'c', 5, 's')";
    let config = database("names", tables);
    let settings = [
        ("message.key.columns", "public.chosen:code,other"),
        ("column.exclude.list", "public.chosen.(secret|code)"),
        ("skipped.operations", "u,d,t"),
    ];
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, &settings), None).await;
        let found = summaries(&driver.take(3).await);
        let event = |topic: &str, key: Json, after: Json| json!({ "topic": topic, "key": key, "op": "r", "before": null, "after": after, "headers": [] });
        let expected = [
            event("p.public.Odd_N_me", json!({ "order": 2, "Id ü": 1 }), json!({ "Id ü": 1, "b.c": "x", "order": 2 })),
            // A column that values leave out is still part of the key.
            event("p.public.chosen", json!({ "code": "c", "other": 5 }), json!({ "id": 1, "other": 5 })),
            event("p.public.uniq", json!({ "b": "x", "a": 1 }), json!({ "a": 1, "b": "x" })),
        ];
        assert_eq!(found, expected);
        SERVER.sql("names", "INSERT INTO \"Odd Näme\" VALUES (3, 'y', 4); INSERT INTO chosen VALUES (2, 'd', 6, 's')");
        let found = summaries(&driver.take(2).await);
        assert_eq!(found[0]["key"], json!({ "order": 4, "Id ü": 3 }));
        assert_eq!(
            (&found[1]["key"], &found[1]["after"]),
            (&json!({ "code": "d", "other": 6 }), &json!({ "id": 2, "other": 6 }))
        );
        driver.stop().await;
    });
}

#[test]
fn partitions_are_tables_of_their_own_or_count_as_their_root() {
    let tables = "CREATE TABLE parted (id int, k int, PRIMARY KEY (id, k)) PARTITION BY RANGE (k); \
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); \
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (1, 5), \
        (2, 15)";
    let config = database("partitions", tables);
    let topics = |records: &[SourceRecord]| records.iter().map(|record| record.topic.to_string()).collect::<Vec<_>>();
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        assert_eq!(topics(&driver.take(2).await), ["p.public.parted_1", "p.public.parted_2"]);
        SERVER.sql("partitions", "INSERT INTO parted VALUES (3, 6)");
        assert_eq!(topics(&driver.take(1).await), ["p.public.parted_1"]);
        SERVER.sql(
            "partitions",
            "CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (20) TO (30); INSERT INTO parted VALUES (4, 25)",
        );
        assert_eq!(topics(&driver.take(1).await), ["p.public.parted_3"], "a partition that was made later");
        driver.stop().await;
    });
    on_a_task_thread(async {
        let settings = [
            ("publish.via.partition.root", "true"),
            ("slot.name", "slot_partitions_root"),
            ("publication.name", "by_root"),
        ];
        let mut driver = Driver::start(&with(&config, &settings), None).await;
        assert_eq!(topics(&driver.take(4).await), ["p.public.parted"; 4]);
        SERVER.sql("partitions", "INSERT INTO parted VALUES (5, 7)");
        assert_eq!(topics(&driver.take(1).await), ["p.public.parted"]);
        driver.stop().await;
    });
}

#[test]
fn the_publications_columns_and_conditions_hold_for_the_snapshot_too() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, shown text, hidden text); INSERT INTO t VALUES (1, 'a', 'x'), \
        (20, 'b', 'y'); \
        CREATE PUBLICATION own FOR TABLE t (id, shown) WHERE (id > 10)";
    let config = database("columns", tables);
    let settings = [("publication.name", "own"), ("publication.autocreate.mode", "disabled")];
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, &settings), None).await;
        let read = summaries(&driver.take(1).await);
        assert_eq!(read[0]["after"], json!({ "id": 20, "shown": "b" }));
        SERVER.sql("columns", "INSERT INTO t VALUES (2, 'c', 'z'), (30, 'd', 'z')");
        let streamed = summaries(&driver.take(1).await);
        assert_eq!(streamed[0]["after"], json!({ "id": 30, "shown": "d" }));
        driver.stop().await;
    });
}

#[test]
fn context_headers_come_when_they_are_asked_for() {
    let config = database("headers", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, &[("extended.headers.enabled", "true")]), None).await;
        let read = driver.take(1).await;
        let names: Vec<&str> = read[0].headers.iter().map(|header| &*header.name).collect();
        assert_eq!(
            names,
            ["connectorLogicalName", "taskId", "connectorName", "runId"].map(|n| format!("__debezium.context.{n}"))
        );
        driver.stop().await;
    });
}
