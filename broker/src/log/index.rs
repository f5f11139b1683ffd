//! The two indexes of a segment, in Kafka's formats: every four kilobytes of log one entry in each.
//!
//! `.index`: relative offset (`u32`) of the last record of a batch, then the position (`u32`) where that batch starts.
//! `.timeindex`: largest timestamp so far (`i64`), then the relative offset (`u32`) that had it. Both are caches: they are
//! written when the segment is closed, without a sync, and rebuilt from the log when they are missing or wrong.

use std::io;

use super::disk::DiskFile;

/// Log bytes between two entries.
pub const INDEX_INTERVAL: u64 = 4096;

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// Where to start looking for an offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetIndex {
    entries: Vec<(u32, u32)>,
}

impl OffsetIndex {
    /// Adds an entry; offsets and positions grow.
    pub fn push(&mut self, relative_offset: u32, position: u32) {
        self.entries.push((relative_offset, position));
    }

    /// Position of a batch that is not after the one that holds the offset; 0 without a better one.
    pub fn lookup(&self, relative_offset: u32) -> u32 {
        let after = self.entries.partition_point(|entry| entry.0 <= relative_offset);
        after.checked_sub(1).map_or(0, |at| self.entries[at].1)
    }

    /// As [`lookup`](Self::lookup), in an `.index` file.
    ///
    /// # Errors
    /// The disk's own.
    pub fn lookup_in(file: &dyn DiskFile, relative_offset: u32) -> io::Result<u32> {
        let (mut position, mut low, mut high) = (0, 0, file.len()? / OFFSET_ENTRY as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = Vec::with_capacity(OFFSET_ENTRY);
            file.read_at(&mut entry, OFFSET_ENTRY, middle * OFFSET_ENTRY as u64)?;
            match (u32_at(&entry, 0), u32_at(&entry, 4)) {
                (Some(offset), Some(found)) if offset <= relative_offset => (position, low) = (found, middle + 1),
                _ => high = middle,
            }
        }
        Ok(position)
    }

    /// Content of the `.index` file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entry = |(offset, position): &(u32, u32)| [offset.to_be_bytes(), position.to_be_bytes()].concat();
        self.entries.iter().flat_map(entry).collect()
    }

    /// Reads an `.index` file of a log file of `size` bytes; `None` if it cannot be one.
    pub fn from_bytes(bytes: &[u8], size: u64) -> Option<Self> {
        let entry = |entry: &[u8]| Some((u32_at(entry, 0)?, u32_at(entry, 4)?));
        let entries: Vec<_> = bytes.chunks(OFFSET_ENTRY).map(entry).collect::<Option<_>>()?;
        let grows = entries.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
        let inside = entries.last().is_none_or(|last| u64::from(last.1) < size);
        (grows && inside).then_some(Self { entries })
    }
}

/// Where to start looking for a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeIndex {
    entries: Vec<(i64, u32)>,
}

impl TimeIndex {
    /// Adds an entry if its time is later than the last one's.
    pub fn push(&mut self, timestamp: i64, relative_offset: u32) {
        if self.last().is_none_or(|last| last.0 < timestamp) {
            self.entries.push((timestamp, relative_offset));
        }
    }

    /// Relative offset before which no record is as late as `timestamp`; 0 without a better one.
    pub fn lookup(&self, timestamp: i64) -> u32 {
        let after = self.entries.partition_point(|entry| entry.0 < timestamp);
        after.checked_sub(1).map_or(0, |at| self.entries[at].1)
    }

    /// The last entry: the largest timestamp that the index knows, and the relative offset that had it.
    pub fn last(&self) -> Option<(i64, u32)> {
        self.entries.last().copied()
    }

    /// Content of the `.timeindex` file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entry = |(time, offset): &(i64, u32)| [&time.to_be_bytes()[..], &offset.to_be_bytes()].concat();
        self.entries.iter().flat_map(entry).collect()
    }

    /// Reads a `.timeindex` file; `None` if it cannot be one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let entry = |entry: &[u8]| {
            let time = i64::from_be_bytes(entry.get(..8)?.try_into().ok()?);
            Some((time, u32_at(entry, 8)?))
        };
        let entries: Vec<_> = bytes.chunks(TIME_ENTRY).map(entry).collect::<Option<_>>()?;
        let grows = entries.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        grows.then_some(Self { entries })
    }
}

fn u32_at(entry: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(entry.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_never_lands_behind_what_is_looked_for() {
        let mut offsets = OffsetIndex::default();
        offsets.push(9, 4100);
        offsets.push(19, 8300);
        assert_eq!([8, 9, 18, 19, 500].map(|offset| offsets.lookup(offset)), [0, 4100, 4100, 8300, 8300]);
        let mut times = TimeIndex::default();
        times.push(1000, 9);
        times.push(900, 15);
        times.push(2000, 19);
        assert_eq!([1000, 1001, 2000, 2001].map(|time| times.lookup(time)), [0, 9, 9, 19]);
        assert_eq!(times.last(), Some((2000, 19)));
    }

    #[test]
    fn indexes_read_back_and_damaged_ones_are_noticed() {
        let mut offsets = OffsetIndex::default();
        let mut times = TimeIndex::default();
        for i in 1..5 {
            offsets.push(i * 10, i * 5000);
            times.push(i64::from(i), i * 10);
        }
        let (bytes, time_bytes) = (offsets.to_bytes(), times.to_bytes());
        assert_eq!(OffsetIndex::from_bytes(&bytes, 30_000), Some(offsets));
        assert_eq!(OffsetIndex::from_bytes(&bytes, 20_000), None);
        assert_eq!(OffsetIndex::from_bytes(&bytes[1..], 30_000), None);
        assert_eq!(TimeIndex::from_bytes(&time_bytes), Some(times));
        assert_eq!(TimeIndex::from_bytes(&time_bytes[..13]), None);
        assert_eq!(TimeIndex::from_bytes(&[&time_bytes[12..], &time_bytes[..12]].concat()), None);
    }
}
