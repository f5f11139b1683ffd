//! One partition: reading.

use std::io;
use std::sync::Arc;

use broker_wire::records::{BATCH_OVERHEAD, BatchHeader, MAX_DECOMPRESSED, RecordError, batches, check_batch};
use bytes::Bytes;
use thiserror::Error;

use super::aborted::{AbortedIndex, AbortedTransaction, search};
use super::disk::{DiskFile, read_file};
use super::index::{INDEX_INTERVAL, OffsetIndex, TimeIndex};
use super::partition::PartitionLog;
use super::segment::{ClosedSegment, LargestTimestamp};
use crate::buffers::Buffers;

/// Read beyond what was asked for, because the batch that holds an offset starts somewhere after its index entry.
const SLACK: usize = 2 * INDEX_INTERVAL as usize;

/// Why nothing can be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The offset is before the first or after the last one.
    #[error("offset {offset} is outside {start}..={end}")]
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// First offset that is there.
        start: i64,
        /// Offset after the last one.
        end: i64,
    },
    /// The disk's error.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// A record is missing that must be there: nothing is deleted or compacted yet.
    #[error("the log is damaged: the batch of offset {offset} is not where it should be")]
    Missing {
        /// The offset.
        offset: i64,
    },
    /// The log is damaged here.
    #[error("the log is damaged near offset {offset}: {error}")]
    Damaged {
        /// Near which offset.
        offset: i64,
        /// What is wrong.
        error: RecordError,
    },
}

/// Limits of a read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes.
    pub max_bytes: usize,
    /// Give one whole batch even if it is over the limit.
    pub at_least_one: bool,
}

/// A segment to read from, without the partition's lock.
struct Source {
    size: u64,
    file: Arc<dyn DiskFile>,
    /// Where to start walking.
    position: u64,
    /// Nobody has looked at the bytes since they came from the disk: checksums are checked before they are served. Those of
    /// the active segment were when they were appended, or by the start after a kill.
    cold: bool,
    buffers: Arc<Buffers>,
}

impl PartitionLog {
    /// Whole batches from the one that holds `offset` on, as they stand in the log, all below the high watermark. Empty
    /// at the end of the log, or if the first batch is over the limit.
    ///
    /// # Errors
    /// The offset is out of range, or the disk fails.
    pub fn read(&self, offset: i64, limits: Limits) -> Result<Bytes, ReadError> {
        self.read_below(self.high_watermark(), offset, limits)
    }

    /// The same, all below `bound`, which is the high watermark or less.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_below(&self, bound: i64, offset: i64, limits: Limits) -> Result<Bytes, ReadError> {
        let (start, end) = (self.start_offset(), self.end_offset().max(bound));
        if !(start..=end).contains(&offset) {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        if offset >= bound {
            return Ok(Bytes::new());
        }
        match self.source(offset)? {
            Some(source) => source.batches(offset, bound, limits),
            None => Ok(Bytes::new()),
        }
    }

    /// The aborted transactions with records among the batches that were read from `offset` on.
    ///
    /// # Errors
    /// The disk fails, or an index is damaged.
    pub fn aborted(&self, offset: i64, batches: &[u8]) -> io::Result<Vec<AbortedTransaction>> {
        let (mut found, to) = (Vec::new(), end_of(batches));
        let mut at = self.with_state(|state| state.segment_of(offset));
        loop {
            let (index, segment) = {
                let state = self.state.lock();
                let mut later = state.closed.iter().enumerate().skip(at);
                match later.find(|(_, segment)| !matches!(segment.aborted, AbortedIndex::None)) {
                    Some((index, segment)) => (index, segment.clone()),
                    None => {
                        let active = state.active.as_ref().map_or(&[][..], |active| &active.aborted);
                        search(active, offset, to, &mut found);
                        return Ok(found);
                    }
                }
            };
            if search(&segment.aborted.entries(self.disk(), &segment.paths)?, offset, to, &mut found) {
                return Ok(found);
            }
            at = index + 1;
        }
    }

