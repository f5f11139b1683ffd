//! The batch header: 61 bytes, of which the first 21 are outside the checksum.
//!
//! ```text
//!  0 base offset i64        21 attributes i16         43 producer id i64
//!  8 length i32             23 last offset delta i32  51 producer epoch i16
//! 12 leader epoch i32       27 base timestamp i64     53 base sequence i32
//! 16 magic i8               35 max timestamp i64      57 records i32
//! 17 crc32c u32 (from 21)                             61 the records
//! ```
//!
//! Attributes: bits 0-2 codec, bit 3 timestamp type, bit 4 transactional, bit 5 control.

use super::builder::ProducerStamp;
use super::compression::Compression;
use super::{RecordError, TimestampType::LogAppendTime};

/// Bytes of a batch before its records.
pub const BATCH_OVERHEAD: usize = 61;
/// Bytes before what the length field counts: base offset and length.
pub const LENGTH_PREFIX: usize = 12;
/// Bytes that a broker may overwrite without touching the checksum: base offset, length, leader epoch.
pub const HEAD_LEN: usize = 16;

const CRC_FROM: usize = 21;
const TIMESTAMP_TYPE: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// Whose clock a batch's timestamps come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's; each record has its own.
    CreateTime,
    /// The broker's; all records have the batch's largest timestamp.
    LogAppendTime,
}

/// What a batch says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes of the batch after this field; see [`BatchHeader::size`].
    pub length: i32,
    /// Epoch of the partition's leader when the batch was appended.
    pub partition_leader_epoch: i32,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: i16,
    /// Offset of the last record minus the base offset; stays as it was when compaction removes records.
    pub last_offset_delta: i32,
    /// Timestamp of the first record in ms, -1 for none.
    pub base_timestamp: i64,
    /// Largest timestamp in ms, -1 for none.
    pub max_timestamp: i64,
    /// Id of an idempotent producer, -1 for none.
    pub producer_id: i64,
    /// Epoch of the producer id, -1 for none.
    pub producer_epoch: i16,
    /// Sequence number of the first record, -1 for none.
    pub base_sequence: i32,
    /// How many records the batch holds.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the rest of the batch need not be there.
    ///
    /// # Errors
    /// There are fewer than 61 bytes, the magic is not 2, or the length cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let left = bytes.len();
        let Some(head) = bytes.first_chunk::<BATCH_OVERHEAD>() else {
            return Err(RecordError::Short { wanted: BATCH_OVERHEAD, left });
        };
        let magic = head[16].cast_signed();
        if magic != 2 {
            return Err(RecordError::Magic(magic));
        }
        let header = Self {
            base_offset: i64_at(head, 0),
            length: i32_at(head, 8),
            partition_leader_epoch: i32_at(head, 12),
            crc: i32_at(head, 17).cast_unsigned(),
            attributes: i16_at(head, 21),
            last_offset_delta: i32_at(head, 23),
            base_timestamp: i64_at(head, 27),
            max_timestamp: i64_at(head, 35),
            producer_id: i64_at(head, 43),
            producer_epoch: i16_at(head, 51),
            base_sequence: i32_at(head, 53),
            records_count: i32_at(head, 57),
        };
        if header.length < (BATCH_OVERHEAD - LENGTH_PREFIX) as i32 {
            return Err(RecordError::Length(header.length));
        }
        Ok(header)
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        LENGTH_PREFIX + self.length.max(0).cast_unsigned() as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Sequence number of the last record, which wraps to 0 after `i32::MAX`; -1 without a producer.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last % (i64::from(i32::MAX) + 1)) as i32
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// The codec number does not exist.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        Compression::from_attributes(self.attributes)
    }

    /// Whose clock the timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE == 0 { TimestampType::CreateTime } else { LogAppendTime }
    }

    /// True if the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// True for the markers that end transactions, which readers skip.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// True if a producer with an id wrote the batch.
    pub fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// True if there is one record for each offset, which is so for every batch that comes from a producer.
    pub fn is_dense(&self) -> bool {
        self.records_count > 0 && self.records_count.checked_sub(1) == Some(self.last_offset_delta)
    }

    /// True if a producer may send the batch as it stands: no marker, no gaps, timestamps that are not a broker's.
    pub fn is_sendable(&self) -> bool {
        !self.is_control() && self.is_dense() && self.timestamp_type() == TimestampType::CreateTime
    }
}

