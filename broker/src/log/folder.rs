//! The log folder: the disk, its committer, and whether it can still be trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::committer::Committer;
use super::disk::Disk;
use super::recovery_points::RecoveryPoints;
use crate::buffers::Buffers;

/// What an acknowledgement survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: records are synced before they are acknowledged or shown.
    #[default]
    Fsync,
    /// The end of the process, not that of the machine: records are in the page cache. For benchmarks.
    Os,
}

/// One log folder. While its process lives nobody else opens it.
#[derive(Debug)]
pub struct LogFolder {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    durability: Durability,
    points: RecoveryPoints,
    buffers: Arc<Buffers>,
    committer: Committer,
    thread: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
    failure: OnceLock<String>,
    failed: watch::Sender<bool>,
}

impl LogFolder {
    /// Opens the folder and starts its committer.
    ///
    /// # Errors
    /// The disk's own.
    pub fn open(path: &Path, disk: Arc<dyn Disk>, durability: Durability) -> io::Result<Arc<Self>> {
        let folder = Arc::new(Self {
            points: RecoveryPoints::open(&*disk, path)?,
            path: path.to_owned(),
            disk,
            buffers: Arc::default(),
            durability,
            committer: Committer::default(),
            thread: Mutex::default(),
            closed: AtomicBool::new(false),
            failure: OnceLock::new(),
            failed: watch::Sender::new(false),
        });
        let runner = folder.clone();
        let thread = std::thread::Builder::new().name("log-committer".into()).spawn(move || {
            runner.committer.run(&runner);
        })?;
        *folder.thread.lock() = Some(thread);
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file system that it is on.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// What an acknowledgement survives.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// The offsets that are known to be durable.
    pub fn points(&self) -> &RecoveryPoints {
        &self.points
    }

    /// Buffers for what is read.
    pub fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }

    /// The thread that syncs.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Why the folder takes no more writes, if it does not.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Whether files may be written.
    ///
    /// # Errors
    /// The folder failed, or the broker stops.
    pub fn check_open(&self) -> io::Result<()> {
        match self.failure() {
            Some(reason) => Err(io::Error::other(reason.to_owned())),
            None if self.is_closed() => Err(io::Error::other("the broker is stopping")),
            None => Ok(()),
        }
    }

    /// Stops all writes for good.
    pub fn fail(&self, reason: String) {
        tracing::error!(
            "LOG FOLDER FAILED: {reason}. Nothing more is written or acknowledged. Check the disk, then restart: the \
             log looks at what is really there and goes on from it."
        );
        self.failure.set(reason).ok();
        self.failed.send_replace(true);
    }

    /// Returns once the folder failed.
    pub async fn failed(&self) {
        self.failed.subscribe().wait_for(|failed| *failed).await.ok();
    }

    /// Takes no more appends, because the broker stops.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// True once the broker stops.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the committer after it synced what is listed, and waits for it.
    pub fn stop(&self) {
        self.committer.stop();
        if let Some(thread) = self.thread.lock().take() {
            thread.join().ok();
        }
    }
}
