//! Tests of the whole log on a disk with faults.

mod damage;
mod durability;
mod reading;
pub mod transactions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_wire::Uuid;
use broker_wire::records::{
    BatchBuilder, Compression, MAX_DECOMPRESSED, ProducerStamp, TimestampType, batches, check_batch,
};
use bytes::Bytes;

use super::append::AppendError;
use super::committer::Ticket;
use super::disk::Disk;
use super::disk::memory::MemoryDisk;
use super::folder::{Durability, LogFolder};
use super::partition::{LogConfig, PartitionLog};
use super::reading::Limits;
use super::recovery::{RecoveryError, Situation, recover};

pub const KEY: (Uuid, i32) = (Uuid(77), 0);
pub const CONFIG: LogConfig =
    LogConfig { segment_bytes: 4096, max_message_bytes: 100_000, timestamp_type: TimestampType::CreateTime };

/// One partition on a disk in memory.
pub struct Rig {
    pub disk: MemoryDisk,
    pub folder: Arc<LogFolder>,
    pub log: Arc<PartitionLog>,
}

impl Rig {
    pub fn new() -> Self {
        let disk = MemoryDisk::default();
        disk.create_dir(Path::new("/log")).unwrap();
        Self::open(disk, false).unwrap()
    }

    /// Opens what is on the disk, as the broker does at its start.
    pub fn open(disk: MemoryDisk, clean: bool) -> Result<Self, RecoveryError> {
        let path = Path::new("/log");
        let folder = LogFolder::open(path, Arc::new(disk.clone()), Durability::Fsync).unwrap();
        let situation = Situation { recovery_point: folder.points().get(KEY), clean, now_ms: 0 };
        let state = recover(&disk, &dir(), situation).inspect_err(|_| folder.stop())?;
        disk.sync_all().unwrap();
        let log = PartitionLog::new("t-0".into(), KEY, CONFIG, folder.clone(), state);
        folder.points().set(KEY, log.end_offset());
        Ok(Self { disk, folder, log })
    }

    pub fn append(&self, batch: &Bytes) -> Result<(i64, Ticket), AppendError> {
        let appended = self.log.append(batch, &check_batch(batch).unwrap(), 0)?;
        Ok((appended.base_offset, appended.ticket))
    }

    /// Appends and waits until it is safe.
    pub fn append_safe(&self, batch: &Bytes) -> i64 {
        let (offset, ticket) = self.append(batch).unwrap();
        wait(&ticket).unwrap();
        offset
    }

    pub fn stop(self) -> MemoryDisk {
        self.folder.stop();
        self.disk.clone()
    }

    /// Stops as the broker does, leaving everything ready for a quick start.
    pub fn stop_clean(self) -> MemoryDisk {
        self.folder.stop();
        self.log.close().unwrap();
        self.disk.sync_all().unwrap();
        self.disk.clone()
    }

    /// Every value from `offset` on, read in steps of `max_bytes`.
    pub fn values(&self, offset: i64, max_bytes: usize) -> Vec<(i64, String)> {
        values(&self.log, offset, max_bytes)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.folder.stop();
    }
}

pub fn dir() -> PathBuf {
    PathBuf::from("/log/t-0")
}

pub fn wait(ticket: &Ticket) -> Result<(), super::committer::NotDurable> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ticket.durable())
}

pub fn values(log: &PartitionLog, mut offset: i64, max_bytes: usize) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    loop {
        let bytes = log.read(offset, Limits { max_bytes, at_least_one: true }).unwrap();
        if bytes.is_empty() {
            return values;
        }
        for (at, value) in read_values(bytes) {
            if at >= offset {
                values.push((at, value));
                offset = at + 1;
            }
        }
    }
}

/// The records of a read, which has to end with a whole batch.
pub fn read_values(bytes: Bytes) -> Vec<(i64, String)> {
    let (len, mut whole) = (bytes.len(), 0);
    let mut values = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        whole += batch.bytes.len();
        for record in batch.open(MAX_DECOMPRESSED).unwrap().slices() {
            let record = record.unwrap();
            values.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    assert_eq!(whole, len, "a read ends in the middle of a batch");
    values
}

/// A batch with these values, all at one time.
pub fn batch_at(timestamp: i64, texts: &[String]) -> Bytes {
    let mut builder = BatchBuilder::new();
    texts.iter().for_each(|text| builder.push(timestamp, None, Some(text.as_bytes()), &[]));
    builder.finish(Compression::None, None).unwrap()
}

pub fn batch(texts: &[&str]) -> Bytes {
    batch_at(5, &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

/// A batch of one record from an idempotent producer.
pub fn stamped(base_sequence: i32, text: &str) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.push(5, None, Some(text.as_bytes()), &[]);
    let stamp = ProducerStamp { producer_id: 9, epoch: 0, base_sequence, transactional: false };
    builder.finish(Compression::None, Some(stamp)).unwrap()
}
