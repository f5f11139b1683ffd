//! A table of a real PostgreSQL into a topic: the snapshot, then the stream, beside PostgreSQL's own clients.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use naru_tests::{Topics, Worker};
use postgres_source::test_server::{PASSWORD, TestServer, USER};
use serde_json::{Value as Json, json};

use crate::table::{Row, Table, Target, median};
use crate::usage::{Spent, run, used_by};

pub const ROWS: u64 = 1_000_000;

/// Changes in a transaction.
const TRANSACTION: u64 = 1_000;

const ROUNDS: usize = 3;

const TOPIC: &str = "bench.public.orders";

/// The publication that worker and `pg_recvlogical` read; the worker makes it.
const PUBLICATION: &str = "dbz_publication";

/// The slot of `pg_recvlogical`.
const SLOT: &str = "baseline";

const TABLE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, note text, amount numeric(12,2), \
    made timestamptz, paid boolean, token uuid, detail jsonb)";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What one round measured.
struct Round {
    copy: Spent,
    snapshot: Spent,
    receive: Spent,
    stream: Spent,
}

/// All rows of PostgreSQL.
pub fn measure(table: &mut Table) {
    let server = server();
    let rounds: Vec<Round> = (0..ROUNDS).map(|number| round(&server, &format!("round{number}"))).collect();
    let pairs = |pick: fn(&Round) -> (Spent, Spent)| {
        median(rounds.iter().map(pick).collect(), |(ours, theirs)| ours.rate(ROWS) / theirs.rate(ROWS))
    };
    let snapshot = pairs(|round| (round.snapshot, round.copy));
    let stream = pairs(|round| (round.stream, round.receive));
    rate_row(table, "snapshot of 1 M rows of 200 bytes into the topic", "psql COPY", snapshot, 0.5);
    rate_row(table, "streaming 1 M changes into the topic", "pg_recvlogical", stream, 0.8);
    cpu_row(table, "CPU s of worker and log for a snapshot of 1 M rows", "psql COPY", snapshot, 4.0);
    cpu_row(table, "CPU s of worker and log for streaming 1 M rows", "pg_recvlogical", stream, 6.0);
    table.add(Row {
        what: "peak memory of a worker that streams at full speed, MB",
        ours: stream.0.side(rows_per_s(&stream.0), ROWS),
        baseline: stream.1.side("pg_recvlogical".to_owned(), ROWS),
        value: stream.0.peak,
        target: Target::AtMost(100.0),
    });
}

fn rows_per_s(spent: &Spent) -> String {
    format!("{:.0} k rows/s", spent.rate(ROWS) / 1e3)
}

fn rate_row(table: &mut Table, what: &'static str, name: &str, (ours, theirs): (Spent, Spent), least: f64) {
    table.add(Row {
        what,
        ours: ours.side(rows_per_s(&ours), ROWS),
        baseline: theirs.side(format!("{name}: {}", rows_per_s(&theirs)), ROWS),
        value: ours.rate(ROWS) / theirs.rate(ROWS),
        target: Target::AtLeast(least),
    });
}

fn cpu_row(table: &mut Table, what: &'static str, name: &str, (ours, theirs): (Spent, Spent), most: f64) {
    table.add(Row {
        what,
        ours: ours.side(rows_per_s(&ours), ROWS),
        baseline: theirs.side(format!("{name}: {}", rows_per_s(&theirs)), ROWS),
        value: ours.cpu,
        target: Target::AtMost(most),
    });
}

/// A snapshot of a million rows by a worker on that log, which the settings name.
pub fn snapshot(server: &TestServer, database: &str, settings: &[&str], topics: impl Fn(&Worker) -> Topics) -> Spent {
    if !server
        .value("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'"))
        .contains('1')
    {
        server.create_database(database, TABLE);
        insert(server, database, 1);
    }
    let mut worker = Worker::start(settings);
    let topics = topics(&worker);
    let pid = worker.process().id();
    let (used, ()) = used_by(pid, || {
        worker.rest().create("bench", source(server, database));
        wait_for(&topics, ROWS);
    });
    wait_until_streaming(&worker);
    assert!(worker.terminate().success(), "the worker stops");
    server.sql(database, "SELECT pg_drop_replication_slot('bench')");
    used
}

