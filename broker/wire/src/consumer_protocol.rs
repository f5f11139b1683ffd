//! What members of a `consumer` group say of themselves and are given: the embedded protocol of classic consumers.
//!
//! Each value is a version (`i16`) and then the fields of that version, in the plain layout. A reader takes a version
//! newer than it knows for the newest that it knows, because fields are only ever added at the end.

use bytes::{Buf, BufMut, Bytes};

use crate::message::message;
use crate::primitives::{EncodeError, Field, Layout};
use crate::reader::{DecodeError, Reader};

/// The newest version of both values that this crate knows.
pub const NEWEST_VERSION: i16 = 3;

message! {
    /// What a member wants: the metadata of its JoinGroup request.
    pub struct Subscription {
        /// Topics that the member subscribes to.
        topics: Vec<String> [0..],
        /// Whatever the assignor adds.
        user_data: Option<Bytes> [0..],
        /// Partitions that the member still owns (KIP-429).
        owned_partitions: Vec<TopicPartitions> [1..],
        /// Generation in which it came to own them (KIP-792).
        generation_id: i32 [2..] = -1,
        /// Where the member stands (KIP-881).
        rack_id: Option<String> [3..],
    }

    /// What a member was given: its part of the SyncGroup response.
    pub struct Assignment {
        /// Partitions that the member owns now.
        assigned_partitions: Vec<TopicPartitions> [0..],
        /// Whatever the assignor adds.
        user_data: Option<Bytes> [0..],
    }

    /// Partitions of one topic.
    pub struct TopicPartitions {
        /// Name of the topic.
        topic: String [0..],
        /// Numbers of the partitions.
        partitions: Vec<i32> [0..],
    }
}

/// A value with its version in front.
pub trait Versioned: Field {
    /// Writes the version and then the value.
    ///
    /// # Errors
    /// A field is too long.
    fn to_versioned_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut out = Vec::new();
        out.put_i16(version);
        self.write(&mut out, Layout { version, flexible: false })?;
        Ok(Bytes::from(out))
    }

    /// Reads the version and then the value.
    ///
    /// # Errors
    /// The bytes are not such a value, or the version is negative.
    fn from_versioned_bytes(mut bytes: Bytes) -> Result<Self, DecodeError> {
        if bytes.len() < 2 {
            return Err(DecodeError::Short { wanted: 2, left: bytes.len() });
        }
        let version = bytes.get_i16();
        if version < 0 {
            return Err(DecodeError::Version { message: "the consumer protocol", version });
        }
        Self::read(&mut Reader::new(bytes), Layout { version: version.min(NEWEST_VERSION), flexible: false })
    }
}

impl Versioned for Subscription {}
impl Versioned for Assignment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_reads_back_in_every_version() {
        let owned = TopicPartitions { topic: "t".into(), partitions: vec![1, 2] };
        let full = Subscription {
            topics: vec!["t".into()],
            user_data: Some(Bytes::from_static(b"u")),
            owned_partitions: vec![owned],
            generation_id: 4,
            rack_id: Some("r".into()),
        };
        for version in 0..=NEWEST_VERSION {
            let read = Subscription::from_versioned_bytes(full.to_versioned_bytes(version).unwrap()).unwrap();
            assert_eq!(read.topics, full.topics);
            assert_eq!(read.owned_partitions.is_empty(), version < 1);
            assert_eq!(read == full, version == 3);
        }
        let mut newer = full.to_versioned_bytes(3).unwrap().to_vec();
        newer[1] = 9;
        assert_eq!(Subscription::from_versioned_bytes(newer.into()).unwrap(), full);
    }
}
