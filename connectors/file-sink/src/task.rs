//! The task: append at `put`, sync at `flush`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use connector_api::config::Config;
use connector_api::{Error, FlushOccasion, Flushed, Result, SinkRecord, SinkTask, Taken, TaskContext, TopicPartition};

use crate::line::write_line;
use crate::target::Target;

/// Appends to one file.
#[derive(Default)]
pub struct FileSinkTask {
    file: String,
    target: Option<Target>,
    lines: Vec<u8>,
    appended: BTreeMap<TopicPartition, i64>,
    synced: bool,
}

impl SinkTask for FileSinkTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        let Some(file) = config.optional("file") else {
            self.file = "standard output".to_owned();
            self.target = Some(Target::Stdout);
            return Ok(());
        };
        self.file = format!("`{file}`");
        let (target, torn) = Target::open(Path::new(file)).map_err(|why| self.trouble("open", why))?;
        if let Some(torn) = torn {
            let place = torn.moved_to.display();
            context.host.warn(&format!("{file} ended in {} bytes of an unfinished line, now in {place}", torn.bytes));
        }
        self.target = Some(target);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        self.lines.clear();
        let mut taken = Taken::all();
        for (index, record) in records.iter().enumerate() {
            if let Err(why) = write_line(&record.value, &mut self.lines) {
                taken.reject(index, why);
            }
        }
        if let Some(target) = &mut self.target {
            target.append(&self.lines).map_err(|why| self.trouble("write", why))?;
        }
        for record in records {
            self.appended.insert(record.origin.clone(), record.offset + 1);
        }
        self.synced &= records.is_empty();
        Ok(taken)
    }

    async fn flush(&mut self, _: FlushOccasion) -> Result<Flushed> {
        if let Some(target) = self.target.as_mut().filter(|_| !self.synced) {
            target.sync().map_err(|why| self.trouble("sync", why))?;
            self.synced = true;
        }
        Ok(Flushed::UpTo(self.appended.clone().into_iter().collect()))
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.appended.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    async fn stop(&mut self) {
        self.target = None;
    }
}

impl FileSinkTask {
    /// A failed write may have left a piece of a line, which only a new start clears away: so the task fails, and the
    /// worker starts it again after a while.
    fn trouble(&self, what: &str, why: io::Error) -> Error {
        let remedy = match why.kind() {
            io::ErrorKind::StorageFull => "Make room on the disk; the task goes on by itself.",
            _ => "Check `file`, its folder and their rights.",
        };
        Error::fail(format!("cannot {what} {}", self.file)).caused_by(why).remedy(remedy)
    }
}
