//! Groups and offsets as records of `__consumer_offsets`, in Kafka's formats.
//!
//! A group is written without its members: after a restart it is empty in its last generation, its old members are told
//! UNKNOWN_MEMBER_ID and join again at once. Keeping them would make the first member that comes back wait for others
//! that may have died with the broker.

use std::collections::HashMap;

use broker_wire::consumer_offsets::{GroupKey, GroupValue, Key, OffsetKey, OffsetValue, Value};
use broker_wire::records::{BatchBuilder, Compression, OpenBatch};
use broker_wire::{DecodeError, EncodeError};
use bytes::Bytes;
use thiserror::Error;

use super::group::{Committed, Group};

/// Builds one batch of records.
#[derive(Debug)]
pub struct Entry {
    builder: BatchBuilder,
    now_ms: i64,
}

/// A record that cannot be written or read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A name is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A record is not what it should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A batch is not what it should be.
    #[error(transparent)]
    Records(#[from] broker_wire::records::RecordError),
}

impl Entry {
    /// An empty batch, written at `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Self { builder: BatchBuilder::new(), now_ms }
    }

    /// An offset, or with `None` its deletion.
    ///
    /// # Errors
    /// A name is too long.
    pub fn offset(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        committed: Option<&Committed>,
    ) -> Result<(), JournalError> {
        let key = Key::Offset(OffsetKey { group: group.to_owned(), topic: topic.to_owned(), partition });
        let value = committed.map(|committed| OffsetValue {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            commit_timestamp: self.now_ms,
            ..OffsetValue::default()
        });
        let value = value.map(|value| value.to_bytes()).transpose()?;
        self.push(&key, value.as_ref())
    }

    /// A group, or with `None` its deletion.
    ///
    /// # Errors
    /// A name is too long.
    pub fn group(&mut self, name: &str, group: Option<&Group>) -> Result<(), JournalError> {
        let value = group.map(|group| GroupValue {
            protocol_type: group.protocol_type.clone(),
            generation: group.generation,
            current_state_timestamp: self.now_ms,
            ..GroupValue::default()
        });
        let value = value.map(|value| value.to_bytes()).transpose()?;
        self.push(&Key::Group(GroupKey { group: name.to_owned() }), value.as_ref())
    }

    fn push(&mut self, key: &Key, value: Option<&Bytes>) -> Result<(), JournalError> {
        self.builder.push(self.now_ms, Some(&key.to_bytes()?), value.map(|value| &value[..]), &[]);
        Ok(())
    }

    /// The batch; empty if nothing was added.
    ///
    /// # Errors
    /// The codec failed, which it does not.
    pub fn finish(mut self) -> Result<Bytes, JournalError> {
        Ok(self.builder.finish(Compression::None, None)?)
    }
}

/// Applies the records of one batch to the groups, in order. Kinds of record that are not known are skipped.
///
/// # Errors
/// A record is not what it should be; those before it are applied.
pub fn replay(groups: &mut HashMap<String, Group>, batch: &OpenBatch) -> Result<(), JournalError> {
    for record in batch.slices() {
        let record = record?;
        match Key::from_bytes(record.key.unwrap_or_default())? {
            Some(Key::Offset(key)) => replay_offset(groups, key, record.value)?,
            Some(Key::Group(key)) => replay_group(groups, key, record.value)?,
            None => {}
        }
    }
    Ok(())
}

fn replay_offset(
    groups: &mut HashMap<String, Group>,
    key: OffsetKey,
    value: Option<Bytes>,
) -> Result<(), JournalError> {
    let at = (key.topic, key.partition);
    let Some(value) = value.map(OffsetValue::from_bytes).transpose()? else {
        groups.get_mut(&key.group).map(|group| group.offsets.remove(&at));
        return Ok(());
    };
    let committed = Committed { offset: value.offset, leader_epoch: value.leader_epoch, metadata: value.metadata };
    groups.entry(key.group).or_default().offsets.insert(at, committed);
    Ok(())
}

fn replay_group(groups: &mut HashMap<String, Group>, key: GroupKey, value: Option<Bytes>) -> Result<(), JournalError> {
    let Some(value) = value.map(GroupValue::from_bytes).transpose()? else {
        groups.remove(&key.group);
        return Ok(());
    };
    let group = groups.entry(key.group).or_default();
    group.protocol_type = value.protocol_type;
    group.generation = value.generation;
    Ok(())
}

/// The partition of `__consumer_offsets` that a group belongs to, as Kafka chooses it: Java's hash of the name.
pub fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX).checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_wire::records::{MAX_DECOMPRESSED, batches};

    fn replayed(entries: Vec<Entry>) -> HashMap<String, Group> {
        let mut groups = HashMap::new();
        for entry in entries {
            let batch = batches(entry.finish().unwrap()).next().unwrap().unwrap();
            replay(&mut groups, &batch.open(MAX_DECOMPRESSED).unwrap()).unwrap();
        }
        groups
    }

    fn committed(offset: i64) -> Committed {
        Committed { offset, leader_epoch: -1, metadata: "m".into() }
    }

    #[test]
    fn the_last_record_of_each_key_wins_and_deletions_delete() {
        let mut first = Entry::new(1);
        first.offset("g", "t", 0, Some(&committed(5))).unwrap();
        first.offset("g", "t", 1, Some(&committed(6))).unwrap();
        first.offset("h", "t", 0, Some(&committed(7))).unwrap();
        first.group("g", Some(&Group { generation: 4, protocol_type: "consumer".into(), ..Group::default() })).unwrap();
        let mut second = Entry::new(2);
        second.offset("g", "t", 0, Some(&committed(9))).unwrap();
        second.offset("g", "t", 1, None).unwrap();
        second.group("h", None).unwrap();
        let groups = replayed(vec![first, second]);
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["g"]);
        assert_eq!(groups["g"].offsets, [(("t".to_owned(), 0), committed(9))].into());
        assert_eq!((groups["g"].generation, groups["g"].protocol_type.as_str()), (4, "consumer"));
    }

    #[test]
    fn groups_are_spread_as_java_does() {
        // "test".hashCode() is 3556498, "connect-sinks".hashCode() is -1594880741.
        assert_eq!(partition_of("test", 50), 3_556_498 % 50);
        assert_eq!(partition_of("anything", 1), 0);
        assert!((0..50).contains(&partition_of("\u{1F600} more", 50)));
    }
}