/// Reads the header of the batch that `bytes` starts with, and checks that the whole batch is there and its checksum
/// right. Does not look into the records.
///
/// # Errors
/// The batch is not whole and sound.
pub fn check_batch(bytes: &[u8]) -> Result<BatchHeader, RecordError> {
    let header = BatchHeader::parse(bytes)?;
    let size = header.size();
    let Some(checked) = bytes.get(CRC_FROM..size) else {
        return Err(RecordError::Short { wanted: size, left: bytes.len() });
    };
    let actual = crc32c::crc32c(checked);
    if actual != header.crc {
        return Err(RecordError::Checksum { offset: header.base_offset, claimed: header.crc, actual });
    }
    Ok(header)
}

/// The first [`HEAD_LEN`] bytes of a batch with another base offset and leader epoch. Followed by the batch's own bytes
/// from [`HEAD_LEN`] on they are the batch as the log stores it; the checksum stays right.
pub fn patched_head(header: &BatchHeader, base_offset: i64, leader_epoch: i32) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(&base_offset.to_be_bytes());
    head[8..12].copy_from_slice(&header.length.to_be_bytes());
    head[12..].copy_from_slice(&leader_epoch.to_be_bytes());
    head
}

/// A copy of a checked batch whose records all have the broker's time `now_ms`.
pub fn with_log_append_time(batch: &[u8], now_ms: i64) -> Vec<u8> {
    let mut stamped = batch.to_vec();
    if stamped.len() >= BATCH_OVERHEAD {
        let attributes = i16::from_be_bytes([stamped[21], stamped[22]]) | TIMESTAMP_TYPE;
        stamped[21..23].copy_from_slice(&attributes.to_be_bytes());
        stamped[35..43].copy_from_slice(&now_ms.to_be_bytes());
        write_crc(&mut stamped);
    }
    stamped
}

/// Makes a batch a control batch.
pub(super) fn set_control(batch: &mut [u8]) {
    let attributes = i16::from_be_bytes([batch[21], batch[22]]) | CONTROL;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    write_crc(batch);
}

/// Makes a whole batch one that another producer sends: base offset 0, no leader's epoch, the producer's stamp.
pub(super) fn restamp(batch: &mut [u8], stamp: ProducerStamp) {
    let others = i16::from_be_bytes([batch[21], batch[22]]) & !TRANSACTIONAL;
    let attributes = others | if stamp.transactional { TRANSACTIONAL } else { 0 };
    batch[..8].copy_from_slice(&0i64.to_be_bytes());
    batch[12..16].copy_from_slice(&(-1i32).to_be_bytes());
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[43..51].copy_from_slice(&stamp.producer_id.to_be_bytes());
    batch[51..53].copy_from_slice(&stamp.epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&stamp.base_sequence.to_be_bytes());
    write_crc(batch);
}

/// Fills in the checksum of a whole batch.
pub(super) fn write_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn i16_at(head: &[u8; BATCH_OVERHEAD], at: usize) -> i16 {
    i16::from_be_bytes([head[at], head[at + 1]])
}

fn i32_at(head: &[u8; BATCH_OVERHEAD], at: usize) -> i32 {
    i32::from_be_bytes(std::array::from_fn(|i| head[at + i]))
}

fn i64_at(head: &[u8; BATCH_OVERHEAD], at: usize) -> i64 {
    i64::from_be_bytes(std::array::from_fn(|i| head[at + i]))
}
