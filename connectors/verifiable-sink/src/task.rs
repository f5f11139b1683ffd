//! The task: count at `put`, report at `flush`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use connector_api::config::Config;
use connector_api::{Error, FlushOccasion, Flushed, Result, SinkRecord, SinkTask, Taken, TaskContext};

use crate::count::Counts;

/// Counts.
#[derive(Default)]
pub struct VerifiableSinkTask {
    context: Option<TaskContext>,
    report: Option<PathBuf>,
    delay: Duration,
    counts: Counts,
}

impl SinkTask for VerifiableSinkTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        self.report = config.optional("report.file").map(PathBuf::from);
        self.delay = Duration::from_micros(config.number("delay.us").unwrap_or(0).unsigned_abs());
        self.context = Some(context);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        for record in records {
            self.counts.add(record.value.as_bytes().map_or(b"", |bytes| bytes));
        }
        tokio::time::sleep(self.delay * records.len() as u32).await;
        Ok(Taken::all())
    }

    async fn flush(&mut self, _: FlushOccasion) -> Result<Flushed> {
        if let Some(context) = &self.context {
            context.host.activity(&self.counts.summary());
        }
        if let Some(file) = &self.report {
            write(file, &self.counts.report().to_string()).map_err(|why| {
                Error::fail(format!("cannot write {}", file.display())).caused_by(why).remedy("Check `report.file`.")
            })?;
        }
        Ok(Flushed::Everything)
    }
}

/// Readers see the old report or the new one.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, text)?;
    std::fs::rename(&name, file)
}
