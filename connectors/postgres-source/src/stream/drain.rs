//! From messages to records, as far as messages have come. Nothing here waits.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use connector_api::data::Value;
use connector_api::{Error, Host, PollLimits, SourceRecord};

use super::relations::{Found, Relations};
use super::transaction::Progress;
use crate::config::Skipped;
use crate::config::modes::FailureMode;
use crate::connection::Fault;
use crate::connection::frames::Frames;
use crate::decode::Scratch;
use crate::envelope::row::{Reading, Side};
use crate::envelope::shape::WireTable;
use crate::envelope::source::{Marker, OriginServer, Place};
use crate::envelope::{Records, Shape};
use crate::lsn::Lsn;
use crate::position::StreamPosition;
use crate::replication::Malformed;
use crate::replication::pgoutput::{self, Message, OldTuple, Tuple};
use crate::replication::xlog::{self, FromServer};

/// Why draining stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The batch is full.
    Full,
    /// All that has come is used up.
    Empty,
    /// This table has to be looked up first.
    LookUp(WireTable),
}

/// Turns messages into records.
pub struct Drain {
    frames: Frames,
    changes: Changes,
}

/// What the messages have led to so far.
struct Changes {
    relations: Relations,
    progress: Progress,
    origin: Option<OriginServer>,
    scratch: Scratch,
    skipped: Skipped,
    failure: FailureMode,
    host: Arc<dyn Host>,
    /// Records of a change that did not fit into the last batch as a whole.
    leftover: VecDeque<SourceRecord>,
    /// The position before the change whose records are left over.
    held_position: Option<StreamPosition>,
    asked: bool,
}

/// A batch on its way.
pub struct Batch {
    /// Its records.
    pub records: Records,
    /// About how large they are.
    pub bytes: usize,
    /// How large it may get.
    pub limits: PollLimits,
}

impl Batch {
    fn room(&self) -> usize {
        self.limits.max_records.saturating_sub(self.records.records.len())
    }

    fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes >= self.limits.max_bytes
    }
}

fn malformed(why: Malformed) -> Error {
    Fault::Malformed(why).error("reading the stream")
}

impl Drain {
    /// Goes on from a position.
    pub fn new(
        at: StreamPosition,
        relations: Relations,
        skipped: Skipped,
        failure: FailureMode,
        host: Arc<dyn Host>,
    ) -> Drain {
        let changes = Changes {
            relations,
            progress: Progress::from(at),
            origin: None,
            scratch: Scratch::default(),
            skipped,
            failure,
            host,
            leftover: VecDeque::new(),
            held_position: None,
            asked: false,
        };
        Drain { frames: Frames::default(), changes }
    }

    /// Takes a chunk of whole messages, after the last one has been used up.
    pub fn feed(&mut self, chunk: Bytes) {
        self.frames = Frames::new(chunk);
    }

    /// The position after all records that have been handed over as a whole.
    pub fn position(&self) -> StreamPosition {
        let changes = &self.changes;
        changes.held_position.unwrap_or_else(|| changes.progress.position())
    }

    /// Whether no transaction is open and nothing is left over.
    pub fn is_between(&self) -> bool {
        self.changes.progress.open().is_none() && self.changes.leftover.is_empty()
    }

    /// Whether the server has asked for a sign of life.
    pub fn is_asked(&self) -> bool {
        self.changes.asked
    }

    /// Whether the server has asked for a sign of life since the last call.
    pub fn take_asked(&mut self) -> bool {
        std::mem::take(&mut self.changes.asked)
    }

    /// Looks a table up in the catalog, as [`Step::LookUp`] asks for.
    pub async fn look_up(&mut self, table: WireTable) -> Result<(), Error> {
        self.changes.relations.look_up(table).await
    }

    /// Adds records to the batch.
    pub fn drain(&mut self, batch: &mut Batch) -> Result<Step, Error> {
        let Drain { frames, changes } = self;
        changes.pour_leftover(batch);
        loop {
            if batch.is_full() {
                return Ok(Step::Full);
            }
            let Some((tag, body)) = frames.peek().map_err(malformed)? else { return Ok(Step::Empty) };
            let done = match tag {
                b'd' => changes.copied(body, frames.buffer(), batch)?,
                _ => Done::Used,
            };
            if !matches!(done, Done::NotYet) {
                frames.advance().map_err(malformed)?;
            }
            match done {
                Done::Used => {}
                Done::NotYet | Done::UsedAndFull => return Ok(Step::Full),
                Done::UsedButUnknown(table) => return Ok(Step::LookUp(table)),
            }
        }
    }
}

/// What became of a message.
enum Done {
    /// It is used up.
    Used,
    /// It is used up, and the batch is full.
    UsedAndFull,
    /// It does not fit into the batch any more.
    NotYet,
    /// It is used up, but this table has to be looked up before the next one.
    UsedButUnknown(WireTable),
}

impl Changes {
    /// Handles the body of a CopyData message.
    fn copied(&mut self, body: &[u8], buffer: &Bytes, batch: &mut Batch) -> Result<Done, Error> {
        match xlog::read(body).map_err(malformed)? {
            FromServer::Keepalive { end, reply } => {
                self.asked |= reply;
                self.progress.idle(end);
                Ok(Done::Used)
            }
            FromServer::Data { lsn, message } => {
                let message = pgoutput::decode(message).map_err(malformed)?;
                self.message(&message, lsn, buffer, batch)
            }
        }
    }

