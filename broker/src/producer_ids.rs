//! Ids of idempotent producers. No id is ever given twice, also not after a power cut: blocks of ids are written down
//! before the first of them is given.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::disk::{read_file, replace_file};
use crate::log::folder::LogFolder;

/// Name of the file in the log folder: the first id that was not given yet, as text.
pub const FILE_NAME: &str = "producer-ids";
/// Ids that are written down at a time.
const BLOCK: i64 = 1000;

/// Gives ids.
#[derive(Debug)]
pub struct ProducerIds {
    folder: Arc<LogFolder>,
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// Goes on after the last block that was written down.
    ///
    /// # Errors
    /// The disk's own, or the file is damaged.
    pub fn load(folder: Arc<LogFolder>) -> io::Result<Self> {
        let next = match read_file(folder.disk(), &folder.path().join(FILE_NAME)) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| io::Error::other("the file producer-ids is damaged"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { folder, block: Mutex::new(Block { next, end: next }) })
    }

    /// An id that nobody had before.
    ///
    /// # Errors
    /// The disk's own.
    pub fn next(&self) -> io::Result<i64> {
        let mut block = self.block.lock();
        if block.next == block.end {
            self.folder.check_open()?;
            let end = block.end + BLOCK;
            replace_file(self.folder.disk(), &self.path(), format!("{end}\n").as_bytes())?;
            block.end = end;
        }
        block.next += 1;
        Ok(block.next - 1)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(FILE_NAME)
    }
}

fn parse(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok().filter(|next| *next >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::Disk;
    use crate::log::disk::memory::MemoryDisk;
    use crate::log::folder::Durability;
    use std::path::Path;

    #[test]
    fn no_id_is_given_twice_across_power_cuts() {
        let mut disk = MemoryDisk::default();
        disk.create_dir(Path::new("/log")).unwrap();
        let mut given = Vec::new();
        for _ in 0..3 {
            let folder = LogFolder::open(Path::new("/log"), Arc::new(disk.clone()), Durability::Fsync).unwrap();
            let ids = ProducerIds::load(folder.clone()).unwrap();
            given.extend((0..BLOCK + 5).map(|_| ids.next().unwrap()));
            folder.stop();
            disk = disk.after_power_cut();
        }
        let count = given.len();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), count);
    }
}
