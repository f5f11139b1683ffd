//! Where a record belongs.

mod field;
mod instant;
mod name;
mod pattern;
mod place;

use std::fmt::Write;

use connector_api::{Error, Result, SinkRecord};

pub(crate) use name::Names;
pub(crate) use pattern::{HIVE_DAY, HIVE_HOUR, Pattern};
pub(crate) use place::Place;

use field::write_folder_of_field;
use instant::from_field;

/// Where a record's time is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// The clock of the machine: another one at a replay.
    WallClock,
    /// The record's timestamp.
    Record,
    /// A field of the value: milliseconds since 1970, or text after ISO 8601.
    Field(String),
}

/// Chooses the folder of a record below its topic's.
#[derive(Debug)]
pub(crate) enum Partitioner {
    /// `partition=<partition>`
    Default,
    /// `<field>=<value>` for each of the fields.
    Field { fields: Vec<String>, delimiter: String },
    /// The time, cut down to whole durations, in a format.
    Time { source: TimeSource, pattern: Pattern },
}

impl Partitioner {
    /// Writes the folder of a record. `now` is used by [`TimeSource::WallClock`] alone.
    pub fn write_folder(&mut self, record: &SinkRecord, now: i64, path: &mut String) -> Result<()> {
        match self {
            Partitioner::Default => {
                let _ = write!(path, "partition={}", record.origin.partition);
            }
            Partitioner::Field { fields, delimiter } => {
                for (index, field) in fields.iter().enumerate() {
                    path.push_str(if index == 0 { "" } else { delimiter });
                    write_folder_of_field(record, field, path)?;
                }
            }
            Partitioner::Time { source, pattern } => {
                let time = time_of(record, source, now)?;
                let folder = pattern.folder(time);
                path.push_str(
                    folder.ok_or_else(|| Error::reject(format!("the record's time {time} is out of range")))?,
                );
            }
        }
        Ok(())
    }

    /// Whether all records of a topic partition belong into one folder, whatever they hold.
    pub fn is_single(&self) -> bool {
        matches!(self, Partitioner::Default)
    }
}

/// The record's time in milliseconds since 1970.
pub(crate) fn time_of(record: &SinkRecord, source: &TimeSource, now: i64) -> Result<i64> {
    match source {
        TimeSource::WallClock => Ok(now),
        TimeSource::Record => record.timestamp.ok_or_else(|| {
            Error::reject("the record has no timestamp").remedy("Set `timestamp.extractor` to `RecordField`.")
        }),
        TimeSource::Field(field) => from_field(record, field),
    }
}

#[cfg(test)]
mod tests;
