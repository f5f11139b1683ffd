//! The few things that the log asks of a file system, as a trait, so that recovery is tested with injected faults.
//!
//! [`os`] is the real one. The tests have one in memory that runs full, fails syncs, writes short, and loses what was not
//! synced when its power is cut.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[cfg(test)]
pub mod memory;
pub mod os;

/// A file that is open for reading and writing.
pub trait DiskFile: Debug + Send + Sync {
    /// Appends up to `len` bytes from position `at` to `out`; returns how many. Fewer only at the end of the file.
    fn read_at(&self, out: &mut Vec<u8>, len: usize, at: u64) -> io::Result<usize>;
    /// Writes the parts one after the other from position `at` on; may write less than all.
    fn write_at(&self, parts: &[&[u8]], at: u64) -> io::Result<usize>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns once the content and length survive a power cut.
    fn sync(&self) -> io::Result<()>;
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, without the folder's. Names that are not UTF-8 are foreign and not listed.
    pub name: String,
    /// True for a folder.
    pub is_dir: bool,
}

/// A file system.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file that is there.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file, making an empty one if it is not there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a folder and those above it; being there already is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Lists a folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Renames a file or a folder; an existing file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all that it holds.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Returns once the entries of the folder survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Returns once everything on the file system survives a power cut. Opens nothing, so that it works when no more
    /// files can be opened.
    fn sync_all(&self) -> io::Result<()>;
}

/// Writes all parts at `at`.
///
/// # Errors
/// The disk's own, or `WriteZero` if it takes no more bytes. Part of the bytes may have been written then.
pub fn write_all(file: &dyn DiskFile, parts: &[&[u8]], at: u64) -> io::Result<()> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut done = 0;
    while done < total {
        let rest = skip(parts, done);
        match file.write_at(&rest, at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The parts without their first `done` bytes.
fn skip<'a>(parts: &[&'a [u8]], mut done: usize) -> Vec<&'a [u8]> {
    let mut rest = Vec::with_capacity(parts.len());
    for part in parts {
        let cut = done.min(part.len());
        done -= cut;
        if cut < part.len() {
            rest.push(&part[cut..]);
        }
    }
    rest
}

/// The whole content of a file.
///
/// # Errors
/// The disk's own.
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut content = Vec::with_capacity(len);
    file.read_at(&mut content, len, 0)?;
    Ok(content)
}

/// Replaces a file so that after a power cut either the old or the new content is there, and returns once the new
/// content is safe.
///
/// # Errors
/// The disk's own; the old content stays then.
pub fn replace_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = write_new(disk, &temporary, content).and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = written {
        disk.remove_file(&temporary).ok();
        return Err(error);
    }
    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn write_new(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    file.set_len(0)?;
    write_all(&*file, &[content], 0)?;
    file.sync()
}

/// True if an error says that something has run out: room, open files, memory. It passes once there is some again; every
/// other error of a write is taken for a broken disk.
pub fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let ran_out = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    errno.is_some_and(|errno| ran_out.contains(&errno))
        || matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::OutOfMemory
                | io::ErrorKind::WriteZero
        )
}
