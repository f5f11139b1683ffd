//! What a move says in the end, or what it would do.

use std::collections::BTreeSet;

use super::looking::Looked;
use super::plan::SourceTopic;

/// A topic in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The topic.
    pub topic: String,
    /// How many partitions.
    pub partitions: usize,
    /// Records that are copied.
    pub records: i64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
    /// CRC-32C over the checksums of its partitions.
    pub crc: u32,
}

/// What was done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The topics.
    pub rows: Vec<Row>,
    /// How many committed offsets of how many groups.
    pub offsets: (usize, usize),
    /// What the user should know: sentences.
    pub notes: Vec<String>,
}

impl Looked {
    /// What it comes to.
    pub fn report(&self) -> Report {
        let row = |(name, topic): (&String, &SourceTopic)| {
            let contents = || topic.partitions.values().map(|survey| survey.contents);
            Row {
                topic: name.clone(),
                partitions: topic.partitions.len(),
                records: contents().map(|contents| contents.records).sum(),
                bytes: contents().map(|contents| contents.bytes).sum(),
                crc: contents().fold(0, |crc, contents| crc32c::crc32c_append(crc, &contents.crc.to_be_bytes())),
            }
        };
        let groups: BTreeSet<&String> = self.offsets.iter().map(|offset| &offset.group).collect();
        Report {
            rows: self.topics.iter().map(row).collect(),
            offsets: (self.offsets.len(), groups.len()),
            notes: self.notes.clone(),
        }
    }
}
