//! Records, stage by stage: copied, read back, and what comes between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use broker_client::{Client, TopicPartition};

use super::checking::{check, check_tails};
use super::config_offsets::ConfigOffsets;
use super::copying::{Copying, End, Part, copy};
use super::failure::{Failure, Result};
use super::looking::Looked;
use super::move_file::MoveFile;
use super::pace::Pace;
use super::plan::{SourceTopic, Stage, in_the_way};
use super::run::Job;
use super::survey::Survey;
use super::{groups, target};

/// How often `move.json` is written while records are copied.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often to look again where the target ends, if an earlier run still has records under way.
const LOOKS: u32 = 10;

/// The time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A move that writes.
pub struct Moving<'a> {
    /// What was asked for.
    pub job: &'a Job,
    /// The log that is moved.
    pub source: Client,
    /// Where to.
    pub target: Client,
    /// How it goes.
    pub pace: &'a Pace,
    /// What was found out before.
    pub looked: Looked,
    /// How far it is.
    pub file: MoveFile,
    /// When that was written last.
    pub saved: Instant,
}

/// A partition of a stage: its name, its survey, and how many of its records are at the target.
type Standing = (TopicPartition, Survey, i64);

impl Moving<'_> {
    /// Copies and checks everything that is not there yet.
    pub async fn carry_out(&mut self) -> Result<()> {
        for stage in [Stage::Data, Stage::Positions] {
            self.copy_stage(stage).await?;
            self.check_stage(stage).await?;
        }
        groups::commit(&self.target, &self.looked.offsets).await?;
        self.copy_stage(Stage::Configurations).await?;
        self.check_stage(Stage::Configurations).await?;
        for (name, settings) in self.looked.settings.iter().filter(|(_, settings)| !settings.later.is_empty()) {
            target::alter(&self.target, name, &settings.later).await?;
        }
        self.file.done = true;
        self.save()
    }

    fn save(&mut self) -> Result<()> {
        self.saved = Instant::now();
        self.file.save(&self.job.source.data_dir).map_err(Failure::running)
    }

    async fn copy_stage(&mut self, stage: Stage) -> Result<()> {
        for look in 0..LOOKS {
            let standings = self.standings(stage).await?;
            let offsets = self.looked.config_offsets.clone();
            let parts = parts(&standings, (stage == Stage::Configurations).then_some(&offsets));
            if look == 0 {
                // What has been checked may be compacted by now, if the last run was killed at its very end.
                let open = |part: &&Part<'_>| !self.file.is_checked(part.partition, part.survey);
                let open: Vec<Part<'_>> = parts.iter().filter(open).copied().collect();
                check_tails((&self.source, &self.target), &open).await?;
            }
            if self.copy_parts(&parts).await? == End::Whole {
                return self.save();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(Failure::running(
            "Somebody else writes to the topics at the target under this move's producer id. Is this command running twice?",
        ))
    }

    async fn copy_parts(&mut self, parts: &[Part<'_>]) -> Result<End> {
        let total = parts.iter().map(|part| part.survey.contents.records).sum();
        let done = parts.iter().map(|part| part.there).sum();
        self.pace.begin("copying", total, (done, 0));
        let copying =
            Copying { source: self.source.clone(), target: self.target.clone(), producer: self.file.producer };
        let mut noted = |part: usize, records: i64| {
            let Some(part) = parts.get(part) else { return Ok(()) };
            self.pace.add(records, part.survey.bytes_of(records));
            let TopicPartition { topic, partition } = part.partition;
            if let Some(known) = self.file.partition(topic, *partition) {
                known.written += records;
            }
            if self.saved.elapsed() < SAVE_EVERY {
                return Ok(());
            }
            self.saved = Instant::now();
            self.file.save(&self.job.source.data_dir).map_err(Failure::running)
        };
        copy(&copying, parts, &mut noted).await
    }

    async fn check_stage(&mut self, stage: Stage) -> Result<()> {
        let mut standings = self.standings(stage).await?;
        standings.retain(|(partition, survey, there)| {
            *there != survey.contents.records || !self.file.is_checked(partition, survey)
        });
        if let Some((partition, survey, there)) =
            standings.iter().find(|(_, survey, there)| *there != survey.contents.records)
        {
            let wanted = survey.contents.records;
            return Err(Failure::running(format!(
                "{partition} ends at {there} at the target and should at {wanted}. Run the same command again."
            )));
        }
        let parts = parts(&standings, None);
        self.pace.begin("checking", parts.iter().map(|part| part.survey.contents.records).sum(), (0, 0));
        check(&self.target, &parts, self.pace).await?;
        for (partition, ..) in &standings {
            if let Some(known) = self.file.partition(&partition.topic, partition.partition) {
                known.checked = true;
            }
        }
        self.save()
    }

    /// How far each partition of a stage is, as the target has it.
    async fn standings(&mut self, stage: Stage) -> Result<Vec<Standing>> {
        let wanted: BTreeMap<String, SourceTopic> = self
            .looked
            .topics
            .iter()
            .filter(|(_, topic)| topic.stage == stage)
            .map(|(name, topic)| (name.clone(), topic.clone()))
            .collect();
        let there = target::topics(&self.target, wanted.keys()).await?;
        let lines = in_the_way(&wanted, &there, Some(&self.file));
        if !lines.is_empty() {
            return Err(Failure::running(lines.join("\n")));
        }
        let mut standings = Vec::new();
        for (name, topic) in &wanted {
            let gone = || {
                Failure::running(format!("The topic {name} is not at the target any more. Run the same command again."))
            };
            let there = there.get(name).ok_or_else(gone)?;
            for ((number, survey), end) in topic.partitions.iter().zip(&there.ends) {
                let partition = TopicPartition { topic: name.as_str().into(), partition: *number };
                self.note(&partition, *end);
                standings.push((partition, survey.clone(), *end));
            }
        }
        Ok(standings)
    }

    /// The target's own word counts.
    fn note(&mut self, partition: &TopicPartition, end: i64) {
        let Some(known) = self.file.partition(&partition.topic, partition.partition) else { return };
        if end < known.written {
            tracing::warn!(%partition, acknowledged = known.written, end, "the target has lost records; they are written again");
            known.checked = false;
        }
        known.written = end;
    }
}

fn parts<'a>(standings: &'a [Standing], offsets: Option<&'a ConfigOffsets>) -> Vec<Part<'a>> {
    let part = |(partition, survey, there): &'a Standing| Part { partition, survey, there: *there, offsets };
    standings.iter().map(part).collect()
}
