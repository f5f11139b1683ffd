//! The records that are being put, and how far each partition has come with them (pure).

use broker_client::TopicPartition;
use broker_wire::records::Record;
use connector_api::SinkRecord;

use super::room::Room;

/// Records to put, of one partition or several.
///
/// They are put from the front: all at once, or in parts while a record is looked for that the sink rejects without naming
/// it. Partitions move on with what is done at the front, and to their ends once nothing is left.
#[derive(Default)]
pub(super) struct Chunk {
    /// What is left to put.
    pub records: Vec<SinkRecord>,
    /// The same records as they were read, if dead letters are kept.
    pub originals: Vec<Record>,
    /// Where the partitions stand after the chunk. Offsets may be missing in the log, so this may lie behind the records.
    pub ends: Vec<(TopicPartition, i64)>,
    /// Where they stand now, not told yet.
    reached: Vec<(TopicPartition, i64)>,
    /// So many records at the front hold one that the sink rejects.
    suspect: usize,
    /// Records that are done.
    room: Room,
}

impl Chunk {
    /// Whether everything is done and told.
    pub fn is_done(&self) -> bool {
        self.records.is_empty() && self.ends.is_empty() && self.reached.is_empty()
    }

    /// How many records the next call gets.
    pub fn part(&self) -> usize {
        match self.suspect {
            0 => self.records.len(),
            1 => 1,
            many => (many / 2).min(self.records.len()),
        }
    }

    /// The same within a number of records and bytes; at least one.
    pub fn part_within(&self, (records, bytes): (Option<usize>, Option<usize>)) -> usize {
        let part = self.part().min(records.unwrap_or(usize::MAX).max(1));
        let Some(mut room) = bytes else { return part };
        let fits = |record: &&SinkRecord| {
            let size = content(record);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        self.records.iter().take(part).take_while(fits).count().max(part.min(1))
    }

    /// The partition reaches that offset with the chunk.
    pub fn ends_at(&mut self, partition: &TopicPartition, next: i64) {
        reach(&mut self.ends, partition, next);
    }

    /// The first `count` records are done, but for those at the indexes `again`, which are ascending.
    pub fn done(&mut self, count: usize, again: &[usize]) {
        let stays = |index: usize| index >= count || again.binary_search(&index).is_ok();
        if again.is_empty() {
            for (partition, next) in ends_of(&self.records[..count.min(self.records.len())]) {
                reach(&mut self.reached, &partition, next);
            }
            self.suspect = self.suspect.saturating_sub(count);
        } else {
            self.suspect = 0;
        }
        if again.is_empty() && count >= self.records.len() {
            self.room = Room::of(std::mem::take(&mut self.records));
            self.originals.clear();
        } else {
            retain(&mut self.records, stays);
            retain(&mut self.originals, stays);
        }
        self.finish();
    }

    /// Room for the next chunk.
    pub fn take_room(&mut self) -> Room {
        std::mem::take(&mut self.room)
    }

    /// Once nothing is left, partitions are at their ends.
    pub fn finish(&mut self) {
        if self.records.is_empty() {
            self.suspect = 0;
            for (partition, next) in std::mem::take(&mut self.ends) {
                reach(&mut self.reached, &partition, next);
            }
        }
    }

    /// The sink has rejected a call with `count` records and named none. True if there was one only: then it is that.
    pub fn narrow(&mut self, count: usize) -> bool {
        self.suspect = count;
        count <= 1
    }

    /// How far partitions have come since this was asked last.
    pub fn take_reached(&mut self) -> Vec<(TopicPartition, i64)> {
        std::mem::take(&mut self.reached)
    }

    /// Keeps only those records.
    pub fn keep(&mut self, stays: impl Fn(usize) -> bool) {
        retain(&mut self.records, &stays);
        retain(&mut self.originals, &stays);
        self.finish();
    }

    /// The task gives a partition up. Its records stay.
    pub fn forget_end(&mut self, partition: &TopicPartition) {
        self.ends.retain(|(known, _)| known != partition);
    }

    /// Drops what belongs to a partition that the task gives up.
    pub fn forget(&mut self, partition: &TopicPartition) {
        let other: Vec<bool> = self.records.iter().map(|record| !is_of(record, partition)).collect();
        retain(&mut self.records, |index| other[index]);
        retain(&mut self.originals, |index| other[index]);
        self.ends.retain(|(known, _)| known != partition);
        self.reached.retain(|(known, _)| known != partition);
        self.suspect = 0;
        self.finish();
    }
}

/// The partitions of records that come in runs, and the offset after each run.
pub(super) fn ends_of(records: &[SinkRecord]) -> impl Iterator<Item = (TopicPartition, i64)> {
    let runs = records.chunk_by(|one, next| one.origin == next.origin);
    runs.filter_map(<[SinkRecord]>::last).map(|last| (origin_of(last), last.offset + 1))
}

/// The partition that holds a record, as the log's client names it.
pub(super) fn origin_of(record: &SinkRecord) -> TopicPartition {
    TopicPartition { topic: record.origin.topic.clone(), partition: record.origin.partition }
}

/// Bytes of a record's key and value.
pub(super) fn content(record: &SinkRecord) -> usize {
    record.key.heap_size() + record.value.heap_size()
}

pub(super) fn is_of(record: &SinkRecord, partition: &TopicPartition) -> bool {
    *record.origin.topic == *partition.topic && record.origin.partition == partition.partition
}

fn retain<T>(items: &mut Vec<T>, stays: impl Fn(usize) -> bool) {
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        stays(index - 1)
    });
}

