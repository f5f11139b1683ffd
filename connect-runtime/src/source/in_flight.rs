//! Batches between poll and outcome: only the unbroken prefix counts.

use std::collections::{BTreeMap, VecDeque};

use connector_api::Position;
use serde_json::Value as Json;

/// Batches that have been polled and not settled, in the order of the polls.
///
/// A batch is done when the log has every one of its records. Positions may be stored up to the last batch before which
/// everything is done, and no further: what lies behind an open batch would be lost by a restart from there.
#[derive(Debug, Default)]
pub struct InFlight {
    batches: VecDeque<Entry>,
    /// The token of the first batch in the queue.
    first: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    open: u32,
    bytes: usize,
    positions: Vec<Position>,
}

/// The unbroken prefix of batches that are done.
#[derive(Debug, Default, PartialEq)]
pub struct Prefix {
    /// The connector's ids of the batches, in order.
    pub batches: Vec<u64>,
    /// For each source partition that they touched, where it stands after them.
    pub positions: Vec<Position>,
}

impl InFlight {
    /// Takes in a batch: the connector's id, how many of its records go to the log, and the positions after it. Returns
    /// the token by which its records are acknowledged.
    ///
    /// A batch without records is done at once.
    pub fn admit(&mut self, id: u64, records: u32, positions: Vec<Position>) -> u64 {
        self.batches.push_back(Entry { id, open: records, bytes: 0, positions });
        self.first + self.batches.len() as u64 - 1
    }

    /// Says how many bytes the newest batch takes until the log has it.
    pub fn weigh(&mut self, bytes: usize) {
        if let Some(entry) = self.batches.back_mut().filter(|entry| entry.open > 0) {
            self.bytes = self.bytes - entry.bytes + bytes;
            entry.bytes = bytes;
        }
    }

    /// Takes the newest batch back, because it could not be handed over whole: its id. What was handed over of it is in
    /// the log or will be, and comes again when the batch is read again.
    pub fn retract(&mut self) -> Option<u64> {
        let entry = self.batches.pop_back()?;
        self.bytes -= entry.bytes;
        Some(entry.id)
    }

    /// The log has that many records of a batch. True if that was the last of them.
    pub fn acknowledge(&mut self, token: u64, records: u32) -> bool {
        let Some(entry) = self.index(token).and_then(|index| self.batches.get_mut(index)) else { return false };
        entry.open = entry.open.saturating_sub(records);
        if entry.open == 0 {
            self.bytes -= std::mem::take(&mut entry.bytes);
        }
        entry.open == 0
    }

    /// Takes out the unbroken prefix of done batches; `None` if the first batch is still open or there is none.
    pub fn take_prefix(&mut self) -> Option<Prefix> {
        let mut prefix = Prefix::default();
        let mut latest: BTreeMap<String, Position> = BTreeMap::new();
        while let Some(entry) = self.batches.pop_front_if(|entry| entry.open == 0) {
            self.first += 1;
            prefix.batches.push(entry.id);
            for position in entry.positions {
                latest.insert(name_of(&position), position);
            }
        }
        prefix.positions = latest.into_values().collect();
        (!prefix.batches.is_empty()).then_some(prefix)
    }

    /// For each source partition that all batches here touch, where it stands after them.
    pub fn latest_positions(&self) -> Vec<Position> {
        let positions = self.batches.iter().flat_map(|entry| &entry.positions);
        let latest: BTreeMap<String, &Position> = positions.map(|position| (name_of(position), position)).collect();
        latest.into_values().cloned().collect()
    }

    /// Takes out everything that is not done, when the task ends: the ids in order.
    pub fn abandon(&mut self) -> Vec<u64> {
        self.first += self.batches.len() as u64;
        self.bytes = 0;
        self.batches.drain(..).map(|entry| entry.id).collect()
    }

