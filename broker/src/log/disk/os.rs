//! The real file system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use rustix::buffer::spare_capacity;

use super::{Disk, DiskFile, Entry};

/// The file system of the machine.
#[derive(Debug)]
pub struct OsDisk {
    /// The log folder, open so that its file system can be synced at any time.
    folder: File,
}

impl OsDisk {
    /// The file system that `folder` is on.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: File::open(folder)? })
    }
}

impl Disk for OsDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OsFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Arc::new(OsFile(file)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        // syncfs reports write-back errors since Linux 5.8.
        Ok(rustix::fs::syncfs(&self.folder)?)
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn read_at(&self, out: &mut Vec<u8>, len: usize, at: u64) -> io::Result<usize> {
        let before = out.len();
        out.reserve(len);
        while out.len() - before < len {
            let position = at + (out.len() - before) as u64;
            match rustix::io::pread(&self.0, spare_capacity(out), position) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        out.truncate(before + len);
        Ok(out.len() - before)
    }

    fn write_at(&self, parts: &[&[u8]], at: u64) -> io::Result<usize> {
        match parts {
            [one] => Ok(rustix::io::pwrite(&self.0, one, at)?),
            [one, two] => Ok(rustix::io::pwritev(&self.0, &[IoSlice::new(one), IoSlice::new(two)], at)?),
            many => {
                let slices: Vec<IoSlice<'_>> = many.iter().map(|part| IoSlice::new(part)).collect();
                Ok(rustix::io::pwritev(&self.0, &slices, at)?)
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
