//! What has been fetched and not put yet.

use std::collections::VecDeque;

use broker_client::TopicPartition;
use broker_wire::records::{Batch, MAX_DECOMPRESSED, Record, RecordError, Slices, TimestampType as Stamped};
use connector_api::{Error, Result, TimestampType};

use super::chunk::Chunk;
use super::decode::{Decoder, Unreadable};
use crate::task::{MemoryBudget, Share};

/// Bytes that one task may have fetched ahead, whatever the worker's budget allows.
const TASK_BYTES: usize = 4 << 20;

/// So many records find room at once where a batch says that it has as many; more grow it.
const EXPECTED: usize = 1_000;

/// Batches in the order in which they came. They are opened and decoded as they are wanted.
pub(super) struct Queue {
    budget: MemoryBudget,
    batches: VecDeque<Fetched>,
    /// What is left of the first batch, once it has been opened.
    opened: Option<Opened>,
    bytes: usize,
    /// The budget had no room for the last fetch: no more until everything is put.
    beyond_budget: bool,
}

/// Records that are read one after the other, as they are wanted.
struct Opened {
    /// Read, and not taken yet.
    next: Option<Record>,
    rest: Slices,
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
    /// such a one, it is an error once it is the first.
    pub fn next(&mut self, most: usize, decoder: &mut Decoder, reading: Reading) -> Result<(Chunk, Vec<Unreadable>)> {
        let (mut chunk, mut unreadable) = (Chunk::default(), Vec::new());
        let expected = self.batches.front().and_then(|front| usize::try_from(front.batch.header.records_count).ok());
        chunk.records.reserve(expected.unwrap_or(0).min(most).min(EXPECTED));
        while chunk.records.len() + unreadable.len() < most {
            let Some(front) = self.batches.front() else { break };
            let opened = match &mut self.opened {
                Some(opened) => opened,
                none => none.insert(Opened::new(front)?),
            };
            let header = &front.batch.header;
            let stamped = match header.timestamp_type() {
                Stamped::CreateTime => TimestampType::CreateTime,
                Stamped::LogAppendTime => TimestampType::LogAppendTime,
            };
            let mut next = None;
            while chunk.records.len() + unreadable.len() < most
                && let Some(record) = opened.next_of(front)?
            {
                match decoder.decode(&front.partition, stamped, record) {
                    Ok(decoded) => chunk.records.push(decoded),
                    Err(why) if reading.tolerate => unreadable.push(*why),
                    Err(why) if chunk.records.is_empty() => return Err(why.error()),
                    Err(_) => break,
                }
                next = Some(record.offset + 1);
                let record = opened.next.take();
                if reading.originals && chunk.originals.len() < chunk.records.len() {
                    chunk.originals.extend(record);
                }
            }
            next.into_iter().for_each(|next| chunk.ends_at(&front.partition, next));
            if opened.next_of(front)?.is_some() {
                break;
            }
            self.opened = None;
            // Offsets may be missing at the end of a batch; the position still goes behind it.
            chunk.ends_at(&front.partition, header.last_offset() + 1);
            self.batches.pop_front();
            self.count();
        }
        chunk.finish();
        Ok((chunk, unreadable))
    }

    fn count(&mut self) {
        self.bytes = self.batches.iter().map(|fetched| fetched.batch.bytes.len()).sum();
        self.beyond_budget &= !self.batches.is_empty();
    }
}

impl Opened {
    fn new(fetched: &Fetched) -> Result<Opened> {
        let open = fetched.batch.open(MAX_DECOMPRESSED).map_err(|why| fetched.broken(why))?;
        Ok(Opened { next: None, rest: open.into_slices() })
    }

    /// The next record that is wanted. Markers of transactions hold none.
    fn next_of(&mut self, fetched: &Fetched) -> Result<Option<&Record>> {
        while self.next.is_none() && !fetched.batch.header.is_control() {
            match self.rest.next() {
                Some(Ok(record)) if record.offset < fetched.from => {}
                Some(Ok(record)) => self.next = Some(record),
                Some(Err(why)) => return Err(fetched.broken(why)),
                None => break,
            }
        }
        Ok(self.next.as_ref())
    }
}

impl Fetched {
    fn broken(&self, why: RecordError) -> Error {
        let offset = self.batch.header.base_offset;
        Error::fatal(format!("the batch of {} at offset {offset} cannot be read", self.partition)).caused_by(why)
    }
}