    fn pour_leftover(&mut self, batch: &mut Batch) {
        while batch.room() > 0 {
            let Some(record) = self.leftover.pop_front() else { break };
            batch.bytes += record.size();
            batch.records.records.push(record);
        }
        if self.leftover.is_empty() {
            self.held_position = None;
        }
    }

    fn message(&mut self, message: &Message<'_>, lsn: Lsn, buffer: &Bytes, batch: &mut Batch) -> Result<Done, Error> {
        match message {
            Message::Begin(begin) => {
                self.origin = None;
                self.progress.begin(*begin);
            }
            Message::Commit(commit) => self.progress.commit(*commit),
            Message::Origin { lsn, name } => {
                self.origin = Some(OriginServer { name: (*name).to_owned().into(), lsn: *lsn });
            }
            Message::Relation(relation) => {
                return Ok(self.relations.describe(relation).map_or(Done::Used, Done::UsedButUnknown));
            }
            Message::Type | Message::Logical => {}
            Message::Insert { .. } | Message::Update { .. } | Message::Delete { .. } | Message::Truncate(_) => {
                return self.change(message, lsn, buffer, batch);
            }
        }
        Ok(Done::Used)
    }

    /// A change that comes in several records waits for the next batch if they do not fit, unless the batch is empty.
    fn change(&mut self, message: &Message<'_>, lsn: Lsn, buffer: &Bytes, batch: &mut Batch) -> Result<Done, Error> {
        let most = most_records(message);
        if most > batch.room() && !batch.records.records.is_empty() {
            return Ok(Done::NotYet);
        }
        let before = (most > 1).then(|| self.progress.position());
        if !self.progress.event(lsn) {
            return Ok(Done::Used);
        }
        self.records(message, lsn, buffer, batch)?;
        let most = batch.limits.max_records.max(1);
        if batch.records.records.len() <= most {
            return Ok(Done::Used);
        }
        self.leftover.extend(batch.records.records.drain(most..));
        self.held_position = before;
        Ok(Done::UsedAndFull)
    }

    fn records(&mut self, message: &Message<'_>, lsn: Lsn, buffer: &Bytes, batch: &mut Batch) -> Result<(), Error> {
        match message {
            Message::Insert { relation, new } if !self.skipped.inserts => {
                let Some(shape) = self.shape(*relation)? else { return Ok(()) };
                let row = self.row(&shape, *new, Side::New(None), buffer)?;
                let source = self.source(&shape, lsn);
                batch.records.created(&shape, row, source);
                batch.bytes += shape.overhead + new.size();
            }
            Message::Update { relation, old, new } if !self.skipped.updates => {
                let Some(shape) = self.shape(*relation)? else { return Ok(()) };
                let old_row = match old {
                    Some((kind, tuple)) => Some(self.row(&shape, *tuple, Side::Old(*kind), buffer)?),
                    None => None,
                };
                let full = old.as_ref().is_some_and(|(kind, _)| *kind == OldTuple::Full);
                let known = old_row.as_deref().filter(|_| full);
                let row = self.row(&shape, *new, Side::New(known), buffer)?;
                let source = self.source(&shape, lsn);
                let had = batch.records.records.len();
                batch.records.updated(&shape, old_row, row, source);
                let made = batch.records.records.len() - had;
                batch.bytes += shape.overhead * made + new.size() + old.as_ref().map_or(0, |(_, tuple)| tuple.size());
            }
            Message::Delete { relation, old: (kind, tuple) } if !self.skipped.deletes => {
                let Some(shape) = self.shape(*relation)? else { return Ok(()) };
                let row = self.row(&shape, *tuple, Side::Old(*kind), buffer)?;
                let source = self.source(&shape, lsn);
                batch.records.deleted(&shape, row, source);
                batch.bytes += shape.overhead * 2 + tuple.size();
            }
            Message::Truncate(relations) if !self.skipped.truncates => {
                for relation in relations {
                    let Some(shape) = self.shape(*relation)? else { continue };
                    let source = self.source(&shape, lsn);
                    batch.records.truncated(&shape, source);
                    batch.bytes += shape.overhead;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn shape(&self, relation: u32) -> Result<Option<Arc<Shape>>, Error> {
        match self.relations.find(relation) {
            Found::Captured(shape) => Ok(Some(shape.clone())),
            Found::Ignored => Ok(None),
            Found::Unknown => Err(malformed(Malformed("a change of a table that was not described before"))),
        }
    }

    fn row(&mut self, shape: &Shape, tuple: Tuple<'_>, side: Side<'_>, buffer: &Bytes) -> Result<Vec<Value>, Error> {
        if tuple.len() != shape.columns.len() {
            return Err(malformed(Malformed("a row has another number of values than its table has columns")));
        }
        let mut reading = Reading { scratch: &mut self.scratch, failure: self.failure, host: &*self.host };
        reading.row(shape, tuple.cells(), side, buffer)
    }

    fn source(&mut self, shape: &Shape, lsn: Lsn) -> Value {
        let begin = self.progress.open().map(|open| open.begin);
        let place = Place {
            marker: Marker::Streamed,
            time: begin.map_or(0, |begin| begin.time),
            xid: begin.map(|begin| begin.xid),
            lsn,
            previous: self.progress.previous(),
            origin: self.origin.as_ref(),
        };
        place.block(&shape.source, &mut self.scratch)
    }
}

/// The most records that a change can make: a changed key makes a deletion, a tombstone and a creation.
fn most_records(message: &Message<'_>) -> usize {
    match message {
        Message::Update { old: Some(_), .. } => 3,
        Message::Delete { .. } => 2,
        Message::Truncate(relations) => relations.len(),
        _ => 1,
    }
}