    /// Whether the log does not have all records of a batch yet.
    pub fn is_open(&self, token: u64) -> bool {
        self.index(token).and_then(|index| self.batches.get(index)).is_some_and(|entry| entry.open > 0)
    }

    fn index(&self, token: u64) -> Option<usize> {
        token.checked_sub(self.first).and_then(|index| usize::try_from(index).ok())
    }

    /// Bytes of batches that are not in the log yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many batches are here.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether the log has all records of all batches.
    pub fn is_done(&self) -> bool {
        self.batches.iter().all(|entry| entry.open == 0)
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether the first batch is done, so that there is a prefix to take.
    pub fn has_prefix(&self) -> bool {
        self.batches.front().is_some_and(|entry| entry.open == 0)
    }
}

fn name_of(position: &Position) -> String {
    Json::Object(position.partition.0.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::{SourceOffset, SourcePartition};
    use proptest::prelude::*;

    fn position(partition: u8, offset: i64) -> Position {
        let partition = SourcePartition::of("p", partition);
        Position { partition, offset: Some(SourceOffset::of("o", offset)) }
    }

    #[test]
    fn a_later_batch_waits_for_an_earlier_one() {
        let mut flight = InFlight::default();
        let first = flight.admit(10, 2, vec![position(0, 1)]);
        flight.weigh(100);
        let second = flight.admit(11, 1, vec![position(0, 2)]);
        flight.weigh(50);
        flight.acknowledge(second, 1);
        flight.acknowledge(first, 1);
        assert_eq!(flight.take_prefix(), None);
        assert_eq!(flight.bytes(), 100);
        flight.acknowledge(first, 1);
        let prefix = flight.take_prefix().unwrap();
        assert_eq!(prefix, Prefix { batches: vec![10, 11], positions: vec![position(0, 2)] });
        assert!(flight.is_empty());
    }

    #[test]
    fn a_batch_of_filtered_records_still_moves_the_position() {
        let mut flight = InFlight::default();
        flight.admit(1, 0, vec![position(0, 7)]);
        assert_eq!(flight.take_prefix().unwrap().positions, [position(0, 7)]);
    }

    proptest! {
        /// Against a model that remembers everything: what is taken is exactly the longest run of done batches from the
        /// first that was not taken, with the last position of each partition in it.
        #[test]
        fn only_the_unbroken_prefix_is_taken(
            batches in proptest::collection::vec((0u32..4, 0u8..3), 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..200),
            takes in proptest::collection::vec(any::<bool>(), 200),
        ) {
            let mut flight = InFlight::default();
            let mut open: Vec<u32> = Vec::new();
            for (id, (records, partition)) in batches.iter().enumerate() {
                flight.admit(id as u64, *records, vec![position(*partition, id as i64)]);
                flight.weigh(10);
                open.push(*records);
            }
            let mut taken = 0;
            for (index, take) in order.iter().zip(takes) {
                let token = index.index(batches.len());
                if open[token] > 0 {
                    open[token] -= 1;
                    flight.acknowledge(token as u64, 1);
                }
                let done = open[taken..].iter().take_while(|open| **open == 0).count();
                prop_assert_eq!(flight.has_prefix(), done > 0);
                if take {
                    let prefix = flight.take_prefix().unwrap_or_default();
                    let expected: Vec<u64> = (taken..taken + done).map(|id| id as u64).collect();
                    prop_assert_eq!(&prefix.batches, &expected);
                    for position in &prefix.positions {
                        let partition = position.partition.0["p"].as_u64().unwrap() as u8;
                        let last = (taken..taken + done).rev().find(|id| batches[*id].1 == partition);
                        prop_assert_eq!(position.offset.as_ref().unwrap().number("o"), last.map(|id| id as i64));
                    }
                    taken += done;
                }
                let waiting = open.iter().skip(taken).filter(|open| **open > 0).count();
                prop_assert_eq!(flight.bytes(), waiting * 10);
            }
        }
    }
}
