//! How far each partition is safe on the server. Pure.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::{SinkRecord, TopicPartition};

/// Partitions and their offsets.
#[derive(Debug, Default)]
pub struct Offsets {
    partitions: BTreeMap<TopicPartition, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    /// The offset after the last record that was handed over.
    end: i64,
    /// Records below it that the server does not have yet.
    open: BTreeSet<i64>,
}

impl Offsets {
    /// Records have been handed over; those at `open` (ascending indexes) the server does not have yet.
    pub fn put(&mut self, records: &[SinkRecord], open: &[usize]) {
        let mut open = open.iter().copied().peekable();
        for (index, record) in records.iter().enumerate() {
            let is_open = open.next_if_eq(&index).is_some();
            self.partition(&record.origin).put(record.offset, is_open);
        }
    }

    fn partition(&mut self, name: &TopicPartition) -> &mut Partition {
        if !self.partitions.contains_key(name) {
            self.partitions.insert(name.clone(), Partition::default());
        }
        self.partitions.entry(name.clone()).or_default()
    }

    /// For each partition, the offset up to which everything is safe.
    pub fn safe(&self) -> Vec<(TopicPartition, i64)> {
        self.partitions.iter().map(|(name, partition)| (name.clone(), partition.safe())).collect()
    }

    /// Partitions are taken on or given up: what was known of them does not count any more.
    pub fn forget(&mut self, partitions: &[TopicPartition]) {
        self.partitions.retain(|name, _| !partitions.contains(name));
    }
}

impl Partition {
    fn put(&mut self, offset: i64, is_open: bool) {
        self.end = self.end.max(offset + 1);
        if is_open {
            self.open.insert(offset);
        } else if !self.open.is_empty() {
            self.open.remove(&offset);
        }
    }

    fn safe(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::TimestampType;
    use connector_api::data::Payload;
    use proptest::prelude::*;

    fn record(partition: i32, offset: i64) -> SinkRecord {
        SinkRecord {
            topic: "t".into(),
            origin: TopicPartition::new("t", partition),
            offset,
            key: Payload::Null,
            value: Payload::Null,
            headers: Vec::new(),
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
        }
    }

    proptest! {
        /// Calls as a worker makes them: in order, with what stayed open put again before anything new.
        #[test]
        fn nothing_that_is_open_is_ever_passed(calls in proptest::collection::vec(
            (proptest::collection::vec((0i32..3, 1i64..3, any::<bool>()), 0..10), any::<u64>()), 1..20)
        ) {
            let (mut offsets, mut next, mut done) = (Offsets::default(), [0i64; 3], BTreeMap::new());
            for (call, seed) in calls {
                let mut records: Vec<SinkRecord> = Vec::new();
                let mut open = Vec::new();
                for (partition, step, stays) in call {
                    next[partition as usize] += step;
                    if stays {
                        open.push(records.len());
                    }
                    records.push(record(partition, next[partition as usize]));
                }
                let mut round = 0;
                loop {
                    offsets.put(&records, &open);
                    for (index, record) in records.iter().enumerate() {
                        done.insert((record.origin.partition, record.offset), !open.contains(&index));
                    }
                    for (name, safe) in offsets.safe() {
                        let mut of = done.iter().filter(|((partition, _), _)| *partition == name.partition);
                        let first_open = of.clone().find(|(_, done)| !**done).map(|((_, offset), _)| *offset);
                        let end = of.next_back().map(|((_, offset), _)| offset + 1);
                        prop_assert_eq!(Some(safe), first_open.or(end));
                    }
                    if open.is_empty() {
                        break;
                    }
                    records = open.iter().map(|index| records[*index].clone()).collect();
                    round += 1;
                    open = (0..records.len()).filter(|at| round < 4 && (seed >> ((*at + round) % 64)) & 1 == 1).collect();
                }
            }
        }
    }

    #[test]
    fn what_is_given_up_is_forgotten() {
        let mut offsets = Offsets::default();
        offsets.put(&[record(0, 5), record(1, 9)], &[0]);
        assert_eq!(offsets.safe(), [(TopicPartition::new("t", 0), 5), (TopicPartition::new("t", 1), 10)]);
        offsets.forget(&[TopicPartition::new("t", 0)]);
        assert_eq!(offsets.safe(), [(TopicPartition::new("t", 1), 10)]);
    }
}
