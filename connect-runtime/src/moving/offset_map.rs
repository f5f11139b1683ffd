//! Where the records of a partition stand at the target.
//!
//! A record's offset at the target is its place among all records that are copied. The two are the same as long as the source
//! begins at 0 and has no holes; the head that was cut, markers of transactions, what was aborted and what compaction took away
//! are holes. So a map is a list of pairs, sorted: an offset of the source, and the place of the first record at or behind it.
//! There is a pair for each offset that somebody needs exactly, known beforehand (the pins: committed offsets), and one every
//! [`SAMPLE_BYTES`], from which a copy that was interrupted finds its way.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How many bytes of a partition lie between two samples. It bounds what a copy that goes on reads once more.
pub const SAMPLE_BYTES: u64 = 64 << 20;

/// Pairs of an offset of the source and one of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetMap(Vec<(i64, i64)>);

impl OffsetMap {
    /// The offset at the target of the first record at or behind that offset of the source. `None` if the map does not know,
    /// which cannot be for a pin.
    pub fn translate(&self, offset: i64) -> Option<i64> {
        let behind = self.0.partition_point(|(source, _)| *source <= offset);
        let (source, target) = *self.0.get(behind.checked_sub(1)?)?;
        if source == offset {
            return Some(target);
        }
        // Between two samples without a hole every offset is known.
        let (next_source, next_target) = *self.0.get(behind)?;
        (next_source - source == next_target - target).then(|| target + (offset - source))
    }

    /// The last sample whose record stands at or before that offset of the target.
    pub fn before(&self, target: i64) -> Option<(i64, i64)> {
        let behind = self.0.partition_point(|(_, known)| *known <= target);
        self.0.get(behind.checked_sub(1)?).copied()
    }
}

/// Makes a map of a partition that is read from its start to its end.
#[derive(Debug)]
pub struct Mapping {
    map: OffsetMap,
    pins: Vec<i64>,
    next_pin: usize,
    place: i64,
    unsampled: u64,
}

impl Mapping {
    /// Of a partition that begins at `start`, with these offsets to be known exactly.
    pub fn new(start: i64, pins: &BTreeSet<i64>) -> Mapping {
        let mut mapping = Mapping {
            map: OffsetMap::default(),
            pins: pins.iter().copied().collect(),
            next_pin: 0,
            place: 0,
            unsampled: 0,
        };
        mapping.pass(start);
        mapping.sample(start);
        mapping
    }

    /// Takes in the record at that offset, of about so many bytes.
    pub fn record(&mut self, offset: i64, bytes: u64) {
        self.pass(offset);
        if self.unsampled >= SAMPLE_BYTES {
            self.sample(offset);
        }
        self.place += 1;
        self.unsampled += bytes;
    }

    /// How many records there were.
    pub fn records(&self) -> i64 {
        self.place
    }

    /// The map of a partition that ends at `end`. Pins behind it stand at the end.
    pub fn finish(mut self, end: i64) -> OffsetMap {
        self.pass(end);
        self.sample(end);
        self.pass(i64::MAX);
        self.map
    }

    /// Notes the pins up to that offset: the record there is the first at or behind them.
    fn pass(&mut self, offset: i64) {
        while let Some(pin) = self.pins.get(self.next_pin).copied().filter(|pin| *pin <= offset) {
            self.next_pin += 1;
            self.sample(pin);
        }
    }

    fn sample(&mut self, offset: i64) {
        self.unsampled = 0;
        if self.map.0.last().is_none_or(|(source, _)| *source < offset) {
            self.map.0.push((offset, self.place));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map_of(start: i64, offsets: &[i64], end: i64, pins: &BTreeSet<i64>, bytes: u64) -> OffsetMap {
        let mut mapping = Mapping::new(start, pins);
        offsets.iter().for_each(|offset| mapping.record(*offset, bytes));
        assert_eq!(mapping.records(), offsets.len() as i64);
        mapping.finish(end)
    }

    #[test]
    fn a_partition_without_holes_keeps_its_offsets_with_two_samples() {
        let map = map_of(0, &[0, 1, 2, 3], 4, &BTreeSet::from([2]), 10);
        assert_eq!(
            (0..=4).map(|offset| map.translate(offset)).collect::<Vec<_>>(),
            (0..=4).map(Some).collect::<Vec<_>>()
        );
        assert_eq!(map_of(0, &[0, 1, 2, 3], 4, &BTreeSet::new(), 10).0, [(0, 0), (4, 4)]);
        assert_eq!(map.translate(5), None);
    }

    #[test]
    fn a_head_that_was_cut_moves_everything_forward() {
        let map = map_of(100, &[100, 101, 102], 103, &BTreeSet::from([7, 103, 500]), 10);
        let found: Vec<_> = [7, 100, 101, 103, 500].iter().map(|offset| map.translate(*offset)).collect();
        assert_eq!(found, [Some(0), Some(0), Some(1), Some(3), Some(3)]);
    }

    proptest! {
        #[test]
        fn pins_are_exact_and_samples_lead_to_every_place(
            start in 0i64..50,
            steps in proptest::collection::vec(1i64..4, 0..60),
            tail in 0i64..3,
            pins in proptest::collection::btree_set(0i64..300, 0..10),
            bytes in prop_oneof![Just(1u64), Just(SAMPLE_BYTES / 3), Just(SAMPLE_BYTES)],
        ) {
            let mut at = start - 1;
            let offsets: Vec<i64> = steps.iter().map(|step| { at += step; at }).collect();
            let end = at + 1 + tail;
            let map = map_of(start, &offsets, end, &pins, bytes);
            let place = |offset: i64| offsets.iter().filter(|known| **known < offset).count() as i64;
            for pin in &pins {
                prop_assert_eq!(map.translate(*pin), Some(place(*pin)));
            }
            for offset in start..=end {
                prop_assert!(map.translate(offset).is_none_or(|found| found == place(offset)));
            }
            for target in 0..=offsets.len() as i64 {
                let (source, known) = map.before(target).unwrap();
                prop_assert!(known <= target);
                prop_assert_eq!(place(source), known);
            }
            prop_assert!(map.0.is_sorted());
        }
    }
}
