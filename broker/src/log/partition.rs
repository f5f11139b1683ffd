//! One partition: what it consists of. [`append`](super::append) and [`reading`](super::reading) say what is done with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use broker_wire::Uuid;
use broker_wire::records::TimestampType;
use parking_lot::Mutex;

use super::aborted::AbortedIndex;
use super::disk::{Disk, DiskFile};
use super::folder::LogFolder;
use super::producers::Producers;
use super::recovery_points::Key;
use super::segment::{ActiveSegment, ClosedSegment};
use super::transactions::STABLE;
use super::waiters::Waiters;
use crate::buffers::Buffers;

/// Epoch of the leader in every batch: with one broker the leader never changes.
pub const LEADER_EPOCH: i32 = 0;
/// What a topic's config says about its partitions' logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it grows over this.
    pub segment_bytes: u64,
    /// `max.message.bytes`: a batch may not be larger.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
}

/// The log of one partition. Its folder is made by the first append.
#[derive(Debug)]
pub struct PartitionLog {
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) dir: PathBuf,
    pub(super) config: LogConfig,
    pub(super) folder: Arc<LogFolder>,
    high_watermark: AtomicI64,
    /// [`Transactions::first_unstable`](super::transactions::Transactions::first_unstable), to be read without the lock.
    first_unstable: AtomicI64,
    waiters: Waiters,
    pub(super) state: Mutex<State>,
}

/// What changes with each append.
#[derive(Debug, Default)]
pub struct State {
    /// Segments that are read only, oldest first.
    pub closed: Vec<Arc<ClosedSegment>>,
    /// The segment that is appended to; none before the first append.
    pub active: Option<ActiveSegment>,
    /// Offset that the next record gets.
    pub end_offset: i64,
    /// What is remembered of idempotent producers.
    pub producers: Producers,
    /// Offsets of the snapshots on disk, oldest first.
    pub snapshots: Vec<i64>,
    pub(super) unsynced_files: Vec<Arc<dyn DiskFile>>,
    pub(super) unsynced_dirs: Vec<PathBuf>,
    /// The committer's round that the partition is listed for.
    pub(super) listed: u64,
    pub(super) deleted: bool,
}

impl State {
    /// The state of a log without segments, and what is remembered of producers.
    pub fn starting(producers: Producers) -> Self {
        Self { producers, ..Self::default() }
    }

    /// Index of the closed segment that holds `offset`; their number if the active one does.
    pub(super) fn segment_of(&self, offset: i64) -> usize {
        match self.active.as_ref().is_some_and(|active| active.base_offset <= offset) {
            true => self.closed.len(),
            false => self.closed.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1),
        }
    }
}

/// What one round of the committer has to sync of a partition.
#[derive(Debug)]
pub struct Capture {
    /// Files with bytes that are not safe.
    pub files: Vec<Arc<dyn DiskFile>>,
    /// Folders with entries that are not safe.
    pub dirs: Vec<PathBuf>,
    /// Offset up to which everything is safe afterwards.
    pub end_offset: i64,
}

impl PartitionLog {
    /// The partition `name` (`topic-0`) with the state that recovery found, all of it durable.
    pub fn new(name: String, key: (Uuid, i32), config: LogConfig, folder: Arc<LogFolder>, state: State) -> Arc<Self> {
        let dir = folder.path().join(&name);
        let high_watermark = AtomicI64::new(state.end_offset);
        let first_unstable = AtomicI64::new(state.producers.transactions.first_unstable());
        let waiters = Waiters::default();
        let state = Mutex::new(state);
        Arc::new(Self { name, key, dir, config, folder, high_watermark, first_unstable, waiters, state })
    }

    /// Topic and partition, as the folder is named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Topic id and partition.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The disk that it is on.
    pub fn disk(&self) -> &dyn Disk {
        self.folder.disk()
    }

    /// Buffers for what is read.
    pub fn buffers(&self) -> &Arc<Buffers> {
        self.folder.buffers()
    }

