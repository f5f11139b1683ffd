//! Group commit: one thread for each log folder syncs what was appended since its last sync.
//!
//! There is no timer: while a sync runs, appends gather for the next one, so the sync's own duration is the window. Up to
//! [`FILES_SYNCED_ONE_BY_ONE`] files are synced by themselves, more by one sync of the whole file system, which is some ten
//! times faster for fifty files. A failed sync is final: the kernel may already have dropped the pages and forgotten the
//! error, so nothing that was not synced before can be trusted; the folder takes no more writes until a restart has
//! looked at what is really there.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::disk::is_passing;
use super::folder::LogFolder;
use super::partition::{Capture, PartitionLog};

/// Up to so many dirty files are synced one by one.
pub const FILES_SYNCED_ONE_BY_ONE: usize = 8;

const PENDING: u8 = 0;
const DURABLE: u8 = 1;
const FAILED: u8 = 2;

/// One round of syncing, which several appends wait for.
#[derive(Debug, Default)]
struct Cycle {
    state: AtomicU8,
    done: Notify,
}

impl Cycle {
    fn finish(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.done.notify_waiters();
    }
}

/// A promise that something appended will be durable.
#[derive(Debug, Clone)]
pub struct Ticket(Option<Arc<Cycle>>);

/// The log folder failed before it was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotDurable;

impl Ticket {
    /// A ticket for what needs no sync.
    pub const DONE: Self = Self(None);

    /// Returns once the append is durable.
    ///
    /// # Errors
    /// The log folder failed first.
    pub async fn durable(&self) -> Result<(), NotDurable> {
        let Some(cycle) = &self.0 else { return Ok(()) };
        loop {
            let done = cycle.done.notified();
            match cycle.state.load(Ordering::Acquire) {
                PENDING => done.await,
                DURABLE => return Ok(()),
                _ => return Err(NotDurable),
            }
        }
    }

    /// True if there is nothing to wait for.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().is_none_or(|cycle| cycle.state.load(Ordering::Acquire) == DURABLE)
    }
}

/// What waits for the next sync.
#[derive(Debug, Default)]
pub struct Committer {
    next: Mutex<Next>,
    wake: Condvar,
}

#[derive(Debug)]
struct Next {
    number: u64,
    dirty: Vec<Arc<PartitionLog>>,
    cycle: Arc<Cycle>,
    stopped: bool,
}

impl Default for Next {
    fn default() -> Self {
        Self { number: 1, dirty: Vec::new(), cycle: Arc::default(), stopped: false }
    }
}

impl Committer {
    /// Has `partition` synced in the next round, which covers what was appended before this call. `listed` is the round
    /// that the partition was last listed for, kept under the partition's own lock.
    pub fn mark(&self, partition: &Arc<PartitionLog>, listed: &mut u64) -> Ticket {
        let mut next = self.next.lock();
        if *listed != next.number {
            *listed = next.number;
            next.dirty.push(partition.clone());
            if next.dirty.len() == 1 {
                self.wake.notify_one();
            }
        }
        Ticket(Some(next.cycle.clone()))
    }

    /// Ends [`run`](Self::run) once everything that is listed was synced.
    pub fn stop(&self) {
        self.next.lock().stopped = true;
        self.wake.notify_one();
    }

    /// Syncs round after round until stopped. This is the committer's thread.
    pub fn run(&self, folder: &LogFolder) {
        loop {
            let (dirty, cycle) = {
                let mut next = self.next.lock();
                while next.dirty.is_empty() {
                    if next.stopped {
                        return;
                    }
                    self.wake.wait(&mut next);
                }
                next.number += 1;
                (std::mem::take(&mut next.dirty), std::mem::take(&mut next.cycle))
            };
            let state = if commit(folder, &dirty) { DURABLE } else { FAILED };
            cycle.finish(state);
        }
    }
}

/// Syncs the partitions and moves their high watermarks; false if the folder failed.
fn commit(folder: &LogFolder, dirty: &[Arc<PartitionLog>]) -> bool {
    let captures: Vec<Capture> = dirty.iter().map(|partition| partition.capture()).collect();
    if folder.failure().is_some() {
        return false;
    }
    if let Err(error) = sync(folder, &captures) {
        folder.fail(format!("a sync of {} failed: {error}", folder.path().display()));
        return false;
    }
    for (partition, capture) in dirty.iter().zip(&captures) {
        folder.points().set(partition.key(), capture.end_offset);
        partition.publish(capture.end_offset);
    }
    true
}

fn sync(folder: &LogFolder, captures: &[Capture]) -> io::Result<()> {
    let syncs: usize = captures.iter().map(|capture| capture.files.len() + capture.dirs.len()).sum();
    if syncs > FILES_SYNCED_ONE_BY_ONE {
        return folder.disk().sync_all();
    }
    for capture in captures {
        capture.files.iter().try_for_each(|file| file.sync())?;
        capture.dirs.iter().try_for_each(|dir| sync_dir(folder, dir))?;
    }
    Ok(())
}

/// A folder that is gone belonged to a topic that was deleted meanwhile; one that cannot be opened for want of open files
/// is synced with everything else.
fn sync_dir(folder: &LogFolder, dir: &Path) -> io::Result<()> {
    match folder.disk().sync_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if is_passing(&error) => folder.disk().sync_all(),
        result => result,
    }
}