/// Partitions come in runs, so the last entry is mostly the one.
fn reach(all: &mut Vec<(TopicPartition, i64)>, partition: &TopicPartition, next: i64) {
    let known = all.iter_mut().rev().find(|(known, _)| known == partition);
    match known {
        Some((_, offset)) => *offset = (*offset).max(next),
        None => all.push((partition.clone(), next)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use connector_api::data::Payload;
    use connector_api::{TimestampType, TopicPartition as Named};
    use proptest::prelude::*;

    use super::*;

    fn chunk(count: i64) -> Chunk {
        let mut chunk = Chunk::default();
        for offset in 0..count {
            let origin = Named::new("t", 0);
            let (topic, timestamp_type) = ("t".into(), TimestampType::CreateTime);
            let (key, value, headers, timestamp) = (Payload::Null, Payload::Null, Vec::new(), None);
            chunk.records.push(SinkRecord { topic, origin, offset, key, value, headers, timestamp, timestamp_type });
        }
        chunk.ends_at(&TopicPartition { topic: "t".into(), partition: 0 }, count + 3);
        chunk
    }

    proptest! {
        /// A sink that rejects calls with bad records and names none: each bad record is found alone, each good one is
        /// taken once, in order, and partitions never pass a record that is not done.
        #[test]
        fn bad_records_are_found_and_good_ones_taken_once(count in 1i64..60, bad in prop::collection::btree_set(0i64..60, 0..8)) {
            let mut chunk = chunk(count);
            let (mut taken, mut rejected, mut calls) = (Vec::new(), BTreeSet::new(), 0);
            while !chunk.records.is_empty() {
                calls += 1;
                let part = chunk.part();
                prop_assert!(part > 0);
                let offsets: Vec<i64> = chunk.records[..part].iter().map(|record| record.offset).collect();
                if !offsets.iter().any(|offset| bad.contains(offset)) {
                    taken.extend(offsets);
                    chunk.done(part, &[]);
                } else if chunk.narrow(part) {
                    rejected.insert(offsets[0]);
                    chunk.done(1, &[]);
                }
                let undone = chunk.records.first().map_or(count + 3, |record| record.offset);
                for (_, next) in chunk.take_reached() {
                    prop_assert!(next <= undone);
                }
            }
            let expected: BTreeSet<i64> = bad.into_iter().filter(|offset| *offset < count).collect();
            prop_assert!(calls <= 1 + expected.len() * 16, "{} calls for {} bad records", calls, expected.len());
            prop_assert_eq!(taken, (0..count).filter(|offset| !expected.contains(offset)).collect::<Vec<_>>());
            prop_assert_eq!(rejected, expected);
            prop_assert!(chunk.is_done());
        }
    }

    #[test]
    fn a_part_keeps_to_records_and_bytes_but_is_never_empty() {
        let mut chunk = chunk(10);
        chunk.records.iter_mut().for_each(|record| record.value = Payload::Bytes(vec![0; 100].into()));
        let parts =
            [(None, None), (Some(3), None), (Some(0), None), (None, Some(250)), (Some(1), Some(250)), (None, Some(5))];
        assert_eq!(parts.map(|limits| chunk.part_within(limits)), [10, 3, 1, 2, 1, 1]);
        assert_eq!(Chunk::default().part_within((Some(1), Some(1))), 0);
    }

    #[test]
    fn what_is_given_up_does_not_hold_the_rest_up() {
        let mut chunk = chunk(2);
        let other = TopicPartition { topic: "u".into(), partition: 0 };
        chunk.ends_at(&other, 9);
        chunk.forget(&TopicPartition { topic: "t".into(), partition: 0 });
        assert_eq!(chunk.take_reached(), [(other, 9)]);
        assert!(chunk.is_done());
    }

    #[test]
    fn records_that_are_wanted_again_hold_their_partition_up() {
        let mut chunk = chunk(4);
        chunk.done(4, &[1, 3]);
        assert!(chunk.take_reached().is_empty());
        assert_eq!(chunk.records.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 3]);
        chunk.done(2, &[]);
        let end = (TopicPartition { topic: "t".into(), partition: 0 }, 7);
        assert_eq!(chunk.take_reached(), [end]);
    }
}
