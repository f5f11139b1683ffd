//! Postgres into topics, through kills, stops and restarts of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use naru_tests::{Worker, until};
use postgres_source::test_server::{PASSWORD, Shutdown, TestServer, USER};
use serde_json::{Value as Json, json};

/// Keys that the writer counts up.
const KEYS: i64 = 20;

fn server() -> TestServer {
    let server = TestServer::start(&[]);
    server.create_database(
        "shop",
        &format!(
            "CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL, fill text);
             INSERT INTO counters SELECT id, 0, repeat('x', 100) FROM generate_series(0, {}) id;",
            KEYS - 1
        ),
    );
    server
}

fn source(server: &TestServer) -> Json {
    json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": server.port().to_string(),
        "database.user": USER,
        "database.password": PASSWORD,
        "database.dbname": "shop",
        "topic.prefix": "shop",
        "table.include.list": "public.counters",
    })
}

/// Counts keys up, a few in each transaction, until it is told to stop.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(server: &Arc<TestServer>, pause: Duration) -> Writer {
        let (server, stop) = (server.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut round = 0;
            while !stopped.load(Ordering::Relaxed) {
                round += 1;
                let first = round * 7 % KEYS;
                let statement = format!("UPDATE counters SET n = n + 1 WHERE (id + {first}) % 4 = 0");
                // The server may be restarting.
                let _ = server.try_sql("shop", &statement);
                std::thread::sleep(pause);
            }
        });
        Writer { stop, thread: Some(thread) }
    }

    fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join).transpose().unwrap();
    }
}

/// Events of the topic: operation, key and count, in the order of the topic.
fn events(worker: &Worker) -> Vec<(String, i64, i64)> {
    let event = |value: String| {
        let value: Json = serde_json::from_str(&value).unwrap();
        let after = &value["after"];
        (value["op"].as_str().unwrap().to_owned(), after["id"].as_i64().unwrap(), after["n"].as_i64().unwrap())
    };
    worker.topics().values("shop.public.counters").into_iter().map(event).collect()
}

/// Each key's count goes up by one from event to event; it may go back, where something is repeated, but never skip.
/// Returns how many events were repeats.
fn check(events: &[(String, i64, i64)], server: &TestServer) -> usize {
    let mut next: BTreeMap<i64, i64> = BTreeMap::new();
    let mut highest: BTreeMap<i64, i64> = BTreeMap::new();
    let mut repeats = 0;
    for (operation, id, n) in events {
        match next.get(id) {
            None => assert_eq!(operation, "r", "the first event of {id} is its snapshot"),
            Some(next) => assert!(n <= next, "{id} skips from {} to {n}", next - 1),
        }
        let top = highest.entry(*id).or_insert(-1);
        repeats += usize::from(n <= top);
        *top = (*top).max(*n);
        next.insert(*id, n + 1);
    }
    for row in server.sql("shop", "SELECT id, n FROM counters") {
        let (id, n): (i64, i64) =
            (row[0].as_ref().unwrap().parse().unwrap(), row[1].as_ref().unwrap().parse().unwrap());
        assert_eq!(next[&id], n + 1, "the last event of {id}");
    }
    repeats
}

fn wait_for_everything(worker: &Worker, server: &TestServer) {
    until("the last change of every key is in the topic", || {
        let events = events(worker);
        server.sql("shop", "SELECT id, n FROM counters").iter().all(|row| {
            let (id, n) = (row[0].as_ref().unwrap(), row[1].as_ref().unwrap());
            let last = events.iter().rev().find(|(_, key, _)| key.to_string() == *id);
            last.is_some_and(|(_, _, found)| found.to_string() == *n)
        })
    });
}

fn streaming(worker: &Worker) {
    until("it streams", || worker.topics().read("shop.public.counters").len() > KEYS as usize);
}

#[test]
fn twenty_kills_lose_no_change_of_postgres_and_repeat_at_most_a_commit_window() {
    let server = Arc::new(server());
    let mut worker = Worker::start(&["offset.flush.interval.ms=300"]);
    let (since, writer) = (Instant::now(), Writer::start(&server, Duration::from_micros(300)));
    worker.rest().create("shop", source(&server));
    streaming(&worker);
    std::thread::sleep(Duration::from_secs(1));
    for round in 0..20u64 {
        std::thread::sleep(Duration::from_millis(round * 37 % 700));
        worker.kill();
        worker.start_again();
    }
    std::thread::sleep(Duration::from_secs(2));
    writer.stop();
    wait_for_everything(&worker, &server);
    let events = events(&worker);
    let repeats = check(&events, &server);
    assert!(events.len() > 2000, "only {} events: the run proves nothing", events.len());
    // A window is 0.3 s; with as much again and more for a machine that is busy with other tests.
    let of_a_second = events.len() as f64 / since.elapsed().as_secs_f64();
    let most = (20.0 * of_a_second) as usize;
    assert!(repeats < most, "{repeats} of {} events are repeats, {most} would be a second for each kill", events.len());
}

#[test]
fn a_clean_stop_under_load_leaves_no_gap_and_no_repeat_of_postgres() {
    let server = Arc::new(server());
    let mut worker = Worker::start(&[]);
    let writer = Writer::start(&server, Duration::from_millis(1));
    worker.rest().create("shop", source(&server));
    streaming(&worker);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(700));
        assert!(worker.terminate().success());
        worker.start_again();
    }
    std::thread::sleep(Duration::from_millis(700));
    writer.stop();
    wait_for_everything(&worker, &server);
    assert_eq!(check(&events(&worker), &server), 0, "repeats");
}

