//! A batch with room around it.

use bytes::Bytes;

use super::batch::Batch;
use super::builder::ProducerStamp;
use super::header::restamp;

/// Room in front of a batch, in bytes: for the head of a request with a long topic name and a long client id.
pub(super) const HEADROOM: usize = 512;

/// Room behind a batch, in bytes.
pub(super) const TAILROOM: usize = 8;

/// A finished batch in a buffer that has room around it, so that the request that carries it can be written around it.
#[derive(Debug, Clone)]
pub struct RoomyBatch {
    /// [`HEADROOM`] bytes, then the batch.
    buffer: Vec<u8>,
}

impl RoomyBatch {
    pub(super) fn new(buffer: Vec<u8>) -> RoomyBatch {
        RoomyBatch { buffer }
    }

    /// The same batch with room around it.
    pub fn copy(batch: &[u8]) -> RoomyBatch {
        let mut buffer = Vec::with_capacity(HEADROOM + batch.len() + TAILROOM);
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(batch);
        RoomyBatch { buffer }
    }

    /// A batch as another producer writes it: its records as they stand, compressed or not, under that producer's id and
    /// numbers. The batch has to be [sendable](super::BatchHeader::is_sendable).
    pub fn stamped(batch: &Batch, stamp: ProducerStamp) -> RoomyBatch {
        let mut copy = RoomyBatch::copy(&batch.bytes);
        restamp(&mut copy.buffer[HEADROOM..], stamp);
        copy
    }

    /// Bytes of the batch.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.buffer.len().saturating_sub(HEADROOM)
    }

    /// The batch alone.
    pub fn into_bytes(self) -> Bytes {
        let whole = Bytes::from(self.buffer);
        whole.slice(HEADROOM.min(whole.len())..)
    }

    /// `head`, the batch and `tail` in one piece, and the batch as a slice of it. Copies the batch only if `head` does not
    /// fit into the room.
    pub fn wrapped(self, head: &[u8], tail: &[u8]) -> (Bytes, Bytes) {
        let mut buffer = self.buffer;
        let start = match HEADROOM.checked_sub(head.len()) {
            Some(start) => {
                buffer[start..HEADROOM].copy_from_slice(head);
                buffer.extend_from_slice(tail);
                start
            }
            None => {
                let mut longer = Vec::with_capacity(head.len() + buffer.len() + tail.len());
                longer.extend_from_slice(head);
                longer.extend_from_slice(&buffer[HEADROOM..]);
                longer.extend_from_slice(tail);
                buffer = longer;
                0
            }
        };
        let frame = Bytes::from(buffer).slice(start..);
        let batch = frame.slice(head.len()..frame.len() - tail.len());
        (frame, batch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{BatchBuilder, Compression, MAX_DECOMPRESSED, ProducerStamp, batches};
    use super::*;

    proptest! {
        #[test]
        fn a_batch_of_another_producer_holds_the_same_records(
            values in proptest::collection::vec((any::<i32>(), proptest::option::of(".{0,20}")), 1..20),
            codec in 0usize..5,
            base_sequence in 0..i32::MAX,
            transactional: bool,
        ) {
            let mut builder = BatchBuilder::new();
            for (timestamp, value) in &values {
                builder.push(i64::from(*timestamp), None, value.as_deref().map(str::as_bytes), &[(b"h", None)]);
            }
            let before = ProducerStamp { producer_id: 7, epoch: 3, base_sequence: 5, transactional };
            let mut stored = builder.finish(Compression::ALL[codec], Some(before)).unwrap().to_vec();
            stored[..8].copy_from_slice(&1000i64.to_be_bytes());
            let batch = batches(stored.into()).next().unwrap().unwrap();
            prop_assert!(batch.header.is_sendable());

            let stamp = ProducerStamp { producer_id: 9, epoch: 0, base_sequence, transactional: false };
            let sent = batches(RoomyBatch::stamped(&batch, stamp).into_bytes()).next().unwrap().unwrap();
            let header = &sent.header;
            prop_assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 0, base_sequence));
            prop_assert_eq!((header.base_offset, header.is_transactional()), (0, false));
            prop_assert_eq!(&sent.bytes[61..], &batch.bytes[61..]);
            let records = |batch: &Batch| -> Vec<_> {
                let open = batch.open(MAX_DECOMPRESSED).unwrap();
                open.slices().map(|record| { let record = record.unwrap(); (record.timestamp, record.value) }).collect()
            };
            prop_assert_eq!(records(&sent), records(&batch));
        }
    }
}
