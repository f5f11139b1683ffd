//! Put, flushed, committed: for each partition that the task has, never one ahead of the one before it.

use std::collections::BTreeMap;

use broker_client::TopicPartition;

/// How far the partitions of a task have come. Offsets are those of the next record.
#[derive(Debug, Default)]
pub(super) struct Progress {
    partitions: BTreeMap<TopicPartition, Offsets>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offsets {
    /// After the last record that the sink was given or might have been.
    given: i64,
    /// After the last record that it was given.
    handed: i64,
    /// Up to here nothing of it comes again, and every dead letter is safe.
    put: i64,
    flushed: i64,
    committed: i64,
    /// Never flushed beyond: a record here ends the task.
    bar: i64,
}

impl Offsets {
    fn flush(&mut self, offset: i64) {
        self.flushed = self.flushed.max(offset.min(self.bar));
    }

    /// What may be committed. What lies behind all that the sink was given, such as records that a transform has dropped, is no
    /// concern of the sink.
    fn safe(&self) -> i64 {
        if self.flushed >= self.handed { self.flushed.max(self.put.min(self.bar)) } else { self.flushed }
    }
}

impl Progress {
    /// Takes a partition on; it is read from that offset.
    pub fn open(&mut self, partition: TopicPartition, offset: i64) {
        let (given, handed, put, flushed, committed) = (offset, offset, offset, offset, offset);
        self.partitions.insert(partition, Offsets { given, handed, put, flushed, committed, bar: i64::MAX });
    }

    pub fn close(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// The sink is given records up to that offset.
    pub fn given(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.given = known.given.max(next);
            known.handed = known.handed.max(next);
        }
    }

    /// Records up to that offset have been put.
    pub fn put(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.put = known.put.max(next);
            known.given = known.given.max(next);
        }
    }

    /// Nothing from that offset on is ever committed while the task has the partition.
    pub fn bar(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.bar = known.bar.min(offset);
        }
    }

    /// The sink has flushed all that was put.
    pub fn flushed_everything(&mut self) {
        self.partitions.values_mut().for_each(|known| known.flush(known.put));
    }

    /// The sink says that it has flushed so far. What makes no sense (ahead of what was put, of a partition that the task
    /// does not have) is left out, and named.
    pub fn flushed_to(&mut self, partition: &TopicPartition, offset: i64) -> Option<String> {
        match self.partitions.get_mut(partition) {
            None => Some(format!("the sink says it has flushed {partition}, which this task does not have; ignored")),
            Some(known) if offset > known.given => Some(format!(
                "the sink says it has flushed {partition} up to {offset}, but only {} was put; ignored",
                known.given
            )),
            Some(known) => {
                // A sink does not know what is still to come again or to be kept as a dead letter.
                known.flush(offset.min(known.put));
                None
            }
        }
    }

    /// What is to be committed.
    pub fn to_commit(&self) -> BTreeMap<TopicPartition, i64> {
        let moved = self.partitions.iter().filter(|(_, known)| known.safe() > known.committed);
        moved.map(|(partition, known)| (partition.clone(), known.safe())).collect()
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
        progress.given(&partition(0), 20);
        progress.put(&partition(0), 20);
        assert!(progress.flushed_to(&partition(0), 21).unwrap().contains("only 20 was put"));
        assert!(progress.flushed_to(&partition(1), 5).unwrap().contains("t-1, which this task does not have"));
        assert_eq!(progress.flushed_to(&partition(0), 15), None);
        assert_eq!(progress.to_commit(), [(partition(0), 15)].into());
    }

    #[test]
    fn what_a_sink_has_flushed_ahead_of_a_dead_letter_waits_for_it() {
        let mut progress = Progress::default();
        progress.open(partition(0), 10);
        progress.given(&partition(0), 20);
        progress.put(&partition(0), 15);
        assert_eq!(progress.flushed_to(&partition(0), 20), None);
        assert_eq!(progress.to_commit(), [(partition(0), 15)].into());
    }

    #[test]
    fn what_the_sink_was_never_given_is_passed_once_all_before_it_is_safe() {
        let mut progress = Progress::default();
        progress.open(partition(0), 10);
        progress.put(&partition(0), 15);
        assert_eq!(progress.to_commit(), [(partition(0), 15)].into(), "it was given nothing at all");
        progress.given(&partition(0), 20);
        progress.put(&partition(0), 30);
        assert_eq!(progress.flushed_to(&partition(0), 19), None);
        assert_eq!(progress.to_commit(), [(partition(0), 19)].into());
        assert_eq!(progress.flushed_to(&partition(0), 20), None);
        assert_eq!(progress.to_commit(), [(partition(0), 30)].into());
        progress.bar(&partition(0), 25);
        assert_eq!(progress.to_commit(), [(partition(0), 25)].into());
    }

    #[test]
    fn nothing_passes_a_bar_until_the_partition_is_taken_on_anew() {
        let mut progress = Progress::default();
        progress.open(partition(0), 10);
        progress.given(&partition(0), 30);
        progress.put(&partition(0), 30);
        progress.bar(&partition(0), 20);
        progress.bar(&partition(0), 25);
        progress.flushed_to(&partition(0), 30);
        progress.flushed_everything();
        assert_eq!(progress.to_commit(), [(partition(0), 20)].into());
        progress.open(partition(0), 20);
        progress.put(&partition(0), 30);
        progress.flushed_everything();
        assert_eq!(progress.to_commit(), [(partition(0), 30)].into());
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
                        progress.given(&partition(number), offset);
                        progress.put(&partition(number), offset);
                        if let Some((put, _)) = model.get_mut(&number) { *put = (*put).max(offset); }
                    }
                    2 => {
                        progress.flushed_to(&partition(number), offset);
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
