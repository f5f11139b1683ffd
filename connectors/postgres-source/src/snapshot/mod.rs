//! The snapshot: all rows of all tables as of one point, which is where the stream begins.
//!
//! Rows are streamed by plain SELECTs, one table after the other, in one transaction on the snapshot that the slot has
//! exported. Memory is that of one read buffer; a worker that does not poll holds the server back through TCP.

mod begin;
pub mod plan;
mod rows;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector_api::data::Value;
use connector_api::{Error, Host, PollLimits, Progress};
use tokio::time::{Instant, timeout_at};

pub use begin::{Point, begin};

use crate::clock;
use crate::connection::frames::Frames;
use crate::connection::{Fault, ServerError, Session};
use crate::decode::Scratch;
use crate::envelope::row::{Reading, Side};
use crate::envelope::source::{Marker, Place};
use crate::envelope::{Records, Shape};
use crate::lsn::Lsn;
use plan::Job;
use rows::{Held, Next, cells};

/// How often the status learns how far the snapshot has come, and the log.
const SHOW_EVERY: Duration = Duration::from_millis(500);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// A snapshot that is being read.
pub struct Snapshot {
    session: Session,
    host: Arc<dyn Host>,
    point: Point,
    jobs: VecDeque<Job>,
    count: usize,
    current: Option<Current>,
    held: Option<Held>,
    within: Option<(Arc<Shape>, Value)>,
    any: bool,
    scratch: Scratch,
    failure: crate::config::modes::FailureMode,
    shown: Instant,
    logged: Instant,
}

/// The table that is being read.
struct Current {
    job: Job,
    frames: Frames,
    rows: u64,
    error: Option<ServerError>,
}

/// What a table's messages led to.
enum Step {
    /// The batch is full.
    Full,
    /// More has to be read.
    More,
    /// The table has ended.
    TableDone,
}

impl Snapshot {
    /// The point that the snapshot shows, and where the stream begins.
    pub fn point(&self) -> Point {
        self.point
    }

    /// Adds rows to `records` until the limits are reached or `limits.wait` is over. Returns whether all rows are out.
    pub async fn fill(&mut self, records: &mut Records, limits: PollLimits) -> Result<bool, Error> {
        let deadline = Instant::now() + limits.wait;
        let mut bytes = 0;
        loop {
            if self.current.is_none() && !self.next_table().await? {
                self.let_go(Next::End, records)?;
                return Ok(true);
            }
            match self.take(records, limits, &mut bytes)? {
                Step::Full => return Ok(false),
                Step::TableDone => self.end_table()?,
                Step::More => match timeout_at(deadline, self.session.rows()).await {
                    Ok(chunk) => {
                        records.now = clock::micros();
                        self.arrived(chunk)?;
                    }
                    Err(_) => return Ok(false),
                },
            }
            self.show(false);
        }
    }

    /// Ends the transaction.
    pub async fn close(self) {
        self.session.close().await;
    }

    async fn next_table(&mut self) -> Result<bool, Error> {
        let Some(job) = self.jobs.pop_front() else { return Ok(false) };
        let number = self.count - self.jobs.len();
        self.host.activity(&format!("snapshot: reading {} ({number} of {} tables)", job.name, self.count));
        self.session.start(&job.statement).await.map_err(reading)?;
        self.current = Some(Current { job, frames: Frames::default(), rows: 0, error: None });
        self.show(true);
        Ok(true)
    }

