//! Put, flushed, committed: for each partition that the task has, never one ahead of the one before it.

use std::collections::BTreeMap;

use broker_client::TopicPartition;
use connector_api::{Flushed, TopicPartition as Named};

/// How far the partitions of a task have come. Offsets are those of the next record.
#[derive(Debug, Default)]
pub(super) struct Progress {
    partitions: BTreeMap<TopicPartition, Offsets>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offsets {
    /// After the last record that the sink was given.
    given: i64,
    /// Up to here nothing of it comes again, and every dead letter is safe.
    put: i64,
    flushed: i64,
    committed: i64,
}

impl Progress {
    /// Takes a partition on; it is read from that offset.
    pub fn open(&mut self, partition: TopicPartition, offset: i64) {
        self.partitions.insert(partition, Offsets { given: offset, put: offset, flushed: offset, committed: offset });
    }

    pub fn close(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// The sink is given records up to that offset.
    pub fn given(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.given = known.given.max(next);
        }
    }

    /// Records up to that offset have been put.
    pub fn put(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.put = known.put.max(next);
            known.given = known.given.max(next);
        }
    }

    /// Takes what a sink says it has flushed. What makes no sense (ahead of what was put, behind what was flushed, of a
    /// partition that the task does not have) is left out and named.
    pub fn flushed(&mut self, flushed: Flushed) -> Vec<String> {
        let offsets = match flushed {
            Flushed::Everything => {
                self.partitions.values_mut().for_each(|known| known.flushed = known.put);
                return Vec::new();
            }
            Flushed::UpTo(offsets) => offsets,
        };
        offsets.into_iter().filter_map(|(partition, offset)| self.flushed_to(partition, offset)).collect()
    }

    fn flushed_to(&mut self, partition: Named, offset: i64) -> Option<String> {
        let name = format!("{partition}");
        let key = TopicPartition { topic: partition.topic, partition: partition.partition };
        match self.partitions.get_mut(&key) {
            None => Some(format!("the sink says it has flushed {name}, which this task does not have; ignored")),
            Some(known) if offset > known.given => Some(format!(
                "the sink says it has flushed {name} up to {offset}, but only {} was put; ignored",
                known.given
            )),
            Some(known) => {
                // A sink does not know what is still to come again or to be kept as a dead letter.
                known.flushed = known.flushed.max(offset.min(known.put));
                None
            }
        }
    }

    /// What is to be committed.
    pub fn to_commit(&self) -> BTreeMap<TopicPartition, i64> {
        let moved = self.partitions.iter().filter(|(_, known)| known.flushed > known.committed);
        moved.map(|(partition, known)| (partition.clone(), known.flushed)).collect()
    }

    /// These have been committed.
    pub fn committed(&mut self, offsets: &BTreeMap<TopicPartition, i64>) {
        for (partition, offset) in offsets {
            if let Some(known) = self.partitions.get_mut(partition) {
                known.committed = known.committed.max(*offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "t".into(), partition: number }
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_named() {
        let mut progress = Progress::default();
        progress.open(partition(0), 10);
        progress.put(&partition(0), 20);
        let said = progress.flushed(Flushed::UpTo(vec![
            (Named::new("t", 0), 21),
            (Named::new("t", 1), 5),
            (Named::new("t", 0), 15),
        ]));
        assert_eq!(said.len(), 2);
        assert!(said[0].contains("only 20 was put") && said[1].contains("t-1, which this task does not have"));
        assert_eq!(progress.to_commit(), [(partition(0), 15)].into());
    }

    #[test]
    fn what_a_sink_has_flushed_ahead_of_a_dead_letter_waits_for_it() {
        let mut progress = Progress::default();
        progress.open(partition(0), 10);
        progress.given(&partition(0), 20);
        progress.put(&partition(0), 15);
        assert!(progress.flushed(Flushed::UpTo(vec![(Named::new("t", 0), 20)])).is_empty());
        assert_eq!(progress.to_commit(), [(partition(0), 15)].into());
    }

    proptest! {
        #[test]
        fn commits_never_pass_what_was_flushed_nor_go_back(
            steps in proptest::collection::vec((0u8..5, 0i32..3, 0i64..50), 0..100),
        ) {
            let mut progress = Progress::default();
            let mut model: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
            let mut committed: BTreeMap<i32, i64> = BTreeMap::new();
            for (step, number, offset) in steps {
                match step {
                    0 => {
                        progress.open(partition(number), offset);
                        model.insert(number, (offset, offset));
                        committed.insert(number, offset);
                    }
                    1 => {
                        progress.put(&partition(number), offset);
                        if let Some((put, _)) = model.get_mut(&number) { *put = (*put).max(offset); }
                    }
                    2 => {
                        progress.flushed(Flushed::UpTo(vec![(Named::new("t", number), offset)]));
                        if let Some((put, flushed)) = model.get_mut(&number) && offset <= *put { *flushed = (*flushed).max(offset); }
                    }
                    3 => {
                        let offsets = progress.to_commit();
                        for (found, offset) in &offsets {
                            let (put, flushed) = model[&found.partition];
                            prop_assert!(*offset == flushed && flushed <= put);
                            prop_assert!(*offset > committed[&found.partition]);
                            committed.insert(found.partition, *offset);
                        }
                        progress.committed(&offsets);
                    }
                    _ => {
                        progress.close(&partition(number));
                        model.remove(&number);
                    }
                }
            }
        }
    }
}
