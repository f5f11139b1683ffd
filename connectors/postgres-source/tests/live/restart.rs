//! The server restarts under a running connector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::driver::{Driver, on_a_task_thread};
use crate::json::plain;
use crate::shared::{config_of, with};
use postgres_source::test_server::{Shutdown, TestServer};

/// Inserts rows one after the other, also over restarts of the server; a row counts once the server has said so, and
/// one whose fate is unknown is tried again.
fn writer(server: Arc<TestServer>, last: Arc<AtomicI64>, done: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            let next = last.load(Ordering::Relaxed) + 1;
            match server.try_sql("restart", &format!("INSERT INTO t VALUES ({next}) ON CONFLICT DO NOTHING")) {
                Ok(_) => last.store(next, Ordering::Relaxed),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    })
}

#[test]
fn the_connector_reconnects_by_itself_and_loses_and_repeats_nothing() {
    let server = Arc::new(TestServer::start(&[]));
    server.create_database("restart", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = with(&config_of(&server, "restart"), &[("slot.retry.delay.ms", "100")]);
    let (last, done) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = writer(server.clone(), last.clone(), done.clone());
    let restarter = {
        let server = server.clone();
        thread::spawn(move || {
            for how in [Shutdown::Fast, Shutdown::Immediate, Shutdown::Fast] {
                thread::sleep(Duration::from_millis(700));
                let since = Instant::now();
                server.stop(how);
                assert!(since.elapsed() < Duration::from_secs(10), "{how:?} took {:?}", since.elapsed());
                server.go();
            }
        })
    };
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let (mut seen, since) = (Vec::new(), Instant::now());
        let mut ended = false;
        while !ended || seen.len() < last.load(Ordering::Relaxed) as usize {
            let records = driver.poll().await;
            seen.extend(records.iter().map(|record| plain(&record.key)["id"].as_i64().unwrap()));
            driver.deliver_all().await;
            if restarter.is_finished() && !done.swap(true, Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            ended = writer.is_finished();
            assert!(since.elapsed() < Duration::from_secs(60), "{} of {:?} rows came", seen.len(), last);
        }
        restarter.join().unwrap();
        assert_eq!(seen, (1..=last.load(Ordering::Relaxed)).collect::<Vec<_>>());
        driver.stop().await;
    });
}

#[test]
fn an_idle_connector_does_not_keep_the_server_from_shutting_down() {
    let server = Arc::new(TestServer::start(&[]));
    server.create_database("shutdown", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = config_of(&server, "shutdown");
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        driver.streaming().await;
        server.sql("postgres", "CREATE TABLE elsewhere AS SELECT generate_series(1, 10000)");
        let stopper = {
            let server = server.clone();
            thread::spawn(move || {
                let since = Instant::now();
                server.stop(Shutdown::Fast);
                since.elapsed()
            })
        };
        while !stopper.is_finished() {
            driver.poll().await;
            driver.deliver_all().await;
        }
        let took = stopper.join().unwrap();
        assert!(took < Duration::from_secs(5), "{took:?}");
        driver.stop().await;
    });
}
