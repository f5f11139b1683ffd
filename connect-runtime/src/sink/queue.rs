//! What has been fetched and not put yet.

use std::collections::VecDeque;

use broker_client::TopicPartition;
use broker_wire::records::{Batch, MAX_DECOMPRESSED, RecordError, Slice, Slices, TimestampType as Stamped};
use connector_api::{Error, Result, TimestampType};

use super::chunk::Chunk;
use super::decode::{Decoder, Unreadable};
use super::room::{Filling, Room};
use crate::task::{MemoryBudget, Share};

/// Bytes that one task may have fetched ahead, whatever the worker's budget allows.
const TASK_BYTES: usize = 4 << 20;

/// Batches in the order in which they came. They are opened and decoded as they are wanted.
pub(super) struct Queue {
    budget: MemoryBudget,
    batches: VecDeque<Fetched>,
    /// What is left of the first batch, once it has been opened.
    opened: Option<Slices>,
    bytes: usize,
    /// The budget had no room for the last fetch: no more until everything is put.
    beyond_budget: bool,
}

struct Fetched {
    partition: TopicPartition,
    from: i64,
    batch: Batch,
    _share: Share,
}

/// What is to become of records on their way out of the queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Go on behind a record that cannot be read.
    pub tolerate: bool,
    /// Keep records as they were read beside what they became.
    pub originals: bool,
}

impl Queue {
    pub fn new(budget: MemoryBudget) -> Queue {
        Queue { budget, batches: VecDeque::new(), opened: None, bytes: 0, beyond_budget: false }
    }

    /// Whether more may be fetched.
    pub fn has_room(&self) -> bool {
        self.batches.is_empty() || (!self.beyond_budget && self.bytes < TASK_BYTES)
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Adds what was fetched of a partition.
    pub fn push(&mut self, partition: &TopicPartition, from: i64, batches: Vec<Batch>) {
        for batch in batches {
            let size = batch.bytes.len();
            let share = self.budget.try_take(size);
            self.beyond_budget |= share.is_none();
            self.bytes += size;
            let share = share.unwrap_or_else(|| self.budget.beyond());
            self.batches.push_back(Fetched { partition: partition.clone(), from, batch, _share: share });
        }
    }

    /// Drops what was fetched of a partition that the task gives up.
    pub fn forget(&mut self, partition: &TopicPartition) {
        if self.batches.front().is_some_and(|front| front.partition == *partition) {
            self.opened = None;
        }
        self.batches.retain(|fetched| fetched.partition != *partition);
        self.count();
    }

    /// The next records, at most that many, and those among them that cannot be read. If reading does not go on behind
    /// such a one, it is an error once it is the first. They are written into `room`, records that nobody needs any more.
    pub fn next(
        &mut self,
        most: usize,
        decoder: &mut Decoder,
        reading: Reading,
        room: Room,
    ) -> Result<(Chunk, Vec<Unreadable>)> {
        let expected = self.batches.front().and_then(|front| usize::try_from(front.batch.header.records_count).ok());
        let records = Filling::new(room, expected.unwrap_or(0).min(most));
        let mut taking = Taking { most, decoder, reading, records, chunk: Chunk::default(), unreadable: Vec::new() };
        while !taking.is_full() {
            let Some(front) = self.batches.front() else { break };
            let rest = match &mut self.opened {
                Some(opened) => opened,
                none => none.insert(front.open()?),
            };
            if !taking.all_of(front, rest)? {
                break;
            }
            self.opened = None;
            self.batches.pop_front();
            self.count();
        }
        Ok(taking.done())
    }

    fn count(&mut self) {
        self.bytes = self.batches.iter().map(|fetched| fetched.batch.bytes.len()).sum();
        self.beyond_budget &= !self.batches.is_empty();
    }
}

/// Records on their way out of the queue.
struct Taking<'a> {
    most: usize,
    decoder: &'a mut Decoder,
    reading: Reading,
    records: Filling,
    chunk: Chunk,
    unreadable: Vec<Unreadable>,
}

impl Taking<'_> {
    fn is_full(&self) -> bool {
        self.records.count() + self.unreadable.len() >= self.most
    }

    /// Takes what is left of a batch, as far as there is room for it. False if some is left still.
    fn all_of(&mut self, fetched: &Fetched, rest: &mut Slices) -> Result<bool> {
        let (partition, header) = (&fetched.partition, &fetched.batch.header);
        let stamped = match header.timestamp_type() {
            Stamped::CreateTime => TimestampType::CreateTime,
            Stamped::LogAppendTime => TimestampType::LogAppendTime,
        };
        let mut reached = None;
        // Markers of transactions hold no records.
        while !header.is_control()
            && !self.is_full()
            && let Some(read) = rest.next_slice()
        {
            let read = read.map_err(|why| fetched.broken(why))?;
            let offset = read.record.offset;
            if offset < fetched.from {
                continue;
            }
            match self.decoder.decode(partition, stamped, &read, self.records.next(partition)) {
                Ok(()) => self.keep(&read),
                Err(why) if self.reading.tolerate => self.unreadable.push(*why),
                Err(why) if self.records.count() == 0 => return Err(why.error()),
                Err(_) => {
                    rest.step_back();
                    break;
                }
            }
            reached = Some(offset + 1);
        }
        let is_over = header.is_control() || rest.is_over();
        // Offsets may be missing at the end of a batch; the position still goes behind it.
        let reached = if is_over { Some(header.last_offset() + 1) } else { reached };
        reached.into_iter().for_each(|next| self.chunk.ends_at(partition, next));
        Ok(is_over)
    }

    fn keep(&mut self, read: &Slice<'_>) {
        self.records.keep();
        if self.reading.originals {
            self.chunk.originals.push(read.to_record());
        }
    }

    fn done(self) -> (Chunk, Vec<Unreadable>) {
        let Taking { records, mut chunk, unreadable, .. } = self;
        chunk.records = records.into_records();
        chunk.finish();
        (chunk, unreadable)
    }
}

impl Fetched {
    fn open(&self) -> Result<Slices> {
        Ok(self.batch.open(MAX_DECOMPRESSED).map_err(|why| self.broken(why))?.into_slices())
    }

    fn broken(&self, why: RecordError) -> Error {
        let offset = self.batch.header.base_offset;
        Error::fatal(format!("the batch of {} at offset {offset} cannot be read", self.partition)).caused_by(why)
    }
}
