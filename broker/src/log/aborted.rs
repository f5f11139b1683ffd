//! The `.txnindex` files: which transactions were aborted in a segment, in Kafka's format.
//!
//! One entry for each marker that aborts, in the order of the markers: `version i16 = 0 | producer id i64 | first offset i64 |
//! offset of the marker i64 | last stable offset i64`. The last stable offset is the one that the marker left behind: whatever
//! was open then or began later starts at or after it, so that a search may end there.
//!
//! A segment without aborted transactions has no file. The active segment keeps its entries in memory, up to [`MAX_ABORTED`]: then
//! the segment is full. A file is synced before the snapshot of producer state that lets a restart pass its segment over, so
//! that a missing file always means that there is nothing in it.

use std::io;

use super::disk::{Disk, read_file, replace_file};
use super::segment::SegmentPaths;

/// Aborted transactions in one segment, 32 bytes of memory each; with so many a new segment is started.
pub const MAX_ABORTED: usize = 65_536;

const VERSION: i16 = 0;
const ENTRY: usize = 34;

/// A transaction that was aborted in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of the marker that aborted it.
    pub last_offset: i64,
    /// First offset that was undecided after that, or the one after the marker.
    pub last_stable_offset: i64,
}

/// The aborted transactions of a segment that is closed.
#[derive(Debug, Clone, Default)]
pub enum AbortedIndex {
    /// There are none.
    #[default]
    None,
    /// They are in the segment's file.
    File,
    /// The file could not be written.
    Memory(Vec<AbortedTransaction>),
}

impl AbortedIndex {
    /// Writes the file, synced. Without aborted transactions there is none.
    ///
    /// # Errors
    /// The disk's own.
    pub fn write(disk: &dyn Disk, paths: &SegmentPaths, entries: &[AbortedTransaction]) -> io::Result<()> {
        let path = paths.aborted();
        if !entries.is_empty() {
            return replace_file(disk, &path, &encode(entries));
        }
        match disk.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a file; `None` if it is damaged.
    pub fn read(disk: &dyn Disk, paths: &SegmentPaths) -> Option<Vec<AbortedTransaction>> {
        decode(&read_file(disk, &paths.aborted()).ok()?)
    }

    /// The entries.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn entries(&self, disk: &dyn Disk, paths: &SegmentPaths) -> io::Result<Vec<AbortedTransaction>> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Memory(entries) => Ok(entries.clone()),
            Self::File => decode(&read_file(disk, &paths.aborted())?)
                .ok_or_else(|| io::Error::other(format!("{} is damaged", paths.aborted().display()))),
        }
    }
}

/// Adds to `found` what was aborted among the offsets from `from` on and below `to`. True if later segments have no more.
pub fn search(entries: &[AbortedTransaction], from: i64, to: i64, found: &mut Vec<AbortedTransaction>) -> bool {
    let first = entries.partition_point(|entry| entry.last_offset < from);
    for entry in entries.get(first..).unwrap_or_default() {
        if entry.first_offset < to {
            found.push(*entry);
        }
        if entry.last_stable_offset >= to {
            return true;
        }
    }
    false
}

fn encode(entries: &[AbortedTransaction]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    for entry in entries {
        bytes.extend(VERSION.to_be_bytes());
        for number in [entry.producer_id, entry.first_offset, entry.last_offset, entry.last_stable_offset] {
            bytes.extend(number.to_be_bytes());
        }
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<AbortedTransaction>> {
    if !bytes.len().is_multiple_of(ENTRY) {
        return None;
    }
    let entries: Vec<_> = bytes.chunks(ENTRY).map(decode_entry).collect::<Option<_>>()?;
    let in_order = entries.is_sorted_by(|a, b| a.last_offset < b.last_offset);
    let possible = |entry: &AbortedTransaction| {
        (0..entry.last_offset).contains(&entry.first_offset) && entry.last_stable_offset <= entry.last_offset + 1
    };
    (in_order && entries.iter().all(possible)).then_some(entries)
}

fn decode_entry(entry: &[u8]) -> Option<AbortedTransaction> {
    let i64_at = |at: usize| Some(i64::from_be_bytes(entry.get(at..at + 8)?.try_into().ok()?));
    let version = i16::from_be_bytes(entry.get(..2)?.try_into().ok()?);
    (version == VERSION).then_some(AbortedTransaction {
        producer_id: i64_at(2)?,
        first_offset: i64_at(10)?,
        last_offset: i64_at(18)?,
        last_stable_offset: i64_at(26)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::transactions::Transactions;
    use super::*;

    #[test]
    fn entries_read_back_and_damage_is_seen() {
        let entry = |first_offset, last_offset| AbortedTransaction {
            producer_id: 7,
            first_offset,
            last_offset,
            last_stable_offset: first_offset,
        };
        let entries = vec![entry(0, 5), entry(2, 9)];
        let bytes = encode(&entries);
        assert_eq!(bytes.len(), 2 * ENTRY);
        assert_eq!(decode(&bytes), Some(entries));
        assert_eq!(decode(&bytes[..ENTRY + 1]), None);
        assert_eq!(decode(&encode(&[entry(2, 9), entry(0, 5)])), None);
        assert_eq!(decode(&encode(&[entry(9, 5)])), None);
    }

    proptest! {
        /// Transactions that overlap as they like: a search finds just those that have a part in the range, also where it ends
        /// early.
        #[test]
        fn a_search_finds_what_overlaps(
            steps in proptest::collection::vec((0i64..5, any::<bool>()), 1..60),
            per_segment in 1usize..8,
            from in 0i64..60,
            len in 1i64..20,
        ) {
            let mut transactions = Transactions::default();
            let (mut open, mut entries) = (std::collections::HashMap::new(), Vec::new());
            for (offset, (producer, ends)) in steps.into_iter().enumerate() {
                let offset = offset as i64;
                match open.remove(&producer) {
                    Some(first) if ends => entries.push(transactions.ended((producer, first), offset)),
                    Some(first) => drop(open.insert(producer, first)),
                    None => {
                        transactions.opened(offset);
                        open.insert(producer, offset);
                    }
                }
            }
            let expected: Vec<_> =
                entries.iter().copied().filter(|e| e.last_offset >= from && e.first_offset < from + len).collect();
            let mut found = Vec::new();
            for segment in entries.chunks(per_segment) {
                if search(segment, from, from + len, &mut found) {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
