//! The file `recovery-points`: for each partition an offset below which everything is known to be durable.
//!
//! A slot of 32 bytes for each partition: `topic id u128 | partition i32 | offset i64 | crc32c u32 of the rest`. A slot is
//! overwritten after each sync of its partition, without a sync of its own: it is a lower bound, and after a power cut an
//! older one is as true as a newer one. After a kill it is exact, so that damage in acknowledged data is told from the
//! torn end of an append.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use broker_wire::Uuid;
use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, write_all};

/// Name of the file in the log folder.
pub const FILE_NAME: &str = "recovery-points";

const SLOT: usize = 32;

/// A partition, by its topic's id.
pub type Key = (Uuid, i32);

/// The open file.
#[derive(Debug)]
pub struct RecoveryPoints {
    file: Arc<dyn DiskFile>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<Key, (usize, i64)>,
    free: Vec<usize>,
    next: usize,
}

impl RecoveryPoints {
    /// Opens the file in `dir`, making it if need be. Damaged slots count as free.
    ///
    /// # Errors
    /// The disk's own.
    pub fn open(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let file = disk.create(&dir.join(FILE_NAME))?;
        let mut bytes = Vec::new();
        file.read_at(&mut bytes, usize::try_from(file.len()?).unwrap_or(0), 0)?;
        let mut slots = Slots { next: bytes.len().div_ceil(SLOT), ..Slots::default() };
        for (at, slot) in bytes.chunks(SLOT).enumerate() {
            match decode(slot) {
                Some((key, offset)) => drop(slots.by_key.insert(key, (at, offset))),
                None => slots.free.push(at),
            }
        }
        Ok(Self { file, slots: Mutex::new(slots) })
    }

    /// The offset of a partition; 0 if nothing is known of it.
    pub fn get(&self, key: Key) -> i64 {
        self.slots.lock().by_key.get(&key).map_or(0, |(_, offset)| *offset)
    }

    /// Takes note that everything below `offset` is durable. Best effort: without it a restart knows less, not wrong.
    pub fn set(&self, key: Key, offset: i64) {
        let at = self.slots.lock().place(key, offset);
        if let Err(error) = write_all(&*self.file, &[&encode(key, offset)], (at * SLOT) as u64) {
            tracing::debug!(%error, "recovery point not written");
        }
    }

    /// Forgets a partition that was deleted.
    pub fn remove(&self, key: Key) {
        let mut slots = self.slots.lock();
        if let Some((at, _)) = slots.by_key.remove(&key) {
            write_all(&*self.file, &[&[0; SLOT]], (at * SLOT) as u64).ok();
            slots.free.push(at);
        }
    }

    /// Returns once the file survives a power cut.
    ///
    /// # Errors
    /// The disk's own.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Slots {
    fn place(&mut self, key: Key, offset: i64) -> usize {
        if let Some((at, known)) = self.by_key.get_mut(&key) {
            *known = offset;
            return *at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.by_key.insert(key, (at, offset));
        at
    }
}

fn encode((topic, partition): Key, offset: i64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..16].copy_from_slice(&topic.0.to_be_bytes());
    slot[16..20].copy_from_slice(&partition.to_be_bytes());
    slot[20..28].copy_from_slice(&offset.to_be_bytes());
    let crc = crc32c::crc32c(&slot[..28]);
    slot[28..].copy_from_slice(&crc.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(Key, i64)> {
    let crc = u32::from_be_bytes(slot.get(28..SLOT)?.try_into().ok()?);
    if crc != crc32c::crc32c(&slot[..28]) {
        return None;
    }
    let topic = Uuid(u128::from_be_bytes(slot[..16].try_into().ok()?));
    let partition = i32::from_be_bytes(slot[16..20].try_into().ok()?);
    let offset = i64::from_be_bytes(slot[20..28].try_into().ok()?);
    (!topic.is_zero()).then_some(((topic, partition), offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::memory::MemoryDisk;

    #[test]
    fn points_read_back_slots_are_reused_and_damage_is_forgotten() {
        let (disk, dir) = (MemoryDisk::default(), Path::new("/log"));
        disk.create_dir(dir).unwrap();
        let points = RecoveryPoints::open(&disk, dir).unwrap();
        let key = |partition| (Uuid(7), partition);
        for partition in 0..3 {
            points.set(key(partition), 10);
        }
        points.set(key(1), 20);
        points.remove(key(0));
        points.set(key(3), 30);
        let again = RecoveryPoints::open(&disk, dir).unwrap();
        assert_eq!([0, 1, 2, 3].map(|partition| again.get(key(partition))), [0, 20, 10, 30]);
        assert_eq!(disk.open(&dir.join(FILE_NAME)).unwrap().len().unwrap(), 3 * SLOT as u64);
        disk.tamper(&dir.join(FILE_NAME), |bytes| bytes[SLOT + 20] ^= 1);
        assert_eq!(RecoveryPoints::open(&disk, dir).unwrap().get(key(1)), 0);
    }
}
