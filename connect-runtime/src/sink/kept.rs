//! Records that a sink may still reject, as they were read (pure).

use std::collections::BTreeMap;

use broker_client::TopicPartition;
use broker_wire::records::Record;

/// What dead letters may need, until the sink says that it is safe.
#[derive(Default)]
pub(super) struct Kept {
    partitions: BTreeMap<TopicPartition, BTreeMap<i64, Record>>,
}

impl Kept {
    pub fn add(&mut self, partition: &TopicPartition, record: Record) {
        if !self.partitions.contains_key(partition) {
            self.partitions.insert(partition.clone(), BTreeMap::new());
        }
        if let Some(records) = self.partitions.get_mut(partition) {
            records.insert(record.offset, record);
        }
    }

    pub fn get(&self, partition: &TopicPartition, offset: i64) -> Option<&Record> {
        self.partitions.get(partition)?.get(&offset)
    }

    /// Everything before that offset is safe.
    pub fn safe_to(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(records) = self.partitions.get_mut(partition) {
            *records = records.split_off(&offset);
        }
    }

    pub fn forget(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_there_until_they_are_safe() {
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        let mut kept = Kept::default();
        for offset in [3, 5, 4] {
            kept.add(&partition, Record { offset, timestamp: 0, key: None, value: None, headers: Vec::new() });
        }
        kept.safe_to(&partition, 4);
        assert_eq!([3, 4, 5].map(|offset| kept.get(&partition, offset).is_some()), [false, true, true]);
        kept.forget(&partition);
        assert!(kept.get(&partition, 5).is_none());
    }
}