    fn source(&self, offset: i64) -> io::Result<Option<Source>> {
        let closed = {
            let state = self.state.lock();
            if let Some(active) = state.active.as_ref().filter(|active| active.base_offset <= offset) {
                let position = active.indexes.offsets.lookup((offset - active.base_offset) as u32);
                return Ok(Some(Source {
                    size: active.size,
                    file: active.file.clone(),
                    position: u64::from(position),
                    cold: false,
                    buffers: self.buffers().clone(),
                }));
            }
            let after = state.closed.partition_point(|segment| segment.base_offset <= offset);
            after.checked_sub(1).map(|at| state.closed[at].clone())
        };
        closed.map(|segment| self.closed_source(&segment, offset)).transpose()
    }

    fn closed_source(&self, segment: &ClosedSegment, offset: i64) -> io::Result<Source> {
        let relative = (offset - segment.base_offset) as u32;
        let position = match &segment.indexes {
            Some(indexes) => indexes.offsets.lookup(relative),
            None => OffsetIndex::lookup_in(&*self.disk().open(&segment.paths.index())?, relative)?,
        };
        Ok(Source {
            size: segment.size,
            file: self.disk().open(&segment.paths.log())?,
            position: u64::from(position),
            cold: true,
            buffers: self.buffers().clone(),
        })
    }

    /// The first record, below the high watermark, whose timestamp is `timestamp` or later: its timestamp and offset.
    ///
    /// # Errors
    /// The disk fails or a batch is damaged.
    pub fn offset_for_time(&self, timestamp: i64) -> Result<Option<LargestTimestamp>, ReadError> {
        let (mut from, late_enough) = {
            let state = self.state.lock();
            let late = state.closed.iter().find(|segment| segment.largest.timestamp >= timestamp).cloned();
            let active = state.active.as_ref().filter(|active| active.indexes.largest().timestamp >= timestamp);
            let from = active.map(|active| active.base_offset + i64::from(active.indexes.times.lookup(timestamp)));
            (from, late)
        };
        if let Some(segment) = late_enough {
            let times = match &segment.indexes {
                Some(indexes) => indexes.times.clone(),
                None => TimeIndex::from_bytes(&read_file(self.disk(), &segment.paths.time_index()).unwrap_or_default())
                    .unwrap_or_default(),
            };
            from = Some(segment.base_offset + i64::from(times.lookup(timestamp)));
        }
        let Some(mut from) = from else { return Ok(None) };
        while let Some(batch) = self.next_batch(from)? {
            if batch.header.max_timestamp >= timestamp
                && let Some(found) = first_record(&batch, |record| record >= timestamp)?
            {
                return Ok(Some(found));
            }
            from = batch.header.last_offset() + 1;
        }
        Ok(None)
    }

    /// The record with the largest timestamp below the high watermark.
    ///
    /// # Errors
    /// The disk fails or a batch is damaged.
    pub fn largest_timestamp(&self) -> Result<Option<LargestTimestamp>, ReadError> {
        let mut largest = self.with_state(|state| {
            let closed = state.closed.iter().map(|segment| segment.largest);
            let all = closed.chain(state.active.as_ref().map(|active| active.indexes.largest()));
            all.reduce(|a, b| if b.timestamp > a.timestamp { b } else { a })
        });
        if largest.is_some_and(|largest| largest.offset >= self.high_watermark()) {
            // The batch in question is not durable yet: ask again for those that are.
            largest = self.largest_by_walking()?;
        }
        let Some(largest) = largest.filter(|largest| largest.timestamp >= 0) else { return Ok(None) };
        let Some(batch) = self.next_batch(largest.offset)? else { return Ok(None) };
        first_record(&batch, |timestamp| timestamp == largest.timestamp)
    }

    fn largest_by_walking(&self) -> Result<Option<LargestTimestamp>, ReadError> {
        let mut largest: Option<LargestTimestamp> = None;
        let mut from = self.start_offset();
        while let Some(batch) = self.next_batch(from)? {
            let (timestamp, offset) = (batch.header.max_timestamp, batch.header.last_offset());
            if largest.is_none_or(|largest| timestamp > largest.timestamp) {
                largest = Some(LargestTimestamp { timestamp, offset });
            }
            from = offset + 1;
        }
        Ok(largest)
    }

    /// The batch that holds `offset`, or the first one after it, if it is below the high watermark.
    fn next_batch(&self, offset: i64) -> Result<Option<broker_wire::records::Batch>, ReadError> {
        if offset >= self.high_watermark() {
            return Ok(None);
        }
        let bytes = self.read(offset, Limits { max_bytes: 1, at_least_one: true })?;
        let batch = batches(bytes).next().transpose();
        batch.map_err(|error| ReadError::Damaged { offset, error })
    }
}

