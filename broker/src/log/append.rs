//! One partition: appending.

use std::io;
use std::path::Path;
use std::sync::Arc;

use broker_wire::records::{
    BATCH_OVERHEAD, BatchHeader, ControlType, HEAD_LEN, TimestampType, control_type, patched_head, with_log_append_time,
};
use thiserror::Error;

use super::aborted::AbortedIndex;
use super::committer::Ticket;
use super::disk::{Disk, Entry, is_passing, replace_file, write_all};
use super::folder::Durability;
use super::partition::{LEADER_EPOCH, METADATA_FILE, PartitionLog, STRAY_SUFFIX, State, metadata_text, snapshot_path};
use super::producer_snapshot;
use super::producers::{SequenceError, Verdict};
use super::segment::{ActiveSegment, Cut};

/// Snapshots of producer state that are kept: the newest, and one in case it is damaged.
const SNAPSHOTS_KEPT: usize = 2;

/// Why a batch was not appended. Nothing of it is in the log then.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The batch is over the topic's limit.
    #[error("the batch of {size} bytes is over max.message.bytes={limit}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit in force.
        limit: usize,
    },
    /// The producer's epoch or sequence does not fit.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// There is no room on the disk, or no more files can be opened. It passes once there is.
    #[error("no room on the disk for {partition}: {error}. Make some; producers go on by themselves")]
    Full {
        /// The partition.
        partition: String,
        /// The disk's error.
        error: io::Error,
    },
    /// The log folder failed; only a restart helps.
    #[error("the log folder failed: {0}")]
    Failed(String),
    /// The partition was refused when the log was opened.
    #[error("the partition is offline: {0}")]
    Offline(Arc<str>),
    /// The topic is being deleted.
    #[error("the topic is being deleted")]
    Deleted,
    /// The broker stops.
    #[error("the broker is stopping")]
    Stopping,
}

/// A batch that is in the log, though perhaps not durable yet.
#[derive(Debug)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// The broker's time, if the topic uses it.
    pub log_append_time: Option<i64>,
    /// When it is durable.
    pub ticket: Ticket,
}

impl PartitionLog {
    /// Appends one batch that was checked whole: `header` is its own.
    ///
    /// # Errors
    /// The batch is not in the log; see [`AppendError`].
    pub fn append(self: &Arc<Self>, batch: &[u8], header: &BatchHeader, now_ms: i64) -> Result<Appended, AppendError> {
        self.check_size(batch.len())?;
        let mut state = self.state.lock();
        self.check_writable(&state)?;
        let duplicate = match header.has_producer().then(|| state.producers.check(header)).transpose()? {
            Some(Verdict::Duplicate(old)) => Some(old.base_offset),
            Some(Verdict::Append) | None => None,
        };
        let (base_offset, log_append_time) = match duplicate {
            Some(base_offset) => (base_offset, None),
            None => self.append_next(&mut state, batch, header, now_ms)?,
        };
        let ticket = self.commit(&mut state);
        Ok(Appended { base_offset, log_append_time, ticket })
    }

    /// Has what was appended made durable, or shows it at once if the config says so.
    pub(super) fn commit(self: &Arc<Self>, state: &mut State) -> Ticket {
        match self.folder.durability() {
            Durability::Fsync => self.folder.committer().mark(self, &mut state.listed),
            Durability::Os => {
                state.unsynced_files.clear();
                state.unsynced_dirs.clear();
                self.publish_held(state, state.end_offset);
                Ticket::DONE
            }
        }
    }

    fn check_size(&self, size: usize) -> Result<(), AppendError> {
        let limit = self.config.max_message_bytes;
        if size > limit || size < BATCH_OVERHEAD {
            return Err(AppendError::TooLarge { size, limit });
        }
        Ok(())
    }

    pub(super) fn check_writable(&self, state: &State) -> Result<(), AppendError> {
        if let Some(reason) = self.folder.failure() {
            return Err(AppendError::Failed(reason.to_owned()));
        }
        match state.deleted {
            true => Err(AppendError::Deleted),
            false if self.folder.is_closed() => Err(AppendError::Stopping),
            false => Ok(()),
        }
    }

    /// Writes a batch at the end; gives its offset and the broker's time, if the topic uses it.
    pub(super) fn append_next(
        &self,
        state: &mut State,
        batch: &[u8],
        header: &BatchHeader,
        now_ms: i64,
    ) -> Result<(i64, Option<i64>), AppendError> {
        let append_time = (self.config.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms);
        let stamped = append_time.map(|now_ms| with_log_append_time(batch, now_ms));
        let batch = stamped.as_deref().unwrap_or(batch);
        let header = BatchHeader {
            base_offset: state.end_offset,
            max_timestamp: append_time.unwrap_or(header.max_timestamp),
            ..*header
        };
        self.make_room(state, header.last_offset(), batch.len(), now_ms).map_err(|error| self.refused(error))?;
        let Some(active) = &mut state.active else { return Err(AppendError::Deleted) };
        let head = patched_head(&header, header.base_offset, LEADER_EPOCH);
        match active.append(&head, &batch[HEAD_LEN..], &header) {
            Ok(()) => {}
            Err(Cut::Clean(error)) => return Err(self.refused(error)),
            Err(Cut::Failed(error, second)) => {
                let reason = format!("part of a batch in {} cannot be taken back: {error}; {second}", self.name);
                self.folder.fail(reason.clone());
                return Err(AppendError::Failed(reason));
            }
        }
        state.end_offset = header.last_offset() + 1;
        if header.has_producer() {
            self.note(state, &header, control_type(&header, batch), now_ms);
        }
        Ok((header.base_offset, append_time))
    }