/// A server for that.
pub fn server() -> TestServer {
    TestServer::start(&["shared_buffers = 1GB", "max_wal_size = 8GB", "autovacuum = off"])
}

fn round(server: &TestServer, database: &str) -> Round {
    server.create_database(database, TABLE);
    insert(server, database, 1);
    server.sql(database, "VACUUM ANALYZE orders");
    let copy = run(&mut copy(server, database));
    let mut worker = Worker::start(&[]);
    let topics = worker.topics();
    let pid = worker.process().id();
    let (snapshot, ()) = used_by(pid, || {
        worker.rest().create("bench", source(server, database));
        wait_for(&topics, ROWS);
    });
    wait_until_streaming(&worker);
    assert!(worker.terminate().success(), "the worker stops");
    server.sql(database, &format!("SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')"));
    insert(server, database, ROWS + 1);
    let receive = run(&mut receive(server, database));
    server.sql(database, &format!("SELECT pg_drop_replication_slot('{SLOT}')"));
    let since = Instant::now();
    worker.start_again();
    let (rest, ()) = used_by(worker.process().id(), || wait_for(&topics, 2 * ROWS));
    // From the start of the process on: all that it has used is for the stream.
    let stream = Spent { time: since.elapsed(), cpu: crate::usage::cpu(worker.process().id()), peak: rest.peak };
    assert!(worker.terminate().success(), "the worker stops");
    server.sql(database, "SELECT pg_drop_replication_slot('bench')");
    Round { copy, snapshot, receive, stream }
}

fn insert(server: &TestServer, database: &str, first: u64) {
    let statement = |first: u64| {
        format!(
            "INSERT INTO orders SELECT g, g % 1000, repeat('n', 60), g * 1.25, now(), g % 2 = 0, md5(g::text)::uuid, \
             jsonb_build_object('a', g, 'b', 'some text here') FROM generate_series({first}, {}) g;",
            first + TRANSACTION - 1
        )
    };
    for many in (first..first + ROWS).step_by(20_000) {
        let all: String = (many..many + 20_000)
            .step_by(TRANSACTION as usize)
            .map(|first| format!("BEGIN;{}COMMIT;", statement(first)))
            .collect();
        server.sql(database, &all);
    }
}

fn client(server: &TestServer, database: &str, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PGPASSWORD", PASSWORD).stdin(Stdio::null()).stdout(Stdio::null());
    command.args(["-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", USER, "-d", database]);
    command
}

fn copy(server: &TestServer, database: &str) -> Command {
    let mut command = client(server, database, "psql");
    command.args(["-q", "-c", "COPY orders TO STDOUT"]);
    command
}

fn receive(server: &TestServer, database: &str) -> Command {
    let end = server.value(database, "SELECT pg_current_wal_lsn()");
    let mut command = client(server, database, "pg_recvlogical");
    command.args(["-S", SLOT, "--start", "-f", "/dev/null", "-o", "proto_version=1"]);
    command.args(["-o", &format!("publication_names={PUBLICATION}"), &format!("--endpos={end}")]);
    command
}

fn source(server: &TestServer, database: &str) -> Json {
    json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": server.port().to_string(),
        "database.user": USER,
        "database.password": PASSWORD,
        "database.dbname": database,
        "slot.name": "bench",
        "topic.prefix": "bench",
    })
}

fn wait_for(topics: &Topics, records: u64) {
    let since = Instant::now();
    while topics.end(TOPIC) < records as i64 {
        assert!(since.elapsed() < PATIENCE, "{} of {records} records have come", topics.end(TOPIC));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_until_streaming(worker: &Worker) {
    let since = Instant::now();
    let activity = || worker.rest().get("/connectors/bench/tasks/0/status").body.to_string();
    while !activity().contains("streaming") {
        assert!(since.elapsed() < PATIENCE, "it does not stream but {}", activity());
        std::thread::sleep(Duration::from_millis(50));
    }
}