#[test]
fn a_restart_of_postgres_is_bridged_without_loss_or_repeat() {
    let server = Arc::new(server());
    let worker = Worker::start(&[]);
    worker.rest().create("shop", source(&server));
    until("it has the snapshot", || worker.topics().read("shop.public.counters").len() == KEYS as usize);
    for how in [Shutdown::Fast, Shutdown::Immediate] {
        let writer = Writer::start(&server, Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(800));
        server.stop(how);
        std::thread::sleep(Duration::from_millis(1500));
        server.go();
        std::thread::sleep(Duration::from_millis(800));
        writer.stop();
        wait_for_everything(&worker, &server);
    }
    assert_eq!(check(&events(&worker), &server), 0, "repeats");
    worker.rest().wait_for_task("shop", 0, "RUNNING");
}

#[test]
fn the_slot_is_confirmed_no_further_than_the_log_and_the_stored_position() {
    let server = Arc::new(server());
    let worker = Worker::start(&["offset.flush.interval.ms=200"]);
    let writer = Writer::start(&server, Duration::from_millis(1));
    worker.rest().create("shop", source(&server));
    streaming(&worker);
    let confirmed = || {
        let text = server.value("shop", "SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots");
        text.parse::<i64>().unwrap()
    };
    let stored = || {
        let offsets = worker.rest().get("/connectors/shop/offsets").body;
        let offset = offsets["offsets"][0]["offset"].as_object()?.clone();
        offset.iter().find(|(name, _)| name.contains("end_lsn"))?.1.as_i64()
    };
    until("a position of the stream is stored", || stored().is_some());
    let start = confirmed();
    for _ in 0..50 {
        // Asked in this order: the position may only have moved on by the time it is read.
        let (confirmed, stored) = (confirmed(), stored().unwrap());
        assert!(confirmed <= stored, "the slot is at {confirmed}, the stored position at {stored}");
        std::thread::sleep(Duration::from_millis(20));
    }
    writer.stop();
    until("the slot moves on", || confirmed() > start);
}

#[test]
fn what_is_wrong_with_a_database_is_said_in_a_sentence_and_never_with_the_password() {
    let server = Arc::new(server());
    let mut worker = Worker::start(&[]);
    let rest = worker.rest();
    let path = "/connector-plugins/PostgresConnector/config/validate";
    let errors = |key: &str, value: &str| {
        let mut config = source(&server);
        config["name"] = json!("shop");
        config[key] = json!(value);
        let reply = rest.put(path, &config);
        let found = reply.body["configs"].as_array().unwrap().iter().map(|one| one["value"]["errors"].to_string());
        found.collect::<String>()
    };
    let wrong = "canary-wrong-password";
    assert!(errors("database.password", wrong).contains("password"), "{}", errors("database.password", wrong));
    assert!(errors("database.dbname", "nowhere").contains("nowhere"));
    let none = errors("table.include.list", "public.nothing");
    assert!(none.contains("No table of `shop` is captured: it has `public.counters`"), "{none}");
    assert!(errors("database.port", "1").contains("127.0.0.1:1"));
    rest.create("shop", source(&server));
    streaming_or_snapshot(&worker);
    let mut changed = source(&server);
    changed["database.password"] = json!(wrong);
    assert_eq!(rest.put("/connectors/shop/config", &changed).status, 400);
    let shown = rest.get("/connectors/shop/config").body;
    assert!(shown["database.password"].as_str().unwrap().starts_with("${sealed:"), "{shown}");
    assert_eq!(rest.put("/connectors/shop/config", &shown).status, 200, "what was read can be sent back");
    rest.wait_for_task("shop", 0, "RUNNING");
    let mut everything = vec![worker.log()];
    for path in [
        "/connectors?expand=status&expand=info",
        "/connectors/shop/tasks",
        "/connectors/shop/status",
        "/connectors/shop/offsets",
    ] {
        everything.push(rest.get(path).body.to_string());
    }
    for topic in ["naru-configs", "naru-offsets", "naru-status"] {
        everything.extend(worker.topics().values(topic));
    }
    assert!(worker.terminate().success());
    for text in everything {
        assert!(!text.contains(PASSWORD) && !text.contains(wrong), "a password shows in: {text}");
    }
}

fn streaming_or_snapshot(worker: &Worker) {
    until("it has the snapshot", || worker.topics().read("shop.public.counters").len() >= KEYS as usize);
}

#[test]
fn a_snapshot_shows_how_much_of_each_table_is_done() {
    let server = server();
    server.sql(
        "shop",
        "CREATE TABLE big AS SELECT n id, repeat('y', 300) fill FROM generate_series(1, 300000) n; ANALYZE",
    );
    let worker = Worker::start(&[]);
    let mut config = source(&server);
    config["table.include.list"] = json!("public.big,public.counters");
    // Slow enough to be seen on any machine.
    config["rate.limit.records.per.second"] = json!("60000");
    worker.rest().create("shop", config);
    let (mut between, mut finished) = (false, false);
    until("the snapshot is finished", || {
        let status = worker.rest().get("/connectors/shop/tasks/0/status").body;
        for piece in status["progress"].as_array().into_iter().flatten() {
            if piece["name"].as_str().unwrap().contains("big") {
                between |= (1..100).contains(&piece["percent"].as_i64().unwrap_or(0));
                finished |= piece["finished"] == true && piece["done"] == 300_000;
            }
        }
        finished
    });
    assert!(between, "a share between nothing and all was never shown");
    assert!(worker.log().contains("big"), "the log tells of it too: {}", worker.log());
}
