//! A topic partition: its open files, what has been cut, and up to where everything is safe.

mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use connector_api::data::Payload;
use connector_api::{Error, Result, TopicPartition};

use crate::file::{Body, Buffers, Content, OpenFile, Output, Rules, Tally};

use plan::Planned;

pub(crate) use plan::Plan;

/// How files are made; the same for all partitions of a task.
#[derive(Debug)]
pub(crate) struct Making {
    /// When they are cut.
    pub rules: Rules,
    /// What objects each becomes: the values first.
    pub outputs: Arc<[Output]>,
    /// Which life of which task makes them.
    pub writer: Arc<str>,
    /// Whether a partition has one open file at most, so that a record of another path ends it. Cuts are then a function
    /// of the records after the committed offset, which is always one of the cuts.
    pub single: bool,
    /// From how many bytes on a part of an object is handed over.
    pub part_size: usize,
    /// What they are gathered in.
    pub buffers: Buffers,
}

/// A record on its way into a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Its offset.
    pub offset: i64,
    /// Where it belongs.
    pub path: &'a str,
    /// Its own time, if files are cut by it.
    pub time: Option<i64>,
    /// The clock.
    pub now: i64,
    /// What each of the outputs takes of it.
    pub record: &'a [Payload],
}

/// A part of an open file, to be sent.
#[derive(Debug)]
pub(crate) struct Part {
    /// The file's path.
    pub path: Arc<str>,
    /// Where the file starts.
    pub start: i64,
    /// Who decided its cut, or will.
    pub writer: Arc<str>,
    /// Of which output.
    pub output: usize,
    /// What is in it.
    pub content: Content,
}

/// The state of a topic partition. All offsets are of records in the log.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Which one.
    pub name: TopicPartition,
    next: Option<i64>,
    open: BTreeMap<Arc<str>, OpenFile>,
    cut: Vec<OpenFile>,
    plan: Plan,
    /// The earliest record time at which an open file is over.
    due: i64,
    /// Whether an open file ends where an earlier life decided.
    follows: bool,
}

impl Partition {
    /// Nothing yet.
    pub fn new(name: TopicPartition) -> Partition {
        let (open, cut, plan) = (BTreeMap::new(), Vec::new(), Plan::default());
        Partition { name, next: None, open, cut, plan, due: i64::MAX, follows: false }
    }

    /// The same, with cuts that were decided in an earlier life.
    pub fn following(mut self, plan: Plan) -> Partition {
        self.plan = plan;
        self
    }

    /// The offset after the last record that came, once there was one.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// The record at that offset came, whether or not it goes into a file.
    pub fn passed(&mut self, offset: i64) {
        self.next = Some(offset + 1);
        if self.follows {
            self.cut_where(|file| file.planned_end.is_some_and(|end| end < offset));
            self.follows = self.open.values().any(|file| file.planned_end.is_some());
        }
    }

    /// Takes a record: into a file, or nowhere if an object that is stored holds it. Offsets ascend.
    pub fn take(&mut self, entry: Entry, making: &Making) -> Result<()> {
        self.cut_by_time_of(&entry, making);
        if self.plan.covering(entry.path, entry.offset).is_some_and(|cut| cut.stored) {
            return Ok(());
        }
        // Most records go into a file that is open, which is looked up once for each of them.
        if let Some(written) = self.write(&entry, making, OpenFile::fits) {
            return written;
        }
        self.make_file_for(&entry, making)?;
        self.write(&entry, making, |_, _| true).unwrap_or(Ok(()))
    }

    /// Writes a record into the file of its path, if that is open and takes it; the file is cut if that makes it full.
    fn write(
        &mut self,
        entry: &Entry,
        making: &Making,
        takes: impl Fn(&mut OpenFile, &[Payload]) -> bool,
    ) -> Option<Result<()>> {
        let file = self.open.get_mut(entry.path)?;
        if !takes(file, entry.record) {
            return None;
        }
        if let Err(why) = append(file, entry) {
            if file.tally.records == 0 {
                self.open.remove(entry.path);
            }
            return Some(Err(why));
        }
        let is_full = match file.planned_end {
            Some(end) => end <= entry.offset,
            None => {
                self.due = self.due.min(making.rules.due(&file.tally).unwrap_or(i64::MAX));
                making.rules.full(&file.tally)
            }
        };
        if is_full {
            self.cut.extend(self.open.remove(entry.path));
        }
        Some(Ok(()))
    }

