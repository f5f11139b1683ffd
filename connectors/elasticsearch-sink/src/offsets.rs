//! How far each partition is safe on the server. Pure.

use std::collections::{BTreeMap, VecDeque};

use connector_api::TopicPartition;

/// A record on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which time a partition was taken on.
    life: u64,
    /// The how-manieth record since.
    nth: u64,
}

/// Partitions, and which of their records are on their way.
#[derive(Debug, Default)]
pub struct Offsets {
    lives: BTreeMap<u64, Life>,
    opened: u64,
}

/// A partition from when it is taken on to when it is given up.
#[derive(Debug)]
struct Life {
    name: TopicPartition,
    /// Records from the first that is on its way; `true` for those that are done.
    records: VecDeque<(i64, bool)>,
    /// How many are gone from the front.
    gone: u64,
    /// The offset after the last record, once there was one.
    end: Option<i64>,
}

impl Offsets {
    /// Partitions are taken on.
    pub fn open(&mut self, partitions: &[TopicPartition]) {
        self.close(partitions);
        for name in partitions {
            self.opened += 1;
            self.lives.insert(self.opened, Life::new(name));
        }
    }

    /// Partitions are given up: what becomes of their records does not count any more.
    pub fn close(&mut self, partitions: &[TopicPartition]) {
        self.lives.retain(|_, life| !partitions.contains(&life.name));
    }

    /// A record sets out. The records of a partition come in runs, so `last` says where the one before it is.
    pub fn set_out(&mut self, partition: &TopicPartition, offset: i64, last: Option<Place>) -> Place {
        let known = last.filter(|last| self.lives.get(&last.life).is_some_and(|life| life.name == *partition));
        let number = match known {
            Some(last) => last.life,
            None => self.life_of(partition),
        };
        let life = self.lives.entry(number).or_insert_with(|| Life::new(partition));
        let nth = life.gone + life.records.len() as u64;
        life.records.push_back((offset, false));
        life.end = Some(offset + 1);
        Place { life: number, nth }
    }

    /// The partition's present life; the next free one if it has none.
    fn life_of(&mut self, partition: &TopicPartition) -> u64 {
        if let Some((number, _)) = self.lives.iter().find(|(_, life)| life.name == *partition) {
            return *number;
        }
        self.opened += 1;
        self.opened
    }

    /// The server has it, or never will.
    pub fn done(&mut self, place: Place) {
        let Some(life) = self.lives.get_mut(&place.life) else { return };
        if let Some(record) = life.index(place).and_then(|index| life.records.get_mut(index)) {
            record.1 = true;
        }
        while life.records.front().is_some_and(|(_, is_done)| *is_done) {
            life.records.pop_front();
            life.gone += 1;
        }
    }

    /// The partition and offset of a record on its way; `None` once its partition was given up.
    pub fn of(&self, place: Place) -> Option<(&TopicPartition, i64)> {
        let life = self.lives.get(&place.life)?;
        let (offset, _) = life.records.get(life.index(place)?)?;
        Some((&life.name, *offset))
    }

    /// For each partition that had records, the offset up to which everything is safe.
    pub fn safe(&self) -> Vec<(TopicPartition, i64)> {
        let safe = |life: &Life| Some((life.name.clone(), life.records.front().map(|first| first.0).or(life.end)?));
        self.lives.values().filter_map(safe).collect()
    }
}

impl Life {
    fn new(name: &TopicPartition) -> Life {
        Life { name: name.clone(), records: VecDeque::new(), gone: 0, end: None }
    }

    fn index(&self, place: Place) -> Option<usize> {
        place.nth.checked_sub(self.gone).and_then(|index| usize::try_from(index).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Records of three partitions set out in order, with gaps, and are done in any order.
        #[test]
        fn nothing_that_is_on_its_way_is_ever_passed(
            steps in proptest::collection::vec((0i32..3, 1i64..4, any::<bool>(), any::<prop::sample::Index>()), 1..200)
        ) {
            let names: Vec<TopicPartition> = (0..3).map(|number| TopicPartition::new("t", number)).collect();
            let mut offsets = Offsets::default();
            offsets.open(&names);
            let (mut ends, mut under_way, mut last) = ([0i64; 3], Vec::<(Place, i32, i64)>::new(), None);
            for (number, step, sets_out, which) in steps {
                if sets_out {
                    let end = &mut ends[number as usize];
                    let place = offsets.set_out(&names[number as usize], *end + step, last);
                    prop_assert_eq!(offsets.of(place), Some((&names[number as usize], *end + step)));
                    under_way.push((place, number, *end + step));
                    *end += step + 1;
                    last = Some(place);
                } else if !under_way.is_empty() {
                    let (place, ..) = under_way.swap_remove(which.index(under_way.len()));
                    offsets.done(place);
                }
                for (name, safe) in offsets.safe() {
                    let of = under_way.iter().filter(|(_, number, _)| *number == name.partition);
                    let first = of.map(|(_, _, offset)| *offset).min();
                    prop_assert_eq!(safe, first.unwrap_or(ends[name.partition as usize]));
                }
            }
        }
    }

    #[test]
    fn a_partition_that_is_taken_on_anew_begins_anew() {
        let name = TopicPartition::new("t", 0);
        let mut offsets = Offsets::default();
        let before = offsets.set_out(&name, 5, None);
        offsets.close(std::slice::from_ref(&name));
        assert_eq!((offsets.of(before), offsets.safe()), (None, vec![]));
        offsets.open(std::slice::from_ref(&name));
        let after = offsets.set_out(&name, 5, Some(before));
        offsets.done(before);
        assert_eq!(offsets.safe(), [(name.clone(), 5)]);
        offsets.done(after);
        assert_eq!(offsets.safe(), [(name, 6)]);
    }
}
