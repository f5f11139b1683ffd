//! What has been fetched and not put yet.

use std::collections::VecDeque;

use broker_client::TopicPartition;
use broker_wire::records::{Batch, MAX_DECOMPRESSED, Record, TimestampType as Stamped};
use connector_api::{Error, Result, SinkRecord, TimestampType};

use super::decode::Decoder;
use crate::task::{MemoryBudget, Share};

/// Bytes that one task may have fetched ahead, whatever the worker's budget allows.
const TASK_BYTES: usize = 4 << 20;

/// Batches in the order in which they came. They are opened and decoded as they are wanted.
pub(super) struct Queue {
    budget: MemoryBudget,
    batches: VecDeque<Fetched>,
    opened: VecDeque<Record>,
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

/// Records to put, of one partition or several, and how far each partition has come with them.
#[derive(Default)]
pub(super) struct Chunk {
    pub records: Vec<SinkRecord>,
    pub next: Vec<(TopicPartition, i64)>,
}

impl Queue {
    pub fn new(budget: MemoryBudget) -> Queue {
        Queue { budget, batches: VecDeque::new(), opened: VecDeque::new(), bytes: 0, beyond_budget: false }
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
            self.opened.clear();
        }
        self.batches.retain(|fetched| fetched.partition != *partition);
        self.count();
    }

    /// The next records, at most that many.
    pub fn next(&mut self, most: usize, decoder: &mut Decoder) -> Result<Chunk> {
        let mut chunk = Chunk::default();
        while chunk.records.len() < most {
            let Some(front) = self.batches.front() else { break };
            if self.opened.is_empty() {
                self.opened = open(front)?;
            }
            let header = &front.batch.header;
            let stamped = match header.timestamp_type() {
                Stamped::CreateTime => TimestampType::CreateTime,
                Stamped::LogAppendTime => TimestampType::LogAppendTime,
            };
            while chunk.records.len() < most
                && let Some(record) = self.opened.pop_front()
            {
                let next = record.offset + 1;
                chunk.records.push(decoder.decode(&front.partition, stamped, record)?);
                chunk.reached(&front.partition, next);
            }
            if self.opened.is_empty() {
                // Offsets may be missing at the end of a batch; the position still goes behind it.
                chunk.reached(&front.partition, header.last_offset() + 1);
                self.batches.pop_front();
                self.count();
            }
        }
        Ok(chunk)
    }

    fn count(&mut self) {
        self.bytes = self.batches.iter().map(|fetched| fetched.batch.bytes.len()).sum();
        self.beyond_budget &= !self.batches.is_empty();
    }
}

impl Chunk {
    fn reached(&mut self, partition: &TopicPartition, next: i64) {
        match self.next.last_mut().filter(|(known, _)| known == partition) {
            Some((_, offset)) => *offset = next,
            None => self.next.push((partition.clone(), next)),
        }
    }

    /// Drops what belongs to a partition that the task gives up.
    pub fn forget(&mut self, partition: &TopicPartition) {
        let same = |record: &SinkRecord| {
            *record.origin.topic == *partition.topic && record.origin.partition == partition.partition
        };
        self.records.retain(|record| !same(record));
        self.next.retain(|(known, _)| known != partition);
    }
}

/// The records of a batch that are wanted. Markers of transactions hold none.
fn open(fetched: &Fetched) -> Result<VecDeque<Record>> {
    let Fetched { partition, from, batch, .. } = fetched;
    if batch.header.is_control() {
        return Ok(VecDeque::new());
    }
    let broken = |why| {
        let offset = batch.header.base_offset;
        Error::fatal(format!("the batch of {partition} at offset {offset} cannot be read")).caused_by(why)
    };
    let open = batch.open(MAX_DECOMPRESSED).map_err(broken)?;
    let wanted = open.slices().filter(|record| !matches!(record, Ok(record) if record.offset < *from));
    wanted.map(|record| record.map_err(broken)).collect()
}