fn first_record(
    batch: &broker_wire::records::Batch,
    wanted: impl Fn(i64) -> bool,
) -> Result<Option<LargestTimestamp>, ReadError> {
    let offset = batch.header.base_offset;
    let damaged = |error| ReadError::Damaged { offset, error };
    let open = batch.open(MAX_DECOMPRESSED).map_err(damaged)?;
    for record in open.records() {
        let record = record.map_err(damaged)?;
        if wanted(record.timestamp) {
            return Ok(Some(LargestTimestamp { timestamp: record.timestamp, offset: record.offset }));
        }
    }
    Ok(None)
}

impl Source {
    /// Whole batches from the one that holds `offset` on, all below `end`; empty if the first is over the limit or not below
    /// `end`. The offset is one of this segment.
    fn batches(&self, offset: i64, end: i64, limits: Limits) -> Result<Bytes, ReadError> {
        let damaged = |error| ReadError::Damaged { offset, error };
        let mut position = self.position;
        let mut bytes = self.read(position, limits.max_bytes.saturating_add(SLACK))?;
        let mut start = 0;
        loop {
            if bytes.len().saturating_sub(start) < BATCH_OVERHEAD {
                // The next header is behind what was read.
                position += start as u64;
                if position + BATCH_OVERHEAD as u64 > self.size {
                    return Err(ReadError::Missing { offset });
                }
                bytes = self.read(position, limits.max_bytes.saturating_add(SLACK))?;
                start = 0;
            }
            let header = BatchHeader::parse(&bytes[start..]).map_err(damaged)?;
            if header.last_offset() >= offset {
                return self.cut_out(&header, bytes, start, position, (offset, end, limits));
            }
            start += header.size();
        }
    }

    fn cut_out(
        &self,
        first: &BatchHeader,
        mut bytes: Vec<u8>,
        mut start: usize,
        position: u64,
        (offset, end, limits): (i64, i64, Limits),
    ) -> Result<Bytes, ReadError> {
        if first.base_offset > offset {
            return Err(ReadError::Missing { offset });
        }
        let size = first.size();
        let nothing = first.last_offset() >= end || (size > limits.max_bytes && !limits.at_least_one);
        if nothing && !self.cold {
            return Ok(Bytes::new());
        }
        if bytes.len() - start < size {
            bytes = self.read(position + start as u64, size.max(limits.max_bytes))?;
            start = 0;
        }
        if self.cold || bytes.len() - start < size {
            check_batch(&bytes[start..]).map_err(|error| ReadError::Damaged { offset, error })?;
        }
        if nothing {
            return Ok(Bytes::new());
        }
        let limit = size.max(limits.max_bytes).min(bytes.len() - start);
        let whole = whole_batches(&bytes[start..start + limit], end, self.cold);
        Ok(self.buffers.lend(bytes).slice(start..start + whole))
    }

    fn read(&self, position: u64, len: usize) -> io::Result<Vec<u8>> {
        let len = len.min(self.size.saturating_sub(position) as usize);
        let mut bytes = self.buffers.take(len);
        self.file.read_at(&mut bytes, len, position)?;
        Ok(bytes)
    }
}

/// Offset after the last of these whole batches; 0 without any.
fn end_of(mut batches: &[u8]) -> i64 {
    let mut end = 0;
    while let Ok(header) = BatchHeader::parse(batches) {
        end = header.last_offset() + 1;
        batches = batches.get(header.size()..).unwrap_or_default();
    }
    end
}

/// Bytes of the whole batches at the start of `bytes` that follow on each other and end below `end`. With `check` they end
/// before the first whose checksum does not fit.
fn whole_batches(bytes: &[u8], end: i64, check: bool) -> usize {
    let (mut at, mut expected) = (0, None);
    while let Ok(header) = if check { check_batch(&bytes[at..]) } else { BatchHeader::parse(&bytes[at..]) } {
        let follows = expected.is_none_or(|expected| expected == header.base_offset);
        if !follows || header.last_offset() >= end || header.size() > bytes.len() - at {
            break;
        }
        at += header.size();
        expected = Some(header.last_offset() + 1);
    }
    at
}
