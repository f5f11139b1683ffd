//! Reading the whole log once, to know what is in it before anything is written elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use broker_client::{Client, TopicPartition};

use super::config_offsets::ConfigOffsets;
use super::failure::Result;
use super::pace::Pace;
use super::reading::{Ranges, Side, read};
use super::survey::{Survey, Surveying};

/// What is wanted of each partition: its range, and the offsets to be known exactly.
pub struct Wanted {
    /// First offset, and the one behind the last record.
    pub ranges: Ranges,
    /// Offsets that somebody has committed.
    pub pins: BTreeMap<TopicPartition, BTreeSet<i64>>,
}

/// Surveys of partitions.
pub type Surveys = BTreeMap<TopicPartition, Survey>;

/// Reads the partitions.
pub async fn survey(client: &Client, wanted: &Wanted, pace: &Pace) -> Result<Surveys> {
    survey_with(client, wanted, pace, &ConfigOffsets::default(), |_, _, _| ()).await
}

/// Reads the config topic. If its offsets change, those that stand in its records do too, and the survey is of the records as they
/// will be at the target.
pub async fn survey_config_topic(client: &Client, wanted: &Wanted, pace: &Pace) -> Result<(Surveys, ConfigOffsets)> {
    let mut offsets = ConfigOffsets::default();
    let note = |key: Option<&[u8]>, offset, place| offsets.note(key, offset, place);
    let surveys = survey_with(client, wanted, pace, &ConfigOffsets::default(), note).await?;
    if surveys.values().all(Survey::keeps_offsets) {
        return Ok((surveys, ConfigOffsets::default()));
    }
    let surveys = survey_with(client, wanted, pace, &offsets, |_, _, _| ()).await?;
    Ok((surveys, offsets))
}

async fn survey_with(
    client: &Client,
    wanted: &Wanted,
    pace: &Pace,
    offsets: &ConfigOffsets,
    mut note: impl FnMut(Option<&[u8]>, i64, i64),
) -> Result<Surveys> {
    let none = BTreeSet::new();
    let begin = |(partition, (start, _)): (&TopicPartition, &(i64, i64))| {
        (partition.clone(), Surveying::new(*start, wanted.pins.get(partition).unwrap_or(&none)))
    };
    let mut surveys: BTreeMap<TopicPartition, Surveying> = wanted.ranges.iter().map(begin).collect();
    read((client, Side::Source), &wanted.ranges, |found| {
        let Some(survey) = surveys.get_mut(found.partition) else { return Ok(false) };
        let before = survey.place();
        for record in found.open()?.records() {
            let record = record.map_err(|why| found.damaged(&why))?;
            if found.wants(record.offset) {
                note(record.key, record.offset, survey.place());
                let rewritten = offsets.rewritten(record.key, record.value);
                survey.record(&record, rewritten.as_deref().or(record.value));
            }
        }
        pace.add(survey.place() - before, found.batch.bytes.len() as u64);
        Ok(true)
    })
    .await?;
    let finish = |(partition, survey): (TopicPartition, Surveying)| {
        let end = wanted.ranges.get(&partition).map_or(0, |(_, end)| *end);
        (partition, survey.finish(end))
    };
    Ok(surveys.into_iter().map(finish).collect())
}
