//! The task: read, split into lines, hand over with the place after the last one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector_api::config::Config;
use connector_api::data::{Payload, Schema, Text, Value};
use connector_api::{
    Error, PollLimits, Position, Result, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceRecord,
    SourceTask, TaskContext,
};

use crate::follow::{Follow, Found, Stored};
use crate::lines::Lines;
use crate::stdin::{Input, Stdin};

/// How long to wait before looking at the file again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Reads one file.
#[derive(Default)]
pub struct FileSourceTask {
    open: Option<Open>,
}

struct Open {
    input: From,
    lines: Lines,
    topic: Arc<str>,
    schema: Arc<Schema>,
    batch_size: usize,
    line_max_bytes: usize,
    host: TaskContext,
    missing: bool,
}

enum From {
    File(String, Follow),
    Stdin(Stdin),
}

impl SourceTask for FileSourceTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        let input = match config.optional("file") {
            Some(file) => {
                let stored = context.offset(&partition(file)).map(stored);
                From::File(file.to_owned(), Follow::new(PathBuf::from(file), stored))
            }
            None => From::Stdin(Stdin::start()),
        };
        self.open = Some(Open {
            input,
            lines: Lines::default(),
            topic: config.text("topic").into(),
            schema: Arc::new(Schema::string()),
            batch_size: config.count("batch.size"),
            line_max_bytes: config.count("line.max.bytes"),
            host: context.task,
            missing: false,
        });
        Ok(())
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let mut waited = Duration::ZERO;
        loop {
            let records = open.take(limits)?;
            if !records.is_empty() {
                return Ok(Some(SourceBatch { id: 0, records, positions: open.position().into_iter().collect() }));
            }
            if open.read(limits.wait.saturating_sub(waited))? {
                continue;
            }
            if waited >= limits.wait {
                return Ok(None);
            }
            let nap = LOOK_AGAIN.min(limits.wait - waited);
            tokio::time::sleep(nap).await;
            waited += nap;
        }
    }

    async fn stop(&mut self) {
        self.open = None;
    }
}

impl Open {
    /// The whole lines that have been read.
    fn take(&mut self, limits: PollLimits) -> Result<Vec<SourceRecord>> {
        let most = self.batch_size.min(limits.max_records);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < most && bytes < limits.max_bytes {
            let Some(line) = self.lines.next_line() else { break };
            self.check_length(line.len())?;
            let record = self.record(line);
            bytes += record.size();
            records.push(record);
        }
        if records.is_empty() {
            self.check_length(self.lines.waiting())?;
        }
        Ok(records)
    }

    fn check_length(&self, length: usize) -> Result<()> {
        if length <= self.line_max_bytes {
            return Ok(());
        }
        let (place, limit) = (self.lines.place(), self.line_max_bytes);
        Err(Error::fatal(format!("a line near byte {place} is longer than {limit} bytes"))
            .remedy("Raise `line.max.bytes`, or check that the file is text."))
    }

    /// A line that is not UTF-8 travels as bytes, so that nothing of it is lost.
    fn record(&self, line: Bytes) -> SourceRecord {
        let value = match Text::try_from(line.clone()) {
            Ok(text) => Payload::structured(self.schema.clone(), Value::String(text)),
            Err(_) => {
                self.host.host.warn("the file has lines that are not UTF-8; they are sent as bytes");
                Payload::Bytes(line)
            }
        };
        SourceRecord::new(self.topic.clone(), Payload::Null, value)
    }

    /// Reads on; false if there is nothing now.
    fn read(&mut self, wait: Duration) -> Result<bool> {
        match &mut self.input {
            From::Stdin(stdin) => match stdin.read(wait.min(LOOK_AGAIN)) {
                Input::Bytes(bytes) => {
                    self.lines.push(&bytes);
                    Ok(true)
                }
                Input::Nothing => Ok(false),
                Input::End => {
                    self.host.host.activity("standard input has ended");
                    Ok(false)
                }
            },
            From::File(file, follow) => {
                let found = follow.read(&mut self.lines);
                let found = found.map_err(|error| {
                    Error::fail(format!("cannot read `{file}`")).caused_by(error).remedy("Check `file` and its rights.")
                })?;
                self.tell(found)
            }
        }
    }

    fn tell(&mut self, found: Found) -> Result<bool> {
        let missing = found == Found::Missing;
        if missing != self.missing {
            self.host.host.activity(if missing { "waiting for the file to appear" } else { "reading" });
            self.missing = missing;
        }
        match found {
            Found::Bytes => Ok(true),
            Found::Nothing | Found::Missing => Ok(false),
            Found::Anew(why) => {
                tracing::warn!(connector = %self.host.connector, "{why}");
                self.host.host.warn(&why);
                Ok(true)
            }
        }
    }

    fn position(&self) -> Option<Position> {
        let From::File(file, follow) = &self.input else { return None };
        let place = self.lines.place();
        let mut offset = SourceOffset::of("position", place).with("byte", place);
        if let Some(inode) = follow.inode() {
            offset = offset.with("inode", inode);
        }
        Some(Position { partition: partition(file), offset: Some(offset) })
    }
}

/// Named as Kafka Connect names it.
fn partition(file: &str) -> SourcePartition {
    SourcePartition::of("filename", file)
}

fn stored(offset: &SourceOffset) -> Stored {
    let number = |name| offset.number(name).and_then(|number| u64::try_from(number).ok());
    Stored { position: number("position").unwrap_or(0), byte: number("byte"), inode: number("inode") }
}
