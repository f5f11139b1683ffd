//! One process for each log folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use thiserror::Error;

/// Name of the lock file.
pub const FILE_NAME: &str = ".lock";

/// Why a folder could not be locked.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another process{} has the folder open", .pid.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// Its process id, if it wrote one.
        pid: Option<String>,
    },
    /// The disk's error.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The lock; the operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Locks a folder that is there.
///
/// # Errors
/// Somebody else has it, or the file cannot be made.
pub fn lock(dir: &Path) -> Result<FolderLock, LockError> {
    let path = dir.join(FILE_NAME);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Held { pid: read_pid(&mut file) }),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    // Who comes second reads the id from here; without it his message is shorter.
    file.set_len(0).ok();
    file.rewind().ok();
    write!(file, "{}", std::process::id()).ok();
    Ok(FolderLock { _file: file })
}

fn read_pid(file: &mut File) -> Option<String> {
    let mut pid = String::new();
    file.take(20).read_to_string(&mut pid).ok()?;
    (!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_the_folder_until_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        let refused = lock(dir.path()).unwrap_err().to_string();
        assert_eq!(refused, format!("another process (pid {}) has the folder open", std::process::id()));
        drop(first);
        lock(dir.path()).unwrap();
    }
}
