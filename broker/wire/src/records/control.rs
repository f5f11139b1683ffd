//! Markers: the control batches that end transactions (KIP-98).
//!
//! A marker is a batch of one record without compression. Its key is `version i16 = 0 | type i16`, 0 to abort and 1 to commit, its
//! value `version i16 = 0 | coordinator epoch i32`. Only brokers write markers.

use bytes::Bytes;

use super::builder::{BatchBuilder, ProducerStamp};
use super::compression::Compression;
use super::header::{BATCH_OVERHEAD, BatchHeader, set_control};
use super::record::{Base, ControlType, Records};
use super::{Batch, RecordError};

/// Epoch of the coordinator in every marker: with one broker the coordinator never changes.
pub const COORDINATOR_EPOCH: i32 = 0;

/// The marker that ends the transaction of a producer in a partition, written at `now_ms`.
///
/// # Errors
/// As [`BatchBuilder::finish`]: never, in fact.
pub fn marker(producer_id: i64, epoch: i16, outcome: ControlType, now_ms: i64) -> Result<Bytes, RecordError> {
    let kind: i16 = match outcome {
        ControlType::Abort => 0,
        ControlType::Commit => 1,
    };
    let key = [0i16.to_be_bytes(), kind.to_be_bytes()].concat();
    let value = [&0i16.to_be_bytes()[..], &COORDINATOR_EPOCH.to_be_bytes()].concat();
    let mut builder = BatchBuilder::new();
    builder.push(now_ms, Some(&key), Some(&value), &[]);
    let stamp = ProducerStamp { producer_id, epoch, base_sequence: -1, transactional: true };
    let mut batch = builder.finish(Compression::None, Some(stamp))?.to_vec();
    set_control(&mut batch);
    Ok(batch.into())
}

/// How a transaction ended, if `batch`, whose header is `header`, is a marker. `None` for other batches and for kinds of control
/// batch that this crate does not know.
pub fn control_type(header: &BatchHeader, batch: &[u8]) -> Option<ControlType> {
    if !header.is_control() {
        return None;
    }
    let base = Base { offset: header.base_offset, timestamp: header.base_timestamp, append_time: None };
    let rest = batch.get(BATCH_OVERHEAD..header.size())?;
    let record = Records { rest, base, index: 0, count: 1 }.next()?.ok()?;
    ControlType::from_key(record.key?)
}

impl Batch {
    /// How a transaction ended, if this is a marker; see [`control_type`].
    pub fn control_type(&self) -> Option<ControlType> {
        control_type(&self.header, &self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_DECOMPRESSED, batches, check_batch};
    use super::*;

    #[test]
    fn a_marker_is_a_sound_batch_that_says_how_the_transaction_ended() {
        for outcome in [ControlType::Abort, ControlType::Commit] {
            let bytes = marker(7, 3, outcome, 1234).unwrap();
            let header = check_batch(&bytes).unwrap();
            assert!(header.is_control() && header.is_transactional() && header.is_dense());
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, -1));
            assert_eq!((header.max_timestamp, header.size()), (1234, bytes.len()));
            let batch = batches(bytes).next().unwrap().unwrap();
            assert_eq!(batch.control_type(), Some(outcome));
            let open = batch.open(MAX_DECOMPRESSED).unwrap();
            let record = open.records().next().unwrap().unwrap();
            assert_eq!(record.value, Some(&[0, 0, 0, 0, 0, 0][..]));
        }
    }

    #[test]
    fn data_and_cut_batches_are_no_markers() {
        let mut builder = BatchBuilder::new();
        builder.push(1, Some(&[0, 0, 0, 1]), None, &[]);
        let data = builder.finish(Compression::None, None).unwrap();
        assert_eq!(control_type(&check_batch(&data).unwrap(), &data), None);
        let bytes = marker(7, 3, ControlType::Commit, 1).unwrap();
        let header = check_batch(&bytes).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(control_type(&header, &bytes[..end]), None);
        }
    }
}
