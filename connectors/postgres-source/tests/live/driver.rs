//! Does what a worker does with a source: start, poll, deliver, store, settle, stop.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector_api::config::{Config, RawConfig};
use connector_api::plugin::{AnySourceConnector, AnySourceTask};
use connector_api::*;
use tokio::time::Instant;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a worker has been told.
#[derive(Default)]
pub struct Heard {
    pub warnings: Mutex<Vec<String>>,
    pub activities: Mutex<Vec<String>>,
    pub progress: Mutex<BTreeMap<String, Progress>>,
}

impl Host for Heard {
    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().insert(progress.name.clone(), progress);
    }
    fn activity(&self, text: &str) {
        self.activities.lock().unwrap().push(text.to_owned());
    }
    fn warn(&self, text: &str) {
        self.warnings.lock().unwrap().push(text.to_owned());
    }
}

pub type Stored = Option<(SourcePartition, SourceOffset)>;

/// One life of a task, and what is stored over all of them.
pub struct Driver {
    pub task: Box<dyn AnySourceTask>,
    pub waiting: VecDeque<SourceBatch>,
    pub stored: Stored,
    pub heard: Arc<Heard>,
    pub limits: PollLimits,
}

pub fn plugin() -> Arc<dyn AnySourceConnector> {
    match postgres_source::plugin() {
        Plugin::Source(source) => source,
        Plugin::Sink(_) => unreachable!(),
    }
}

pub fn read(raw: &RawConfig) -> Config {
    plugin().definition().config.check(raw).into_result().unwrap_or_else(|issues| panic!("{issues:?}"))
}

impl Driver {
    pub async fn start(raw: &RawConfig, stored: Stored) -> Driver {
        Driver::try_start(raw, stored).await.unwrap_or_else(|error| panic!("start: {error:?}"))
    }

    pub async fn try_start(raw: &RawConfig, stored: Stored) -> Result<Driver> {
        let mut task = plugin().task();
        let heard = Arc::new(Heard::default());
        let task_context = TaskContext { connector: "test".into(), task: 0, host: heard.clone() };
        let context = SourceContext { task: task_context, positions: stored.iter().cloned().collect() };
        let limits = PollLimits { max_records: 500, max_bytes: 1 << 20, wait: Duration::from_millis(50) };
        match task.start(context, &read(raw)).await {
            Ok(()) => Ok(Driver { task, waiting: VecDeque::new(), stored, heard, limits }),
            Err(error) => {
                task.stop().await;
                Err(error)
            }
        }
    }

    /// One poll. Passing trouble is repeated, as a worker does it.
    pub async fn try_poll(&mut self) -> Result<Option<SourceBatch>> {
        match self.task.poll(self.limits).await {
            Err(error) if matches!(error.decision(), Decision::Retry { .. }) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(None)
            }
            other => other,
        }
    }

    /// One poll whose records are kept until they are settled.
    pub async fn poll(&mut self) -> Vec<SourceRecord> {
        match self.try_poll().await {
            Ok(Some(batch)) => {
                assert!(batch.records.len() <= self.limits.max_records, "{} records", batch.records.len());
                self.waiting.push_back(batch);
                self.waiting.back().unwrap().records.clone()
            }
            Ok(None) => Vec::new(),
            Err(error) => panic!("poll: {error:?}"),
        }
    }

    /// Polls until so many records have come, delivering all.
    pub async fn take(&mut self, count: usize) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        let since = Instant::now();
        while records.len() < count {
            assert!(since.elapsed() < PATIENCE, "only {} of {count} records came", records.len());
            records.extend(self.poll().await);
            self.deliver_all().await;
        }
        assert_eq!(records.len(), count, "more records than expected");
        records
    }

    /// Polls until `enough` says so, delivering all.
    pub async fn until(
        &mut self,
        what: &str,
        mut enough: impl FnMut(&Driver, &[SourceRecord]) -> bool,
    ) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        let since = Instant::now();
        while !enough(self, &records) {
            assert!(since.elapsed() < PATIENCE, "waited in vain for {what}; {} records came", records.len());
            records.extend(self.poll().await);
            self.deliver_all().await;
        }
        records
    }

    /// Polls until changes are being read; what comes before is delivered.
    pub async fn streaming(&mut self) -> Vec<SourceRecord> {
        let streaming = |driver: &Driver, _: &[SourceRecord]| {
            driver.heard.activities.lock().unwrap().last().is_some_and(|activity| activity == "streaming changes")
        };
        self.until("the stream", streaming).await
    }

    /// Polls for a while and expects nothing.
    pub async fn nothing_for(&mut self, while_: Duration) {
        let since = Instant::now();
        while since.elapsed() < while_ {
            let records = self.poll().await;
            assert!(records.is_empty(), "{records:?}");
            self.deliver_all().await;
        }
    }

    pub async fn deliver_first(&mut self) {
        let Some(batch) = self.waiting.pop_front() else { return };
        for Position { partition, offset } in batch.positions {
            self.stored = offset.map(|offset| (partition, offset));
        }
        self.task.settled(batch.id, Outcome::Delivered).await.unwrap();
    }

    pub async fn deliver_all(&mut self) {
        while !self.waiting.is_empty() {
            self.deliver_first().await;
        }
    }

    /// A clean stop; what is not delivered is lost.
    pub async fn stop(mut self) -> Stored {
        while let Some(batch) = self.waiting.pop_front() {
            self.task.settled(batch.id, Outcome::Unknown).await.unwrap();
        }
        self.task.stop().await;
        self.stored
    }

    pub fn warnings(&self) -> Vec<String> {
        self.heard.warnings.lock().unwrap().clone()
    }
}

/// Runs a test on one thread with a local set, as a worker runs a task.
pub fn on_a_task_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}