    /// Offset after the last record that readers may see: the durable end.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark.load(Ordering::Acquire)
    }

    /// Offset after the last record that readers of committed records may see: every transaction before it is decided, for good.
    pub fn last_stable_offset(&self) -> i64 {
        // In this order: who sees records of a transaction below the high watermark sees the transaction as well.
        let high_watermark = self.high_watermark();
        high_watermark.min(self.first_unstable.load(Ordering::Acquire))
    }

    /// Offset that the next record gets.
    pub fn end_offset(&self) -> i64 {
        self.state.lock().end_offset
    }

    /// Offset of the first record that is there.
    pub fn start_offset(&self) -> i64 {
        self.with_state(|state| {
            let closed = state.closed.first().map(|segment| segment.base_offset);
            closed.or(state.active.as_ref().map(|active| active.base_offset)).unwrap_or(state.end_offset)
        })
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.with_state(|state| {
            let closed: u64 = state.closed.iter().map(|segment| segment.size).sum();
            closed + state.active.as_ref().map_or(0, |active| active.size)
        })
    }

    /// Looks at the state under its lock.
    pub fn with_state<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock())
    }

    /// What the next sync has to cover. Appends from now on are listed for the sync after it.
    pub fn capture(&self) -> Capture {
        let mut state = self.state.lock();
        let mut files = std::mem::take(&mut state.unsynced_files);
        files.extend(state.active.as_ref().map(|active| active.file.clone()));
        let mut dirs = std::mem::take(&mut state.unsynced_dirs);
        dirs.dedup();
        Capture { files, dirs, end_offset: state.end_offset }
    }

    /// Shows readers everything below `end_offset`.
    pub fn publish(&self, end_offset: i64) {
        self.high_watermark.fetch_max(end_offset, Ordering::AcqRel);
        if self.first_unstable.load(Ordering::Acquire) != STABLE {
            self.settle(&mut self.state.lock());
        }
        self.waiters.wake();
    }

    /// The same, for who holds the lock.
    pub(super) fn publish_held(&self, state: &mut State, end_offset: i64) {
        self.high_watermark.fetch_max(end_offset, Ordering::AcqRel);
        self.settle(state);
        self.waiters.wake();
    }

    /// Markers below the high watermark count.
    fn settle(&self, state: &mut State) {
        state.producers.transactions.settle(self.high_watermark());
        self.show_stable(state);
    }

    /// Shows readers of committed records up to where transactions are decided.
    pub(super) fn show_stable(&self, state: &State) {
        self.first_unstable.store(state.producers.transactions.first_unstable(), Ordering::Release);
    }

    /// Writes indexes and producer state so that the next start need not read the log. The committer has stopped.
    ///
    /// # Errors
    /// The disk's own; the next start reads the log then.
    pub fn close(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(active) = &mut state.active else { return Ok(()) };
        super::segment::write_indexes(self.folder.disk(), &active.paths, &active.indexes)?;
        AbortedIndex::write(self.folder.disk(), &active.paths, &active.aborted)?;
        active.file.sync()?;
        if state.snapshots.last() != Some(&state.end_offset) {
            self.snapshot(state);
        }
        self.folder.points().set(self.key, state.end_offset);
        Ok(())
    }

    /// Ends the partition: its folder is renamed, and who waits for it is woken. The renamed folder is returned; it can
    /// be removed.
    ///
    /// # Errors
    /// The disk's own; the partition takes no more appends all the same.
    pub fn delete(&self) -> io::Result<Option<PathBuf>> {
        let mut state = self.state.lock();
        state.deleted = true;
        let had_folder = state.active.take().is_some();
        state.closed.clear();
        state.unsynced_files.clear();
        state.unsynced_dirs.clear();
        drop(state);
        self.waiters.wake();
        self.folder.points().remove(self.key);
        if !had_folder {
            return Ok(None);
        }
        let doomed = self.folder.path().join(format!("{}.{:032x}{DELETED_SUFFIX}", self.name, self.key.0.0));
        self.folder.disk().rename(&self.dir, &doomed)?;
        Ok(Some(doomed))
    }

    /// True once [`delete`](Self::delete) was called.
    pub fn is_deleted(&self) -> bool {
        self.state.lock().deleted
    }
}

impl AsRef<Waiters> for PartitionLog {
    fn as_ref(&self) -> &Waiters {
        &self.waiters
    }
}

/// File in a partition's folder that names its topic, as Kafka writes it.
pub const METADATA_FILE: &str = "partition.metadata";
/// End of the name of a folder whose topic was deleted.
pub const DELETED_SUFFIX: &str = "-delete";
/// End of the name of a folder that nobody knows any more.
pub const STRAY_SUFFIX: &str = "-stray";

/// Content of [`METADATA_FILE`].
pub fn metadata_text(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}\n")
}

/// Path of the producer snapshot at an offset.
pub fn snapshot_path(dir: &Path, offset: i64) -> PathBuf {
    dir.join(format!("{offset:020}.snapshot"))
}
