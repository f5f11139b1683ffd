//! Segments: the files of a partition, named after the offset of their first record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_wire::records::BatchHeader;

use super::aborted::{AbortedIndex, AbortedTransaction, MAX_ABORTED};
use super::disk::{Disk, DiskFile, write_all};
use super::index::{INDEX_INTERVAL, OffsetIndex, TimeIndex};

/// The files of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPaths {
    stem: PathBuf,
}

impl SegmentPaths {
    /// The paths of the segment that starts at `base_offset`.
    pub fn new(dir: &Path, base_offset: i64) -> Self {
        Self { stem: dir.join(format!("{base_offset:020}")) }
    }

    /// The batches.
    pub fn log(&self) -> PathBuf {
        self.stem.with_extension("log")
    }

    /// The offset index.
    pub fn index(&self) -> PathBuf {
        self.stem.with_extension("index")
    }

    /// The time index.
    pub fn time_index(&self) -> PathBuf {
        self.stem.with_extension("timeindex")
    }

    /// The aborted transactions.
    pub fn aborted(&self) -> PathBuf {
        self.stem.with_extension("txnindex")
    }
}

/// A timestamp in ms and the offset of a batch's last record, whose batch has it as its largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LargestTimestamp {
    /// -1 if no record has a timestamp.
    pub timestamp: i64,
    /// The offset.
    pub offset: i64,
}

/// What a segment knows of its content without reading it.
#[derive(Debug, Clone, Default)]
pub struct Indexes {
    /// By offset.
    pub offsets: OffsetIndex,
    /// By time.
    pub times: TimeIndex,
    largest: Option<LargestTimestamp>,
    since_entry: u64,
}

impl Indexes {
    /// Takes note of a batch at `position`.
    pub fn note(&mut self, base_offset: i64, position: u64, header: &BatchHeader) {
        if self.largest.is_none_or(|largest| header.max_timestamp > largest.timestamp) {
            let offset = header.last_offset();
            self.largest = Some(LargestTimestamp { timestamp: header.max_timestamp, offset });
        }
        if self.since_entry > INDEX_INTERVAL {
            self.offsets.push((header.last_offset() - base_offset) as u32, position as u32);
            self.note_time(base_offset);
            self.since_entry = 0;
        }
        self.since_entry += header.size() as u64;
    }

    fn note_time(&mut self, base_offset: i64) {
        if let Some(largest) = self.largest {
            self.times.push(largest.timestamp, (largest.offset - base_offset) as u32);
        }
    }

    /// Indexes as they were read from their files.
    pub fn resume(offsets: OffsetIndex, times: TimeIndex, base_offset: i64) -> Self {
        let largest = times.last();
        let largest =
            largest.map(|(timestamp, at)| LargestTimestamp { timestamp, offset: base_offset + i64::from(at) });
        Self { offsets, times, largest, since_entry: 0 }
    }

    /// The largest timestamp so far.
    pub fn largest(&self) -> LargestTimestamp {
        self.largest.unwrap_or(LargestTimestamp { timestamp: -1, offset: -1 })
    }
}

/// The segment that is appended to. Its indexes are in memory.
#[derive(Debug)]
pub struct ActiveSegment {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Its files.
    pub paths: SegmentPaths,
    /// The batches.
    pub file: Arc<dyn DiskFile>,
    /// Bytes of whole batches.
    pub size: u64,
    /// Its indexes.
    pub indexes: Indexes,
    /// The transactions whose markers in it abort them, in the order of the markers.
    pub aborted: Vec<AbortedTransaction>,
}

impl ActiveSegment {
    /// Makes an empty segment.
    ///
    /// # Errors
    /// The disk's own.
    pub fn create(disk: &dyn Disk, dir: &Path, base_offset: i64) -> io::Result<Self> {
        let paths = SegmentPaths::new(dir, base_offset);
        let file = disk.create(&paths.log())?;
        file.set_len(0)?;
        Ok(Self { base_offset, paths, file, size: 0, indexes: Indexes::default(), aborted: Vec::new() })
    }

    /// True if a batch up to `last_offset` of `len` bytes belongs into the next segment.
    pub fn is_full(&self, last_offset: i64, len: usize, limit: u64) -> bool {
        let too_far = last_offset - self.base_offset > i64::from(i32::MAX);
        self.size > 0 && (self.size + len as u64 > limit || too_far || self.aborted.len() >= MAX_ABORTED)
    }

    /// Writes a batch, given in two parts, at the end. `header` has the offsets that the batch got.
    ///
    /// # Errors
    /// The disk's own; [`Cut::Failed`] says that part of the batch could not be taken back.
    pub fn append(&mut self, head: &[u8], tail: &[u8], header: &BatchHeader) -> Result<(), Cut> {
        if let Err(error) = write_all(&*self.file, &[head, tail], self.size) {
            return match self.file.set_len(self.size) {
                Ok(()) => Err(Cut::Clean(error)),
                Err(second) => Err(Cut::Failed(error, second)),
            };
        }
        self.indexes.note(self.base_offset, self.size, header);
        self.size += (head.len() + tail.len()) as u64;
        Ok(())
    }

    /// Writes the indexes, without a sync; the index of aborted transactions with one. Without room for them the closed segment
    /// keeps them in memory.
    pub fn close(mut self, disk: &dyn Disk) -> ClosedSegment {
        self.indexes.note_time(self.base_offset);
        let written = write_indexes(disk, &self.paths, &self.indexes);
        let aborted = match AbortedIndex::write(disk, &self.paths, &self.aborted) {
            Ok(()) if self.aborted.is_empty() => AbortedIndex::None,
            Ok(()) => AbortedIndex::File,
            Err(error) => {
                tracing::warn!(segment = %self.paths.log().display(), %error, "index of aborted transactions not written");
                AbortedIndex::Memory(self.aborted)
            }
        };
        ClosedSegment {
            aborted,
            base_offset: self.base_offset,
            size: self.size,
            largest: self.indexes.largest(),
            indexes: written.is_err().then_some(self.indexes),
            paths: self.paths,
        }
    }
}

/// A write that failed.
#[derive(Debug)]
pub enum Cut {
    /// The file is as it was before.
    Clean(io::Error),
    /// The file may end in a part of a batch: first the write's error, then that of taking it back.
    Failed(io::Error, io::Error),
}

/// Writes both index files. A file that could not be written is removed, so that nobody takes it for whole.
///
/// # Errors
/// The disk's own.
pub fn write_indexes(disk: &dyn Disk, paths: &SegmentPaths, indexes: &Indexes) -> io::Result<()> {
    let write = |path: PathBuf, bytes: Vec<u8>| {
        let written = disk.create(&path).and_then(|file| {
            file.set_len(0)?;
            write_all(&*file, &[&bytes], 0)
        });
        if written.is_err() {
            disk.remove_file(&path).ok();
        }
        written
    };
    write(paths.index(), indexes.offsets.to_bytes())?;
    write(paths.time_index(), indexes.times.to_bytes())
}

/// A segment that is read only. Its file is opened for each read, its indexes are read from their files.
#[derive(Debug)]
pub struct ClosedSegment {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes of whole batches.
    pub size: u64,
    /// The largest timestamp in it.
    pub largest: LargestTimestamp,
    /// Its files.
    pub paths: SegmentPaths,
    /// The indexes, if their files could not be written.
    pub indexes: Option<Indexes>,
    /// The transactions whose markers in it abort them.
    pub aborted: AbortedIndex,
}