    /// Remembers what a producer, or the coordinator in its name, has written.
    fn note(&self, state: &mut State, header: &BatchHeader, marker: Option<ControlType>, now_ms: i64) {
        match marker {
            Some(outcome) => {
                let aborted = state.producers.note_marker(header, outcome, now_ms);
                state.active.iter_mut().for_each(|active| active.aborted.extend(aborted));
            }
            None => state.producers.note(header, now_ms),
        }
        if header.is_transactional() {
            self.show_stable(state);
        }
    }

    /// Where something has run out an append is refused; any other error of the disk ends all writing.
    fn refused(&self, error: io::Error) -> AppendError {
        if is_passing(&error) {
            tracing::warn!(partition = self.name, %error, "append refused until there is room again");
            return AppendError::Full { partition: self.name.clone(), error };
        }
        let reason = format!("a write to {} failed: {error}", self.name);
        self.folder.fail(reason.clone());
        AppendError::Failed(reason)
    }

    /// Makes the first segment, or closes the full one.
    fn make_room(&self, state: &mut State, last_offset: i64, len: usize, now_ms: i64) -> io::Result<()> {
        match &state.active {
            None => self.make_folder(state),
            Some(active) if active.is_full(last_offset, len, self.config.segment_bytes) => self.roll(state, now_ms),
            Some(_) => Ok(()),
        }
    }

    fn make_folder(&self, state: &mut State) -> io::Result<()> {
        let disk = self.folder.disk();
        let has_log = |entries: Vec<Entry>| entries.iter().any(|entry| entry.name.ends_with(".log"));
        if disk.list(&self.dir).is_ok_and(has_log) {
            set_aside(disk, &self.dir)?;
        }
        let made = self.make_first_segment(state);
        if made.is_err() {
            disk.remove_dir(&self.dir).ok();
        }
        made
    }

    fn make_first_segment(&self, state: &mut State) -> io::Result<()> {
        let disk = self.folder.disk();
        disk.create_dir(&self.dir)?;
        let metadata = disk.create(&self.dir.join(METADATA_FILE))?;
        write_all(&*metadata, &[metadata_text(self.key.0).as_bytes()], 0)?;
        state.active = Some(ActiveSegment::create(disk, &self.dir, state.end_offset)?);
        state.unsynced_files.push(metadata);
        state.unsynced_dirs.extend([self.dir.clone(), self.folder.path().to_owned()]);
        Ok(())
    }

    /// Closes the active segment and starts the next one at the end offset.
    fn roll(&self, state: &mut State, now_ms: i64) -> io::Result<()> {
        let disk = self.folder.disk();
        let next = ActiveSegment::create(disk, &self.dir, state.end_offset)?;
        let Some(full) = state.active.replace(next) else { return Ok(()) };
        state.unsynced_files.push(full.file.clone());
        state.unsynced_dirs.push(self.dir.clone());
        state.closed.push(Arc::new(full.close(disk)));
        state.producers.expire(now_ms);
        self.snapshot(state);
        Ok(())
    }

    /// Writes what is remembered of producers. Without it a restart reads more of the log, so an error is no harm. There is none
    /// while the aborted transactions of a closed segment are in memory only: a restart has to read that segment.
    pub(super) fn snapshot(&self, state: &mut State) {
        if state.closed.iter().any(|segment| matches!(segment.aborted, AbortedIndex::Memory(_))) {
            return;
        }
        let path = snapshot_path(&self.dir, state.end_offset);
        if let Err(error) = replace_file(self.folder.disk(), &path, &producer_snapshot::encode(&state.producers)) {
            tracing::warn!(partition = self.name, %error, "snapshot of producer state not written");
            return;
        }
        state.snapshots.push(state.end_offset);
        while state.snapshots.len() > SNAPSHOTS_KEPT {
            let old = state.snapshots.remove(0);
            self.folder.disk().remove_file(&snapshot_path(&self.dir, old)).ok();
        }
    }
}

/// Renames a folder that stands where a new partition's shall be, keeping its content.
fn set_aside(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let aside = (0..1000).map(|i| dir.with_file_name(format!("{name}.{i}{STRAY_SUFFIX}")));
    let free = aside.into_iter().find(|path| disk.list(path).is_err());
    let free = free.ok_or(io::ErrorKind::AlreadyExists)?;
    tracing::warn!(from = %dir.display(), to = %free.display(), "unknown partition folder set aside");
    disk.rename(dir, &free)
}
