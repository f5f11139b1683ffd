//! The records of the topic `__transaction_state`, in Kafka's formats, so that Kafka's tools can read the topic.
//!
//! A key (version 0) is a transactional id; its last value is how its transaction stands, a null value deletes it. Values are
//! written in version 0; version 1 (flexible, KIP-890) is understood, its tagged fields are passed over.

use bytes::Bytes;

use crate::message::message;
use crate::primitives::{EncodeError, Field, Layout};
use crate::reader::DecodeError;
use crate::versioned::{version_of, versioned};

/// Version of keys and values that are written.
const VERSION: i16 = 0;
/// Newest version of a value that is understood, and the first flexible one.
const FLEXIBLE_FROM: i16 = 1;

message! {
    /// Names a transaction.
    pub struct TransactionKey {
        /// Id of the transactional producer.
        transactional_id: String [0..],
    }

    /// How a transaction stands.
    pub struct TransactionValue {
        /// Id of the producer.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// How long in ms a transaction may stay open.
        timeout_ms: i32 [0..],
        /// 0 empty, 1 ongoing, 2 prepare commit, 3 prepare abort, 4 complete commit, 5 complete abort.
        status: i8 [0..],
        /// The partitions that belong to it; null for none.
        partitions: Option<Vec<TransactionPartitions>> [0..],
        /// When this was written, in ms.
        last_update_ms: i64 [0..],
        /// When the transaction began, in ms; -1 if there is none.
        start_ms: i64 [0..] = -1,
    }

    /// Partitions of one topic.
    pub struct TransactionPartitions {
        /// Name of the topic.
        topic: String [0..],
        /// Numbers of the partitions.
        partition_ids: Vec<i32> [0..],
    }
}

impl TransactionKey {
    /// The bytes of the key.
    ///
    /// # Errors
    /// The id is longer than 32 767 bytes.
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        versioned(self, layout(VERSION))
    }

    /// Reads a key; `None` for one of a version that this crate does not know (a newer kind of record: skip it).
    ///
    /// # Errors
    /// The bytes are not a key.
    pub fn from_bytes(bytes: Bytes) -> Result<Option<Self>, DecodeError> {
        let (version, mut input) = version_of(bytes)?;
        if version != VERSION {
            return Ok(None);
        }
        Self::read(&mut input, layout(version)).map(Some)
    }
}

impl TransactionValue {
    /// The bytes of the value.
    ///
    /// # Errors
    /// A name is longer than 32 767 bytes.
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        versioned(self, layout(VERSION))
    }

    /// Reads a value.
    ///
    /// # Errors
    /// The bytes are not such a value, or of a version newer than 1.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let (version, mut input) = version_of(bytes)?;
        if !(0..=FLEXIBLE_FROM).contains(&version) {
            return Err(DecodeError::Version { message: "a record of __transaction_state", version });
        }
        Self::read(&mut input, layout(version))
    }
}

const fn layout(version: i16) -> Layout {
    Layout { version, flexible: version >= FLEXIBLE_FROM }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_read_back() {
        let key = TransactionKey { transactional_id: "tx".into() };
        assert_eq!(&key.to_bytes().unwrap()[..], b"\0\0\0\x02tx");
        assert_eq!(TransactionKey::from_bytes(key.to_bytes().unwrap()).unwrap(), Some(key));
        let partitions = vec![TransactionPartitions { topic: "t".into(), partition_ids: vec![0, 3] }];
        let value = TransactionValue {
            producer_id: 7,
            producer_epoch: 2,
            timeout_ms: 60_000,
            status: 1,
            partitions: Some(partitions),
            last_update_ms: 5,
            start_ms: 4,
        };
        let bytes = value.to_bytes().unwrap();
        assert_eq!(&bytes[..12], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2]);
        assert_eq!(TransactionValue::from_bytes(bytes).unwrap(), value);
        let newer = versioned(&value, layout(1)).unwrap();
        assert_eq!(TransactionValue::from_bytes(newer).unwrap(), value);
    }

    #[test]
    fn a_newer_kind_of_key_is_skipped_and_garbage_refused() {
        assert_eq!(TransactionKey::from_bytes(Bytes::from_static(&[0, 4, 1])).unwrap(), None);
        assert!(TransactionKey::from_bytes(Bytes::from_static(&[0])).is_err());
        assert!(TransactionValue::from_bytes(Bytes::from_static(&[0, 9])).is_err());
    }
}