    /// Cuts what is over at a record's own time.
    fn cut_by_time_of(&mut self, entry: &Entry, making: &Making) {
        let Some(time) = entry.time.filter(|time| *time >= self.due) else { return };
        let over = |file: &OpenFile| making.rules.due(&file.tally).is_some_and(|due| due <= time);
        self.cut_where(|file| file.planned_end.is_none() && over(file));
        let open = self.open.values().filter(|file| file.planned_end.is_none());
        self.due = open.filter_map(|file| making.rules.due(&file.tally)).min().unwrap_or(i64::MAX);
    }

    /// Opens a file for a record that goes into none that is open. If there is one of its path, its records have another schema,
    /// and it is cut.
    fn make_file_for(&mut self, entry: &Entry, making: &Making) -> Result<()> {
        match self.open.get(entry.path) {
            Some(file) if file.planned_end.is_some() => {
                return Err(Error::fatal(format!(
                    "{} offset {} has another schema than the records before it, with which it was to be in one object in `{}`",
                    self.name, entry.offset, file.path
                ))
                .remedy("Set the formats as they were before, until no file of before is open; then change them."));
            }
            Some(_) => self.cut.extend(self.open.remove(entry.path)),
            None if making.single => self.cut_where(|_| true),
            None => {}
        }
        let planned = self.plan.covering(entry.path, entry.offset).cloned();
        self.open(entry, planned, making);
        Ok(())
    }

    /// Opens a file that begins with a record: as an earlier life decided, or a new one.
    fn open(&mut self, entry: &Entry, planned: Option<Planned>, making: &Making) {
        let (start, planned_end, writer) = match planned {
            Some(cut) => (cut.start, Some(cut.end), cut.writer),
            None => (entry.offset, None, making.writer.clone()),
        };
        let path: Arc<str> = entry.path.into();
        let tally = Tally {
            start,
            last: entry.offset,
            records: 0,
            bytes: 0,
            first_time: entry.time,
            opened: entry.now,
            touched: entry.now,
        };
        let bodies = making.outputs.iter().map(|output| body(output, entry.path, start, &making.buffers)).collect();
        self.follows |= planned_end.is_some();
        self.open.insert(path.clone(), OpenFile { path, tally, bodies, planned_end, writer });
    }

    /// Cuts what the clock ends. Cuts that were decided earlier end where they did then.
    pub fn cut_by_clock(&mut self, making: &Making, now: i64) {
        self.cut_where(|file| file.planned_end.is_none() && making.rules.over(&file.tally, now));
    }

    /// Cuts a file early.
    pub fn cut_early(&mut self, path: &str) {
        self.cut_where(|file| &*file.path == path && file.planned_end.is_none());
    }

    fn cut_where(&mut self, over: impl Fn(&OpenFile) -> bool) {
        let paths: Vec<Arc<str>> = self.open.values().filter(|file| over(file)).map(|file| file.path.clone()).collect();
        self.cut.extend(paths.iter().filter_map(|path| self.open.remove(path)));
    }

    /// Takes the files that have been cut: they are to be stored now.
    pub fn take_cut(&mut self) -> Vec<OpenFile> {
        std::mem::take(&mut self.cut)
    }

    /// The files that are open.
    pub fn files(&self) -> impl Iterator<Item = &OpenFile> {
        self.open.values()
    }

    /// Takes all parts of open files that are at least that long.
    pub fn parts(&mut self, at_least: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        for file in self.open.values_mut() {
            let (path, start, writer) = (&file.path, file.tally.start, &file.writer);
            parts.extend(file.bodies.iter_mut().enumerate().filter_map(|(output, body)| {
                let content = body.part(at_least)?;
                Some(Part { path: path.clone(), start, writer: writer.clone(), output, content })
            }));
        }
        parts
    }

    /// The offset up to which all that came is safe, if the files that start at `pending` are not stored yet.
    pub fn safe(&self, pending: impl Iterator<Item = i64>) -> Option<i64> {
        let kept = self.open.values().chain(&self.cut).map(OpenFile::start);
        kept.chain(pending).chain(self.next).min().filter(|_| self.next.is_some())
    }
}

/// The empty body of an object. What it derives from a name is that of the object, as far as one file is told from another.
fn body(output: &Output, path: &str, start: i64, buffers: &Buffers) -> Body {
    Body::new(&output.shape, &format!("{path} {start}{}", output.ending), buffers)
}

fn append(file: &mut OpenFile, entry: &Entry) -> Result<()> {
    file.tally.bytes += file.write(entry.record)? as u64;
    file.tally.records += 1;
    file.tally.last = entry.offset;
    file.tally.touched = entry.now;
    file.tally.first_time = file.tally.first_time.or(entry.time);
    Ok(())
}
