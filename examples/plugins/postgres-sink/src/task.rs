//! The task: what the worker calls.

use connector_api::config::Config;
use connector_api::{Error, ReadFrom, Result, SinkRecord, SinkTask, Taken, TaskContext, TopicPartition};

use crate::settings::Settings;
use crate::writer::Writer;

/// The task.
#[derive(Default)]
pub struct PostgresCopyTask(Option<Writer>);

impl PostgresCopyTask {
    fn writer(&mut self) -> Result<&mut Writer> {
        self.0.as_mut().ok_or_else(|| Error::fatal("the task has not been started"))
    }
}

impl SinkTask for PostgresCopyTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        self.0.insert(Writer::new(Settings::read(config), context.connector)?).connect().await
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Vec<ReadFrom>> {
        let stored = self.writer()?.open(partitions).await?;
        Ok(stored.into_iter().map(|(partition, offset)| ReadFrom { partition, offset }).collect())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        self.writer()?.put(records).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.writer()?.close(partitions);
        Ok(())
    }

    async fn stop(&mut self) {
        self.0 = None;
    }
}
