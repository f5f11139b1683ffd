//! From the snapshot to the stream while others write: no gap, no repeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use connector_api::SourceRecord;

use crate::driver::{Driver, on_a_task_thread};
use crate::json::plain;
use crate::shared::{SERVER, database, with};

/// Applies events to a copy of the table and checks each against it: a gap or a repeat shows at once.
#[derive(Default)]
pub struct Copy {
    pub rows: BTreeMap<i64, i64>,
    pub streamed: usize,
}

impl Copy {
    pub fn apply(&mut self, record: &SourceRecord) {
        if record.value.is_null() {
            return;
        }
        let value = plain(&record.value);
        let row =
            |side: &str| value[side].as_object().map(|row| (row["id"].as_i64().unwrap(), row["n"].as_i64().unwrap()));
        let (before, after) = (row("before"), row("after"));
        if let Some((id, n)) = before {
            assert_eq!(self.rows.remove(&id), Some(n), "before {value}");
        }
        if let Some((id, n)) = after {
            assert_eq!(self.rows.insert(id, n), None, "after {value}");
        }
        self.streamed += usize::from(value["op"] != "r");
    }
}

/// Inserts, updates and deletes rows of its own until told to stop.
fn writer(database: &'static str, number: i64, done: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = SERVER.client(database).await;
            let base = number * 1_000_000;
            for turn in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let (new, old) = (base + turn, base + turn / 2);
                let statements = format!(
                    "BEGIN; INSERT INTO t VALUES ({new}, 0); UPDATE t SET n = n + 1 WHERE id BETWEEN {old} AND {old} \
                    + 3; \
                     DELETE FROM t WHERE id = {base} + {turn} / 3; COMMIT; UPDATE t SET n = n + 1 WHERE id = {number}"
                );
                client.sql(&statements).await;
            }
        });
    })
}

#[test]
fn nothing_is_missing_and_nothing_comes_twice_while_others_write() {
    let config = database(
        "handover",
        "CREATE TABLE t (id bigint PRIMARY KEY, n int); ALTER TABLE t REPLICA IDENTITY FULL; \
         INSERT INTO t SELECT g, 0 FROM generate_series(1, 20000) g",
    );
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=3).map(|number| writer("handover", number, done.clone())).collect();
    thread::sleep(std::time::Duration::from_millis(300));
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, &[]), None).await;
        let mut copy = Copy::default();
        while copy.streamed < 3_000 {
            driver.poll().await.iter().for_each(|record| copy.apply(record));
            driver.deliver_all().await;
        }
        done.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().unwrap();
        }
        SERVER.sql("handover", "INSERT INTO t VALUES (-1, 0)");
        while !copy.rows.contains_key(&-1) {
            driver.poll().await.iter().for_each(|record| copy.apply(record));
            driver.deliver_all().await;
        }
        let table = SERVER.sql("handover", "SELECT id, n FROM t");
        let number = |value: &Option<String>| value.as_deref().unwrap().parse::<i64>().unwrap();
        let table: BTreeMap<i64, i64> = table.iter().map(|row| (number(&row[0]), number(&row[1]))).collect();
        assert_eq!(copy.rows, table);
        driver.stop().await;
    });
}
