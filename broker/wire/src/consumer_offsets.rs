//! The records of the topic `__consumer_offsets`, in Kafka's formats, so that Kafka's tools can read the topic.
//!
//! Keys: version 1 names an offset (group, topic, partition), version 2 a group. A null value deletes. Values carry their
//! version in front; offsets are written in version 3 and groups in version 3, both without tagged fields, and version 4
//! (flexible) is understood as well.

use bytes::Bytes;

use crate::message::message;
use crate::primitives::{EncodeError, Field, Layout};
use crate::reader::DecodeError;
use crate::versioned::{version_of, versioned};

/// Version of the value that is written.
const VALUE_VERSION: i16 = 3;
/// First flexible version of both values.
const FLEXIBLE_FROM: i16 = 4;

message! {
    /// Names a committed offset.
    pub struct OffsetKey {
        /// The group.
        group: String [0..],
        /// Name of the topic.
        topic: String [0..],
        /// Number of the partition.
        partition: i32 [0..],
    }

    /// A committed offset.
    pub struct OffsetValue {
        /// The next offset to read.
        offset: i64 [0..],
        /// Leader epoch of the last record read, -1 if unknown.
        leader_epoch: i32 [3..] = -1,
        /// Any text that the reader keeps with the offset.
        metadata: String [0..],
        /// When it was committed, in ms.
        commit_timestamp: i64 [0..],
        /// When it expires, in ms; an old field.
        expire_timestamp: i64 [1..=1] = -1,
    }

    /// Names a group.
    pub struct GroupKey {
        /// The group.
        group: String [0..],
    }

    /// A group and its members.
    pub struct GroupValue {
        /// Kind of group, such as `consumer`.
        protocol_type: String [0..],
        /// Generation that the group is in.
        generation: i32 [0..],
        /// Protocol that the members agreed on.
        protocol: Option<String> [0..],
        /// Member id of the leader.
        leader: Option<String> [0..],
        /// When the group entered its state, in ms.
        current_state_timestamp: i64 [2..] = -1,
        /// The members.
        members: Vec<GroupMember> [0..],
    }

    /// A member of a group.
    pub struct GroupMember {
        /// Id of the member.
        member_id: String [0..],
        /// Id of a static member.
        group_instance_id: Option<String> [3..],
        /// Name that the client gives itself.
        client_id: String [0..],
        /// Address of the client.
        client_host: String [0..],
        /// How long in ms the coordinator waits for it to rejoin.
        rebalance_timeout: i32 [1..],
        /// Silence in ms after which it is taken for dead.
        session_timeout: i32 [0..],
        /// What the member said of itself.
        subscription: Bytes [0..],
        /// What the member was given.
        assignment: Bytes [0..],
    }
}

/// The key of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// Names a committed offset.
    Offset(OffsetKey),
    /// Names a group.
    Group(GroupKey),
}

impl Key {
    /// The bytes of the key.
    ///
    /// # Errors
    /// A name is longer than 32 767 bytes.
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Offset(key) => versioned(key, plain(1)),
            Self::Group(key) => versioned(key, plain(2)),
        }
    }

    /// Reads a key; `None` for one of a version that this crate does not know (a newer kind of record: skip it).
    ///
    /// # Errors
    /// The bytes are not a key.
    pub fn from_bytes(bytes: Bytes) -> Result<Option<Self>, DecodeError> {
        let (version, mut input) = version_of(bytes)?;
        Ok(match version {
            0 | 1 => Some(Self::Offset(Field::read(&mut input, plain(version))?)),
            2 => Some(Self::Group(Field::read(&mut input, plain(version))?)),
            _ => None,
        })
    }
}

/// The value of a record, with its version in front.
pub trait Value: Field {
    /// The bytes of the value.
    ///
    /// # Errors
    /// A field is too long.
    fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        versioned(self, plain(VALUE_VERSION))
    }

    /// Reads a value.
    ///
    /// # Errors
    /// The bytes are not such a value, or of a version newer than 4.
    fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let (version, mut input) = version_of(bytes)?;
        if !(0..=FLEXIBLE_FROM).contains(&version) {
            return Err(DecodeError::Version { message: "a record of __consumer_offsets", version });
        }
        Self::read(&mut input, Layout { version, flexible: version >= FLEXIBLE_FROM })
    }
}

impl Value for OffsetValue {}
impl Value for GroupValue {}

const fn plain(version: i16) -> Layout {
    Layout { version, flexible: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_read_back() {
        let offset = Key::Offset(OffsetKey { group: "g".into(), topic: "t".into(), partition: 3 });
        assert_eq!(&offset.to_bytes().unwrap()[..], b"\0\x01\0\x01g\0\x01t\0\0\0\x03");
        for key in [offset, Key::Group(GroupKey { group: "g".into() })] {
            assert_eq!(Key::from_bytes(key.to_bytes().unwrap()).unwrap(), Some(key));
        }
        let value = OffsetValue { offset: 9, metadata: "m".into(), commit_timestamp: 5, ..OffsetValue::default() };
        assert_eq!(OffsetValue::from_bytes(value.to_bytes().unwrap()).unwrap(), value);
        let group = GroupValue { members: vec![GroupMember::default()], ..GroupValue::default() };
        assert_eq!(GroupValue::from_bytes(group.to_bytes().unwrap()).unwrap(), group);
    }

    #[test]
    fn a_newer_kind_of_key_is_skipped_and_garbage_refused() {
        assert_eq!(Key::from_bytes(Bytes::from_static(&[0, 7, 1, 2])).unwrap(), None);
        assert!(Key::from_bytes(Bytes::from_static(&[0])).is_err());
        assert!(OffsetValue::from_bytes(Bytes::from_static(&[0, 9])).is_err());
    }
}