    fn arrived(&mut self, chunk: Result<Bytes, Fault>) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match (chunk, current.error.take()) {
            (Ok(chunk), error) => {
                current.frames = Frames::new(chunk);
                current.error = error;
                Ok(())
            }
            // After some errors the server closes the connection.
            (Err(_), Some(error)) => Err(failed(&current.job.name, error)),
            (Err(fault), None) => Err(reading(fault)),
        }
    }

    /// Takes rows out of what has been read.
    fn take(&mut self, records: &mut Records, limits: PollLimits, bytes: &mut usize) -> Result<Step, Error> {
        loop {
            if records.records.len() >= limits.max_records || *bytes >= limits.max_bytes {
                return Ok(Step::Full);
            }
            let Some(current) = &mut self.current else { return Ok(Step::TableDone) };
            let Some((tag, body)) = current.frames.peek().map_err(malformed)? else { return Ok(Step::More) };
            match tag {
                b'D' => {
                    let body = current.frames.buffer().slice_ref(body);
                    let before = (self.any, current.rows > 0);
                    let next = if current.rows > 0 { Next::SameTable } else { Next::OtherTable };
                    let held = Held::new(current.job.shape.clone(), body, before);
                    current.rows += 1;
                    current.frames.advance().map_err(malformed)?;
                    self.any = true;
                    *bytes += self.let_go(next, records)?;
                    self.held = Some(held);
                    continue;
                }
                b'E' => current.error = Some(ServerError::read(body)),
                b'Z' => return Ok(Step::TableDone),
                _ => {}
            }
            current.frames.advance().map_err(malformed)?;
        }
    }

    /// Makes a record of the row that is held back. Returns its size.
    fn let_go(&mut self, next: Next, records: &mut Records) -> Result<usize, Error> {
        let Some(held) = self.held.take() else { return Ok(0) };
        let shape = &held.shape;
        let source = match held.marker(next) {
            Marker::Within => self.within(&held.shape),
            marker => self.point.place(marker).block(&shape.source, &mut self.scratch),
        };
        let cells = cells(&held.body, shape.columns.len()).map_err(malformed)?;
        let mut reading = Reading { scratch: &mut self.scratch, failure: self.failure, host: &*self.host };
        let row = reading.row(shape, cells, Side::New(None), &held.body)?;
        records.read(shape, row, source);
        Ok(shape.overhead + held.body.len())
    }

    /// The `source` block of all rows of a table but the first and the last: one for all of them.
    fn within(&mut self, shape: &Arc<Shape>) -> Value {
        match &self.within {
            Some((known, block)) if Arc::ptr_eq(known, shape) => block.clone(),
            _ => {
                let block = self.point.place(Marker::Within).block(&shape.source, &mut self.scratch);
                let block = match block {
                    Value::Struct(block) => Value::Struct(block.into_shared()),
                    other => other,
                };
                self.within = Some((shape.clone(), block.clone()));
                block
            }
        }
    }

    fn end_table(&mut self) -> Result<(), Error> {
        self.show(true);
        let Some(current) = self.current.take() else { return Ok(()) };
        match current.error {
            Some(error) => Err(failed(&current.job.name, error)),
            None => {
                let Current { job, rows, .. } = current;
                tracing::info!(table = job.name, rows, "snapshot: table read");
                self.host.progress(progress(&job.name, rows, rows, true));
                Ok(())
            }
        }
    }

    fn show(&mut self, now: bool) {
        let Some(current) = &self.current else { return };
        let (name, rows, estimate) = (&current.job.name, current.rows, current.job.estimate);
        if now || self.shown.elapsed() >= SHOW_EVERY {
            self.shown = Instant::now();
            self.host.progress(progress(name, rows, estimate.max(rows), false));
        }
        if self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            tracing::info!(table = name, rows, estimate, "snapshot: reading");
        }
    }
}

fn progress(name: &str, done: u64, total: u64, finished: bool) -> Progress {
    Progress { name: name.to_owned(), done, total: Some(total), unit: "rows".into(), finished }
}

fn reading(fault: Fault) -> Error {
    fault.error("reading the snapshot")
}

fn malformed(why: crate::replication::Malformed) -> Error {
    reading(Fault::Malformed(why))
}

/// A SELECT has failed. Tables are locked against being altered, so what is left is rights and trouble on the server.
fn failed(table: &str, error: ServerError) -> Error {
    let what = format!("reading the snapshot of {table}");
    Fault::Server(Box::new(error)).error(&what)
}

impl Point {
    fn place(&self, marker: Marker) -> Place<'static> {
        Place { marker, time: self.time, xid: self.xid, lsn: self.lsn, previous: Lsn::NONE, origin: None }
    }
}
