//! Groups and offsets as records of `__consumer_offsets`, in Kafka's formats.
//!
//! A group is written without its members: after a restart it is empty in its last generation, its old members are told
//! UNKNOWN_MEMBER_ID and join again at once. Keeping them would make the first member that comes back wait for others
//! that may have died with the broker.

use std::collections::HashMap;

use broker_wire::consumer_offsets::{GroupKey, GroupValue, Key, OffsetKey, OffsetValue, Value};
use broker_wire::records::{BatchBuilder, Compression, ControlType, OpenBatch, ProducerStamp};
use broker_wire::{DecodeError, EncodeError};
use bytes::Bytes;
use thiserror::Error;

use super::group::{Committed, Group};
use super::pending::Pending;

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

    /// The batch; empty if nothing was added. With a stamp it is a part of that producer's transaction.
    ///
    /// # Errors
    /// The codec failed, which it does not.
    pub fn finish(mut self, stamp: Option<ProducerStamp>) -> Result<Bytes, JournalError> {
        Ok(self.builder.finish(Compression::None, stamp)?)
    }
}

/// What the journal tells.
#[derive(Debug, Default)]
pub struct Replay {
    /// The groups by name.
    pub groups: HashMap<String, Group>,
    /// What is held back for transactions.
    pub pending: Pending,
}

impl Replay {
    /// Applies the records of one batch of that partition of the journal, in order. Kinds of record that are not known are skipped.
    ///
    /// # Errors
    /// A record is not what it should be; those before it are applied.
    pub fn apply(&mut self, partition: i32, batch: &OpenBatch) -> Result<(), JournalError> {
        let producer_id = Some(batch.header.producer_id).filter(|_| batch.header.is_transactional());
        for record in batch.slices() {
            let record = record?;
            let key = record.key.unwrap_or_default();
            if batch.header.is_control() {
                self.decide(partition, batch.header.producer_id, ControlType::from_key(&key));
                continue;
            }
            match Key::from_bytes(key)? {
                Some(Key::Offset(key)) => {
                    if let Some(producer_id) = producer_id {
                        self.pending.insert(partition, producer_id, &key.group);
                    }
                    self.offset(key, record.value, producer_id)?;
                }
                Some(Key::Group(key)) => replay_group(&mut self.groups, key, record.value)?,
                None => {}
            }
        }
        Ok(())
    }

    fn decide(&mut self, partition: i32, producer_id: i64, outcome: Option<ControlType>) {
        let Some(outcome) = outcome else { return };
        for name in self.pending.take(partition, producer_id) {
            self.groups.entry(name).and_modify(|group| group.decide(producer_id, outcome == ControlType::Commit));
        }
    }

    fn offset(&mut self, key: OffsetKey, value: Option<Bytes>, producer_id: Option<i64>) -> Result<(), JournalError> {
        let at = (key.topic, key.partition);
        let Some(value) = value.map(OffsetValue::from_bytes).transpose()? else {
            self.groups.entry(key.group).and_modify(|group| group.forget(&at));
            return Ok(());
        };
        let committed = Committed { offset: value.offset, leader_epoch: value.leader_epoch, metadata: value.metadata };
        let group = self.groups.entry(key.group).or_default();
        match producer_id {
            Some(producer_id) => group.hold(producer_id, [(at, committed)]),
            None => group.show(at, committed),
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use broker_wire::records::{MAX_DECOMPRESSED, batches, marker};

    fn replayed(entries: Vec<Entry>) -> HashMap<String, Group> {
        let written = entries.into_iter().map(|entry| entry.finish(None).unwrap());
        applied(written.collect())
    }

    fn applied(written: Vec<Bytes>) -> HashMap<String, Group> {
        let mut replay = Replay::default();
        for batch in written {
            let batch = batches(batch).next().unwrap().unwrap();
            replay.apply(0, &batch.open(MAX_DECOMPRESSED).unwrap()).unwrap();
        }
        replay.groups
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
    fn offsets_of_a_transaction_count_from_its_marker_on() {
        let entry = |group: &str, offset| {
            let mut entry = Entry::new(1);
            entry.offset(group, "t", 0, Some(&committed(offset))).unwrap();
            entry
        };
        let part = |producer_id, group: &str, offset| {
            let stamp = ProducerStamp { producer_id, epoch: 0, base_sequence: -1, transactional: true };
            entry(group, offset).finish(Some(stamp)).unwrap()
        };
        let end = |producer_id, outcome| marker(producer_id, 0, outcome, 1).unwrap();
        let begun = vec![part(7, "g", 5), part(7, "h", 6), part(8, "i", 7), entry("h", 3).finish(None).unwrap()];
        let groups = applied(begun.clone());
        assert_eq!((groups["g"].offsets.len(), groups["h"].offsets.len(), groups["i"].pending.len()), (0, 1, 1));
        let groups = applied([begun, vec![end(7, ControlType::Commit), end(8, ControlType::Abort)]].concat());
        let shown = |group: &str| groups[group].offsets.get(&("t".to_owned(), 0)).cloned();
        // The plain commit to "h" came later than the one of the transaction.
        assert_eq!((shown("g"), shown("h"), shown("i")), (Some(committed(5)), Some(committed(3)), None));
        assert!(groups.values().all(|group| group.pending.is_empty()));
    }
}
