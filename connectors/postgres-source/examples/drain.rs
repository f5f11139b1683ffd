//! Measures the connector alone: polls, drops the records, and prints rows/s and CPU time per row.
//!
//! ```text
//! cargo run --release -p postgres-source --features test-server --example drain -- 1000000
//! ```
//!
//! It starts a private server, reads a table of that many rows of about 200 bytes as a snapshot, then streams as many
//! inserts in transactions of 1,000, and runs `pg_recvlogical` and `psql` over the same for comparison.

use std::time::{Duration, Instant};

use connector_api::config::RawConfig;
use connector_api::*;
use postgres_source::test_server::{PASSWORD, TestServer, USER};

const TABLE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, note text, amount numeric(12,2), \
    made timestamptz, paid boolean, token uuid, detail jsonb)";

fn rows(first: usize, last: usize) -> String {
    format!(
        "INSERT INTO orders SELECT g, g % 1000, repeat('n', 60), g * 1.25, now(), g % 2 = 0, md5(g::text)::uuid, \
         jsonb_build_object('a', g, 'b', 'some text here') FROM generate_series({first}, {last}) g"
    )
}

/// CPU seconds of this process, user and system.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Peak memory of this process in MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

struct Run {
    task: Box<dyn plugin::AnySourceTask>,
    stored: Option<(SourcePartition, SourceOffset)>,
}

impl Run {
    async fn start(raw: &RawConfig, stored: Option<(SourcePartition, SourceOffset)>) -> Run {
        let Plugin::Source(connector) = postgres_source::plugin() else { unreachable!() };
        let config = connector.definition().config.check(raw).config;
        let mut task = connector.task();
        let context = SourceContext { task: TaskContext::alone("drain"), positions: stored.iter().cloned().collect() };
        task.start(context, &config).await.expect("start");
        Run { task, stored }
    }

    async fn drain(&mut self, what: &str, count: usize) {
        let limits = PollLimits { max_records: 2000, max_bytes: 1 << 20, wait: Duration::from_secs(1) };
        let (since, used) = (Instant::now(), cpu());
        let (mut seen, mut batches) = (0, 0);
        while seen < count {
            let Some(batch) = self.task.poll(limits).await.expect("poll") else { continue };
            seen += batch.records.len();
            batches += 1;
            self.stored = batch.positions.into_iter().next().and_then(|p| p.offset.map(|offset| (p.partition, offset)));
            drop(batch.records);
            self.task.settled(batch.id, Outcome::Delivered).await.expect("settled");
        }
        report(what, seen, since.elapsed(), cpu() - used);
        println!("    {batches} batches, peak memory {:.1} MB", peak());
    }
}

fn report(what: &str, rows: usize, took: Duration, used: f64) {
    let (seconds, millions) = (took.as_secs_f64(), rows as f64 / 1e6);
    println!("{what}: {:.0} rows/s, {:.2} us CPU per row", rows as f64 / seconds, used / millions);
}

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let server = TestServer::start(&["shared_buffers = 1GB", "max_wal_size = 8GB", "autovacuum = off"]);
    server.create_database("drain", TABLE);
    server.sql("drain", &format!("{}; ANALYZE orders", rows(1, count)));
    let mut config = server.config("drain");
    config.insert("topic.prefix".into(), "p".into());
    let psql = format!("PGPASSWORD={PASSWORD} psql -q -h 127.0.0.1 -p {} -U {USER} drain", server.port());
    let since = Instant::now();
    server.run(&format!("{psql} -c 'COPY orders TO STDOUT' > /dev/null"));
    println!("psql COPY: {:.0} rows/s", count as f64 / since.elapsed().as_secs_f64());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut run = Run::start(&config, None).await;
        run.drain("snapshot", count).await;
        while run
            .task
            .poll(PollLimits { max_records: 1, max_bytes: 1, wait: Duration::from_millis(500) })
            .await
            .expect("poll")
            .is_some()
        {}
        run.task.stop().await;
        server.sql("drain", "SELECT pg_create_logical_replication_slot('compare', 'pgoutput')");
        for first in (0..count).step_by(1000) {
            if first % 20_000 == 0 {
                let batch = |at: usize| format!("{};", rows(count + at + 1, count + at + 1000));
                let end = (first + 20_000).min(count);
                let all: Vec<String> =
                    (first..end).step_by(1000).map(|at| format!("BEGIN;{}COMMIT;", batch(at))).collect();
                server.sql("drain", &all.concat());
            }
        }
        let recv = format!(
            "PGPASSWORD={PASSWORD} timeout 120 pg_recvlogical -h 127.0.0.1 -p {} -U {USER} -d drain -S compare \
            --start -f /dev/null \
             -o proto_version=1 -o publication_names=dbz_publication --endpos=$(PGPASSWORD={PASSWORD} psql -Atq -h \
             127.0.0.1 \
             -p {0} -U {USER} drain -c 'SELECT pg_current_wal_lsn()')",
            server.port()
        );
        let since = Instant::now();
        server.run(&format!("{recv}; true"));
        println!("pg_recvlogical: {:.0} rows/s", count as f64 / since.elapsed().as_secs_f64());
        let mut again = Run::start(&config, run.stored).await;
        again.drain("stream", count).await;
        again.task.stop().await;
    });
}
