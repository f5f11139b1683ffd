//! A table whose rows count up, and what of it must be in a topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use naru_tests::{Seen, until};
use postgres_source::test_server::{PASSWORD, TestServer, USER};
use serde_json::{Value as Json, json};

/// Rows of the table.
const KEYS: i64 = 10;

/// A server with the table, which a thread counts up until it is told to stop.
pub(super) struct Counters {
    pub(super) server: Arc<TestServer>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Counters {
    pub(super) fn start() -> Counters {
        let server = Arc::new(TestServer::start(&[]));
        server.create_database(
            "shop",
            &format!(
                "CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL);
                 INSERT INTO counters SELECT id, 0 FROM generate_series(0, {}) id;",
                KEYS - 1
            ),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let (writing, stopped) = (server.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for round in 0u64.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                writing.sql("shop", &format!("UPDATE counters SET n = n + 1 WHERE (id + {round}) % 4 = 0"));
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Counters { server, stop, thread: Some(thread) }
    }

    /// A connector that takes the table to `<name>.public.counters`, as Debezium's documentation has it.
    pub(super) fn source(&self, name: &str) -> Json {
        json!({
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
            "database.hostname": "127.0.0.1", "database.port": self.server.port().to_string(),
            "database.user": USER, "database.password": PASSWORD, "database.dbname": "shop",
            "plugin.name": "pgoutput", "slot.name": name, "publication.name": name,
            "publication.autocreate.mode": "filtered", "topic.prefix": name, "table.include.list": "public.counters",
        })
    }

    /// Stops counting.
    pub(super) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join).transpose().unwrap();
    }

    /// Waits until the last count of each row is in the topic. No row skips one; returns how many came more than once, and how
    /// many there are.
    pub(super) fn check(&self, read: impl Fn() -> Vec<Seen>) -> (usize, usize) {
        let rows = self.server.sql("shop", "SELECT id, n FROM counters");
        let number = |text: &Option<String>| text.as_ref().unwrap().parse::<i64>().unwrap();
        let last: BTreeMap<i64, i64> = rows.iter().map(|row| (number(&row[0]), number(&row[1]))).collect();
        until("the last count of every row is in the topic", || {
            let seen = counts(&read());
            last.iter().all(|(id, n)| seen.iter().any(|found| found == &(*id, *n)))
        });
        let (seen, mut highest, mut again) = (counts(&read()), BTreeMap::<i64, i64>::new(), 0);
        for (id, n) in &seen {
            let top = highest.get(id).copied();
            assert!(top.is_none_or(|top| *n <= top + 1), "row {id} skips from {top:?} to {n}");
            again += usize::from(top.is_some_and(|top| *n <= top));
            highest.insert(*id, top.unwrap_or(*n).max(*n));
        }
        assert_eq!(highest, last);
        (again, seen.len())
    }
}

/// Row and count of each event.
fn counts(events: &[Seen]) -> Vec<(i64, i64)> {
    let count = |event: &Seen| {
        let value: Json = serde_json::from_str(event.value.as_deref().unwrap()).unwrap();
        let after = &value["after"];
        (after["id"].as_i64().unwrap(), after["n"].as_i64().unwrap())
    };
    events.iter().map(count).collect()
}

impl Drop for Counters {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
