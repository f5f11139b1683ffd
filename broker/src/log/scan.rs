//! Walking over the batches of a segment file.

use std::io;

use broker_wire::records::{BATCH_OVERHEAD, BatchHeader, RecordError, check_batch};

use super::disk::DiskFile;

/// Bytes read at a time.
const CHUNK: usize = 1024 * 1024;

/// Why a walk ended before the end of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The bytes are no whole, sound batch.
    Batch(RecordError),
    /// A batch does not follow on the one before it.
    Offset {
        /// Base offset that would have followed.
        expected: i64,
        /// Base offset that is there.
        found: i64,
    },
}

/// Where a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Position after the last sound batch.
    pub position: u64,
    /// Offset after the last sound batch.
    pub next_offset: i64,
    /// What stands at `position`, if the file goes on there.
    pub damage: Option<Damage>,
}

/// Walks over the batches of `file` from `position` on, where a batch starts whose base offset is `first`, if that is known.
/// Each batch is checked whole, checksum included, and given to `visit` with its position and its header.
///
/// # Errors
/// The disk's own. Damage is not an error but a result.
pub fn walk(
    file: &dyn DiskFile,
    position: u64,
    first: Option<i64>,
    mut visit: impl FnMut(u64, &BatchHeader, &[u8]),
) -> io::Result<Walked> {
    let mut walked = Walked { position, next_offset: first.unwrap_or(0), damage: None };
    let mut expected = first;
    let mut window = Window { file, start: position, bytes: Vec::new() };
    loop {
        let batch = match window.batch(walked.position)? {
            [] => return Ok(walked),
            batch => batch,
        };
        match sound(batch, expected) {
            Ok(header) => {
                visit(walked.position, &header, batch);
                walked.position += header.size() as u64;
                walked.next_offset = header.last_offset() + 1;
                expected = Some(walked.next_offset);
            }
            Err(damage) => {
                walked.damage = Some(damage);
                return Ok(walked);
            }
        }
    }
}

/// There is no compaction yet, so each batch starts where the one before it ends. The base offset is outside the checksum:
/// this is the check on it.
fn sound(batch: &[u8], expected: Option<i64>) -> Result<BatchHeader, Damage> {
    let header = check_batch(batch).map_err(Damage::Batch)?;
    let found = header.base_offset;
    let expected = expected.unwrap_or(found);
    if found != expected || header.last_offset_delta < 0 {
        return Err(Damage::Offset { expected, found });
    }
    Ok(header)
}

/// The part of the file that is in memory.
struct Window<'a> {
    file: &'a dyn DiskFile,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes from `position` on: at least the whole batch there, unless the file ends before.
    fn batch(&mut self, position: u64) -> io::Result<&[u8]> {
        self.fill(position, BATCH_OVERHEAD)?;
        if let Ok(header) = BatchHeader::parse(self.from(position)) {
            self.fill(position, header.size())?;
        }
        Ok(self.from(position))
    }

    fn from(&self, position: u64) -> &[u8] {
        self.bytes.get((position - self.start) as usize..).unwrap_or_default()
    }

    /// Makes `wanted` bytes from `position` on available, if the file has them: in steps, because a damaged length may
    /// claim anything.
    fn fill(&mut self, position: u64, wanted: usize) -> io::Result<()> {
        if self.from(position).len() >= wanted {
            return Ok(());
        }
        let keep = (position - self.start) as usize;
        self.bytes.drain(..keep.min(self.bytes.len()));
        self.start = position;
        while self.bytes.len() < wanted {
            let at = self.start + self.bytes.len() as u64;
            if self.file.read_at(&mut self.bytes, CHUNK, at)? == 0 {
                break;
            }
        }
        Ok(())
    }
}
