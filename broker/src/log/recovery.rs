//! Finding out what a partition's folder holds.
//!
//! The rule. Below the recovery point everything was durable and may have been acknowledged and read: damage there is
//! never repaired by throwing data away; the partition is refused with the file and position, for a human to decide. At
//! or above the recovery point nothing was acknowledged: the log is cut after its last whole, sound batch, as a kill in
//! the middle of an append or a power cut leaves it.
//!
//! After a clean stop the newest snapshot of producer state stands at the end of the log and the indexes are on disk, so
//! that only their ends are looked at. Otherwise the batches are read, checksums included, from the segment on that holds
//! the recovery point, or the newest sound snapshot of producer state if that is older.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_wire::records::{BatchHeader, control_type};
use thiserror::Error;

use super::aborted::{AbortedIndex, AbortedTransaction};
use super::disk::{Disk, DiskFile, read_file};
use super::index::{OffsetIndex, TimeIndex};
use super::partition::{METADATA_FILE, State, snapshot_path};
use super::producer_snapshot;
use super::producers::Producers;
use super::scan::{Damage, Walked, walk};
use super::segment::{ActiveSegment, ClosedSegment, Indexes, LargestTimestamp, SegmentPaths};

/// Why a partition is refused. Its data is left as it is.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// Data that may have been acknowledged is damaged.
    #[error(
        "{file} is damaged at byte {position}, offset {offset}: {damage:?}. Everything below offset {recovery_point} was \
         acknowledged, so nothing is cut. Restore the file from a copy, or delete the topic"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where the damage starts.
        position: u64,
        /// Offset of the first record that cannot be read.
        offset: i64,
        /// What is wrong.
        damage: Damage,
        /// Offset below which everything was durable.
        recovery_point: i64,
    },
    /// Data that may have been acknowledged is missing.
    #[error(
        "{dir} ends at offset {end}, but everything below offset {recovery_point} was acknowledged. Restore the folder \
         from a copy, or delete the topic"
    )]
    Missing {
        /// The partition's folder.
        dir: PathBuf,
        /// Where the log ends.
        end: i64,
        /// Offset below which everything was durable.
        recovery_point: i64,
    },
    /// The disk's error.
    #[error("{dir}: {error}")]
    Disk {
        /// The partition's folder.
        dir: PathBuf,
        /// The error.
        error: io::Error,
    },
}

/// How a partition is to be recovered.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Offset below which everything was durable.
    pub recovery_point: i64,
    /// The last stop was a clean one.
    pub clean: bool,
    /// The time, in ms.
    pub now_ms: i64,
}

/// Recovers the partition in `dir`. What it finds may not be durable yet: sync before it is shown to anybody.
///
/// # Errors
/// The partition has to be refused.
pub fn recover(disk: &dyn Disk, dir: &Path, situation: Situation) -> Result<State, RecoveryError> {
    let failed = |error| RecoveryError::Disk { dir: dir.to_owned(), error };
    let files = match list(disk, dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Files::default(),
        listed => listed.map_err(failed)?,
    };
    let recovery = Recovery { disk, dir, situation };
    let state = match recovery.trust(&files).map_err(failed)? {
        Some(state) => state,
        None => recovery.read(&files)?,
    };
    let (end, recovery_point) = (state.end_offset, situation.recovery_point);
    if end < recovery_point {
        return Err(RecoveryError::Missing { dir: dir.to_owned(), end, recovery_point });
    }
    Ok(state)
}

/// What a partition's folder holds, each in the order of the offsets.
#[derive(Debug, Default)]
struct Files {
    segments: Vec<i64>,
    snapshots: Vec<i64>,
    /// Segments with an index of aborted transactions.
    aborted: Vec<i64>,
}

fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Files> {
    let mut files = Files::default();
    for entry in disk.list(dir)? {
        let parts = entry.name.split_once('.').filter(|_| !entry.is_dir);
        let offset = parts.filter(|(stem, _)| stem.len() == 20).and_then(|(stem, _)| stem.parse::<i64>().ok());
        match (offset, parts.map(|(_, extension)| extension)) {
            (Some(offset), Some("log")) => files.segments.push(offset),
            (Some(offset), Some("snapshot")) => files.snapshots.push(offset),
            (Some(offset), Some("txnindex")) => files.aborted.push(offset),
            (Some(_), Some("index" | "timeindex" | "tmp")) => {}
            _ if entry.name == METADATA_FILE => {}
            _ => tracing::warn!(file = entry.name, dir = %dir.display(), "foreign file ignored"),
        }
    }
    files.segments.sort_unstable();
    files.snapshots.sort_unstable();
    files.aborted.sort_unstable();
    Ok(files)
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    situation: Situation,
}

impl Recovery<'_> {
    /// After a clean stop: the state without reading the log, if everything is as the stop left it.
    fn trust(&self, files: &Files) -> io::Result<Option<State>> {
        let end = self.situation.recovery_point;
        let Some((last, closed)) = files.segments.split_last() else { return Ok(None) };
        if !self.situation.clean || files.snapshots.last() != Some(&end) || !self.sound_aborted(files) {
            return Ok(None);
        }
        let (Some(producers), Some(mut active)) = (self.snapshot(end), self.trust_active(*last)?) else {
            return Ok(None);
        };
        active.aborted = self.aborted_before(files, *last, end);
        let mut state = State::starting(producers);
        (state.end_offset, state.active) = (end, Some(active));
        for base_offset in closed {
            state.closed.push(Arc::new(self.closed(files, *base_offset)?));
        }
        state.snapshots = files.snapshots.clone();
        Ok(Some(state))
    }

    /// The last segment, if its indexes are there and its last batches end where the log shall end.
    fn trust_active(&self, base_offset: i64) -> io::Result<Option<ActiveSegment>> {
        let paths = SegmentPaths::new(self.dir, base_offset);
        let file = self.disk.open(&paths.log())?;
        let size = file.len()?;
        let Some((offsets, times)) = self.load_indexes(&paths, size) else { return Ok(None) };
        let position = u64::from(offsets.lookup(u32::MAX));
        let mut indexes = Indexes::resume(offsets, times, base_offset);
        let (mut first, mut walked_to) = (true, position);
        let first_offset = (position == 0).then_some(base_offset);
        let walked = walk(&*file, position, first_offset, |at, header, _| {
            // The batch of the last entry is in the indexes already.
            if !std::mem::take(&mut first) || position == 0 {
                indexes.note(base_offset, at, header);
            }
            walked_to = at + header.size() as u64;
        })?;
        let whole = walked.damage.is_none() && walked_to == size;
        let ends_right = walked.next_offset == self.situation.recovery_point;
        let aborted = Vec::new();
        Ok((whole && ends_right).then_some(ActiveSegment { base_offset, paths, file, size, indexes, aborted }))
    }

    /// False if an index of aborted transactions is damaged. All of them are made anew then, by reading the whole log.
    fn sound_aborted(&self, files: &Files) -> bool {
        let damaged = |base: &&i64| AbortedIndex::read(self.disk, &SegmentPaths::new(self.dir, **base)).is_none();
        let damaged = files.aborted.iter().find(damaged);
        if let Some(base_offset) = damaged {
            tracing::warn!(base_offset, dir = %self.dir.display(), "index of aborted transactions damaged: made anew");
        }
        damaged.is_none()
    }

    /// The transactions that a segment's file says were aborted before `end`.
    fn aborted_before(&self, files: &Files, base_offset: i64, end: i64) -> Vec<AbortedTransaction> {
        if files.aborted.binary_search(&base_offset).is_err() {
            return Vec::new();
        }
        let mut aborted = AbortedIndex::read(self.disk, &SegmentPaths::new(self.dir, base_offset)).unwrap_or_default();
        aborted.retain(|aborted| aborted.last_offset < end);
        aborted
    }

    fn load_indexes(&self, paths: &SegmentPaths, size: u64) -> Option<(OffsetIndex, TimeIndex)> {
        let offsets = OffsetIndex::from_bytes(&read_file(self.disk, &paths.index()).ok()?, size)?;
        let times = TimeIndex::from_bytes(&read_file(self.disk, &paths.time_index()).ok()?)?;
        Some((offsets, times))
    }

    fn snapshot(&self, offset: i64) -> Option<Producers> {
        let bytes = read_file(self.disk, &snapshot_path(self.dir, offset)).ok()?;
        producer_snapshot::decode(&bytes, self.situation.now_ms)
    }

    /// A segment that is not read: its indexes are made anew if they are missing or wrong.
    fn closed(&self, files: &Files, base_offset: i64) -> io::Result<ClosedSegment> {
        let paths = SegmentPaths::new(self.dir, base_offset);
        let file = self.disk.open(&paths.log())?;
        let size = file.len()?;
        if let Some((_, times)) = self.load_indexes(&paths, size) {
            let (timestamp, relative) = times.last().unwrap_or((-1, 0));
            let largest = LargestTimestamp { timestamp, offset: base_offset + i64::from(relative) };
            let there = files.aborted.binary_search(&base_offset).is_ok();
            let aborted = if there { AbortedIndex::File } else { AbortedIndex::None };
            return Ok(ClosedSegment { base_offset, size, largest, paths, indexes: None, aborted });
        }
        tracing::info!(segment = %paths.log().display(), "index missing or wrong: made anew");
        let mut indexes = Indexes::default();
        walk(&*file, 0, Some(base_offset), |position, header, _| indexes.note(base_offset, position, header))?;
        let aborted = self.aborted_before(files, base_offset, i64::MAX);
        Ok(ActiveSegment { base_offset, paths, file, size, indexes, aborted }.close(self.disk))
    }

    /// Reads the log from where it has to be read.
    fn read(&self, files: &Files) -> Result<State, RecoveryError> {
        let failed = |error| RecoveryError::Disk { dir: self.dir.to_owned(), error };
        let sound = self.sound_aborted(files);
        let known = files.snapshots.iter().rev();
        let known = known.filter(|offset| sound && **offset <= self.situation.recovery_point);
        let snapshot = known.copied().find_map(|offset| Some((offset, self.snapshot(offset)?)));
        let (since, producers) = snapshot.unwrap_or_default();

        let first_read = files.segments.partition_point(|base| *base <= since).saturating_sub(1);
        let mut state = State::starting(producers);
        for base_offset in &files.segments[..first_read] {
            state.closed.push(Arc::new(self.closed(files, *base_offset).map_err(failed)?));
        }
        state.end_offset = files.segments.get(first_read).copied().unwrap_or(0);
        for (i, base_offset) in files.segments.iter().enumerate().skip(first_read) {
            let whole = match state.active.take() {
                Some(full) if *base_offset != state.end_offset => {
                    self.refuse_gap(&full.paths, full.size, state.end_offset, *base_offset)?;
                    state.active = Some(full);
                    self.remove_segments(&files.segments[i..], state.end_offset).map_err(failed)?;
                    break;
                }
                full => {
                    state.closed.extend(full.map(|full| Arc::new(full.close(self.disk))));
                    self.read_segment(files, *base_offset, since, &mut state)?
                }
            };
            if !whole {
                self.remove_segments(&files.segments[i + 1..], state.end_offset).map_err(failed)?;
                break;
            }
        }
        self.keep_snapshots(files, &mut state);
        // It is made durable before anybody sees it.
        state.producers.transactions.settle(state.end_offset);
        Ok(state)
    }

    /// Reads one segment into `state` as the active one; false if it had to be cut.
    fn read_segment(
        &self,
        files: &Files,
        base_offset: i64,
        since: i64,
        state: &mut State,
    ) -> Result<bool, RecoveryError> {
        let failed = |error| RecoveryError::Disk { dir: self.dir.to_owned(), error };
        let paths = SegmentPaths::new(self.dir, base_offset);
        let file = self.disk.open(&paths.log()).map_err(failed)?;
        let mut indexes = Indexes::default();
        let producers = &mut state.producers;
        // What the snapshot remembers ended before it.
        let mut aborted = if base_offset < since { self.aborted_before(files, base_offset, since) } else { Vec::new() };
        let walked = walk(&*file, 0, Some(base_offset), |position, header, batch| {
            indexes.note(base_offset, position, header);
            if header.has_producer() && header.base_offset >= since {
                aborted.extend(note_producer(producers, header, batch, self.situation.now_ms));
            }
        });
        let walked = walked.map_err(failed)?;
        let whole = walked.damage.is_none();
        if !whole {
            self.refuse(&paths, &walked)?;
            self.cut(&paths, &*file, &walked).map_err(failed)?;
        }
        state.end_offset = walked.next_offset;
        state.active = Some(ActiveSegment { base_offset, paths, file, size: walked.position, indexes, aborted });
        Ok(whole)
    }

    /// The next segment does not start where this one ends.
    fn refuse_gap(&self, paths: &SegmentPaths, position: u64, expected: i64, found: i64) -> Result<(), RecoveryError> {
        let damage = Some(Damage::Offset { expected, found });
        self.refuse(paths, &Walked { position, next_offset: expected, damage })
    }

    /// Damage below the recovery point is an error.
    fn refuse(&self, paths: &SegmentPaths, walked: &Walked) -> Result<(), RecoveryError> {
        let recovery_point = self.situation.recovery_point;
        match &walked.damage {
            Some(damage) if walked.next_offset < recovery_point => Err(RecoveryError::Damaged {
                file: paths.log(),
                position: walked.position,
                offset: walked.next_offset,
                damage: damage.clone(),
                recovery_point,
            }),
            _ => Ok(()),
        }
    }

    fn cut(&self, paths: &SegmentPaths, file: &dyn DiskFile, walked: &Walked) -> io::Result<()> {
        let size = file.len()?;
        tracing::warn!(
            segment = %paths.log().display(),
            position = walked.position,
            bytes = size - walked.position,
            offset = walked.next_offset,
            "end of the log cut after the last whole batch: nothing there was acknowledged"
        );
        file.set_len(walked.position)
    }

    /// Removes segments after a cut: all of them lie above the recovery point.
    fn remove_segments(&self, bases: &[i64], end_offset: i64) -> io::Result<()> {
        for base_offset in bases {
            tracing::warn!(base_offset, end_offset, dir = %self.dir.display(), "segment after the cut removed");
            let paths = SegmentPaths::new(self.dir, *base_offset);
            self.disk.remove_file(&paths.log())?;
            self.disk.remove_file(&paths.index()).ok();
            self.disk.remove_file(&paths.time_index()).ok();
            self.disk.remove_file(&paths.aborted()).ok();
        }
        Ok(())
    }

    /// Removes snapshots above the end, which tell of batches that are gone.
    fn keep_snapshots(&self, files: &Files, state: &mut State) {
        for offset in &files.snapshots {
            if *offset > state.end_offset {
                self.disk.remove_file(&snapshot_path(self.dir, *offset)).ok();
            } else {
                state.snapshots.push(*offset);
            }
        }
    }
}

/// Remembers what a producer wrote, or the coordinator in its name; the transaction that was aborted by that.
fn note_producer(
    producers: &mut Producers,
    header: &BatchHeader,
    batch: &[u8],
    now_ms: i64,
) -> Option<AbortedTransaction> {
    match control_type(header, batch) {
        Some(outcome) => producers.note_marker(header, outcome, now_ms),
        None if header.is_control() => None,
        None => {
            producers.note(header, now_ms);
            None
        }
    }
}
