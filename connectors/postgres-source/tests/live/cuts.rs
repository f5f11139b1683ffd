//! The connection and the task cut off at arbitrary points, mostly inside transactions.

use connector_api::{Outcome, SourceRecord};

use crate::driver::{Driver, Stored, on_a_task_thread};
use crate::json::plain;
use crate::shared::{SERVER, database, with};

const ROWS: i64 = 6_000;

fn ids(records: &[SourceRecord]) -> Vec<i64> {
    records.iter().map(|record| plain(&record.key)["id"].as_i64().unwrap()).collect()
}

/// Transactions of 1 to 300 rows, by COPY-like multi-row inserts and single ones.
fn write(name: &str) {
    let mut next = 1;
    let mut size = 1;
    while next <= ROWS {
        let last = (next + size - 1).min(ROWS);
        SERVER.sql(
            name,
            &format!(
                "BEGIN; INSERT INTO t SELECT g FROM generate_series({next}, {last}) g; INSERT INTO \
            other VALUES (1); COMMIT"
            ),
        );
        next = last + 1;
        size = size % 300 + 61;
    }
}

async fn first_position(config: &connector_api::config::RawConfig) -> Stored {
    let mut driver = Driver::start(config, None).await;
    driver.streaming().await;
    driver.stop().await
}

#[test]
fn fifty_restarts_inside_transactions_lose_nothing_and_repeat_only_what_was_not_delivered() {
    let name = "restarts";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
    let config = with(&config, &[("table.include.list", "public.t")]);
    on_a_task_thread(async {
        let mut stored = first_position(&config).await;
        write(name);
        let (mut delivered, mut undelivered) = (Vec::new(), 0);
        for cut in 0..50 {
            let mut driver = Driver::start(&config, stored).await;
            driver.limits.max_records = 7 + cut % 40;
            for turn in 0..4 {
                let records = driver.poll().await;
                if turn < 3 {
                    delivered.extend(ids(&records));
                    driver.deliver_first().await;
                } else {
                    undelivered += records.len();
                }
            }
            let confirmed = SERVER.value(
                name,
                &format!(
                    "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = 'slot_{name}'"
                ),
            );
            let at = driver.stored.as_ref().unwrap().1.number("naru_end_lsn").unwrap();
            assert!(confirmed.parse::<i64>().unwrap() <= at, "the server may forget {confirmed}, stored is {at}");
            // Half of the lives end without a stop, as a killed process does.
            stored = if cut % 2 == 0 { driver.stop().await } else { driver.stored.take() };
        }
        assert!(undelivered > 100, "the cuts were not inside anything");
        let mut driver = Driver::start(&config, stored).await;
        delivered.extend(ids(&driver.take(ROWS as usize - delivered.len()).await));
        assert_eq!(delivered, (1..=ROWS).collect::<Vec<_>>());
        driver.stop().await;
    });
}

#[test]
fn fifty_broken_connections_lose_nothing_and_repeat_nothing() {
    let name = "broken";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
    let config = with(&config, &[("table.include.list", "public.t"), ("slot.retry.delay.ms", "50")]);
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        write(name);
        driver.limits.max_records = 33;
        let (mut seen, mut breaks) = (Vec::new(), 0);
        while seen.len() < ROWS as usize {
            let records = driver.poll().await;
            seen.extend(ids(&records));
            if !records.is_empty() && breaks < 50 {
                breaks += 1;
                SERVER.sql(
                    name,
                    &format!(
                        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE \
                    slot_name = 'slot_{name}' AND active"
                    ),
                );
                // What has been handed over is settled late, while the connection is being made again.
                driver.poll().await.iter().for_each(|record| seen.extend(ids(std::slice::from_ref(record))));
            }
            driver.deliver_all().await;
        }
        assert_eq!(breaks, 50);
        assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>());
        driver.stop().await;
    });
}

#[test]
fn a_snapshot_that_is_cut_off_starts_again_from_the_first_row() {
    let name = "snapshot_cut";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.take(1500).await;
        assert_eq!(driver.stored.as_ref().unwrap().1.text("naru_phase"), Some("snapshot"));
        SERVER.sql(name, "INSERT INTO t VALUES (5001)");
        let stored = driver.stored.take();
        drop(driver);
        let mut driver = Driver::start(&with(&config, &[("slot.retry.delay.ms", "100")]), stored).await;
        assert_eq!(ids(&driver.take(5001).await), (1..=5001).collect::<Vec<_>>());
        SERVER.sql(name, "INSERT INTO t VALUES (5002)");
        assert_eq!(ids(&driver.take(1).await), [5002]);
        driver.stop().await;
    });
}

#[test]
fn what_was_not_delivered_is_not_confirmed() {
    let name = "failed";
    let config = database(name, "CREATE TABLE t (id int PRIMARY KEY)");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        let confirmed = || {
            SERVER.value(
                name,
                &format!("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'slot_{name}'"),
            )
        };
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let before = confirmed();
        for (id, outcome) in [(1, Outcome::Failed("the log is full".into())), (2, Outcome::Delivered)] {
            SERVER.sql(name, &format!("INSERT INTO t VALUES ({id})"));
            while driver.waiting.is_empty() {
                driver.poll().await;
            }
            let batch = driver.waiting.pop_front().unwrap();
            driver.task.settled(batch.id, outcome).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(confirmed(), before);
        let stored = driver.stop().await;
        assert_eq!(confirmed(), before);
        let mut driver = Driver::start(&config, stored).await;
        assert_eq!(ids(&driver.take(2).await), [1, 2]);
        driver.stop().await;
    });
}
