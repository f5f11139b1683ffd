//! The path of each record, worked out again only where it may have changed.

use std::sync::Arc;

use connector_api::{Result, SinkRecord};

use super::{Names, Partitioner};

/// Where the record before belonged, and why.
#[derive(Debug, Default)]
pub(crate) struct Place {
    path: String,
    /// The topic and the partition for which that path holds whatever a record says.
    holds_for: Option<(Arc<str>, i32)>,
}

impl Place {
    /// The path of a record's file, without the file's name. `now` is for partitioners by the clock.
    pub fn of(&mut self, record: &SinkRecord, now: i64, partitioner: &mut Partitioner, names: &Names) -> Result<&str> {
        let same = |(topic, partition): &(Arc<str>, i32)| {
            Arc::ptr_eq(topic, &record.topic) && *partition == record.origin.partition
        };
        if !self.holds_for.as_ref().is_some_and(same) {
            self.holds_for = None;
            self.path.clear();
            names.write_path(&record.topic, &mut self.path);
            partitioner.write_folder(record, now, &mut self.path)?;
            self.holds_for = partitioner.is_single().then(|| (record.topic.clone(), record.origin.partition));
        }
        Ok(&self.path)
    }
}
