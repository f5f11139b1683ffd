//! Passwords never show: not in logs, errors, warnings, positions or debugging output.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::driver::{Driver, on_a_task_thread, plugin, read};
use crate::shared::{SERVER, database, with};
use postgres_source::test_server::PASSWORD;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_password_shows_nowhere() {
    // With one subscriber in the process, an event that another test's thread meets first is off for all threads: it
    // asks that thread's subscriber alone, and there is none. With two, each thread is asked.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = Captured::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let subscriber = tracing::Dispatch::new(subscriber);
    let config = database("secrets", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let mut said = Vec::new();
    tracing::dispatcher::with_default(&subscriber, || {
        on_a_task_thread(async {
            let mut driver = Driver::start(&config, None).await;
            driver.streaming().await;
            SERVER.sql("secrets", "INSERT INTO t VALUES (2)");
            said.push(format!("{:?}", driver.take(1).await));
            said.push(format!(
                "{:?} {:?} {:?}",
                driver.stored,
                driver.warnings(),
                driver.heard.activities.lock().unwrap()
            ));
            driver.stop().await;
            for (key, value) in [
                ("database.password", "canary-b7f2d91c-wrong"),
                ("database.user", "canary-nobody"),
                ("database.port", "1"),
                ("database.sslmode", "require"),
                ("table.include.list", "public.none"),
                ("database.initial.statements", "SELECT 1/0"),
            ] {
                let config = with(&config, &[(key, value)]);
                match Driver::try_start(&config, None).await {
                    Ok(mut driver) => said.push(format!("{:?}", driver.task.poll(driver.limits).await.map(|_| ()))),
                    Err(error) => said.push(format!("{error} {error:?}")),
                }
                said.push(format!("{:?}", plugin().validate(&read(&config)).await));
            }
        });
    });
    said.push(String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    assert!(said.last().unwrap().contains("snapshot: begins"), "the log was captured: {said:?}");
    for text in &said {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}
