//! Everything that is found out before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use broker_client::{Client, ClientError, TopicPartition};

use super::config_offsets::ConfigOffsets;
use super::failure::{Failure, Result};
use super::groups::{self, Committed};
use super::move_file::MoveFile;
use super::pace::Pace;
use super::plan::{MovedOffset, SourceTopic, Stage, in_the_way, read_already};
use super::run::Job;
use super::settings::{Settings, carried, settings};
use super::source::{self, Ends};
use super::survey::Survey;
use super::surveying::{Surveys, Wanted, survey, survey_config_topic};
use super::target::{self, can_alter, described};

/// What was found out.
pub struct Looked {
    /// The topics of the log.
    pub topics: BTreeMap<String, SourceTopic>,
    /// Their settings at the target.
    pub settings: BTreeMap<String, Settings>,
    /// Offsets inside the records of the config topic.
    pub config_offsets: ConfigOffsets,
    /// What groups have committed, and where that will stand.
    pub offsets: Vec<MovedOffset>,
    /// What the user should know: sentences.
    pub notes: Vec<String>,
}

/// Who looks.
pub struct Looking<'a> {
    /// What was asked for.
    pub job: &'a Job,
    /// The log that is moved.
    pub source: &'a Client,
    /// Where to.
    pub target: &'a Client,
    /// How far an earlier run has come.
    pub file: Option<&'a MoveFile>,
    /// How it goes.
    pub pace: &'a Pace,
}

impl Looking<'_> {
    /// Reads the log once, and looks at the target.
    ///
    /// # Errors
    /// Everything that stands in the way, each in a line.
    pub async fn look(&self) -> Result<Looked> {
        let mut notes = self.end_transactions().await?;
        let mut ends = source::topics(self.source, !self.job.dry_run).await?;
        self.keep_wanted(&mut ends)?;
        let committed = groups::committed(self.source).await?;
        let (surveys, config_offsets) = self.survey(&ends, &committed).await?;
        let topics = self.source_topics(surveys, &ends).await?;
        let offsets = moved_offsets(&topics, &committed);
        let can_alter = can_alter(self.target).await.map_err(|why| Failure::unreachable(&why))?;
        let settings = topics.iter().map(|(name, topic)| (name.clone(), settings(topic.carried.clone(), can_alter)));
        let settings: BTreeMap<String, Settings> = settings.collect();
        self.refuse(&topics, &offsets).await?;
        notes.extend(by_hand(&settings));
        notes.extend(changes(&offsets));
        Ok(Looked { topics, settings, config_offsets, offsets, notes })
    }

    /// Aborts transactions that were left open, unless nothing is to be written.
    async fn end_transactions(&self) -> Result<Vec<String>> {
        let open = source::open_transactions(self.source).await?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        if !self.job.dry_run {
            source::abort(self.source, &open).await?;
        }
        let ids = open.join(", ");
        Ok(vec![format!("Transactions that were left open are aborted, and their records not copied: {ids}.")])
    }

    /// The worker's own topics go in any case: connectors cannot go on without.
    fn keep_wanted(&self, ends: &mut Ends) -> Result<()> {
        let Some(wanted) = &self.job.topics else { return Ok(()) };
        let mut kept = BTreeSet::new();
        for name in ends.keys() {
            let matches = wanted.is_match(name);
            let matches = matches.map_err(|why| Failure::set_up(format!("`--topics` cannot be used: {why}.")))?;
            if matches || self.stage_of(name) != Stage::Data {
                kept.insert(name.clone());
            }
        }
        ends.retain(|name, _| kept.contains(name));
        Ok(())
    }

    fn stage_of(&self, topic: &str) -> Stage {
        let own = &self.job.source;
        match topic {
            name if name == own.config_topic.name => Stage::Configurations,
            name if name == own.offset_topic.name || name == own.status_topic.name => Stage::Positions,
            _ => Stage::Data,
        }
    }

    /// What is in all partitions; what an earlier run has read is not read again.
    async fn survey(&self, ends: &Ends, committed: &Committed) -> Result<(Surveys, ConfigOffsets)> {
        let pins = pins(committed);
        let mut unknown = Wanted { ranges: BTreeMap::new(), pins: pins.clone() };
        let mut config = Wanted { ranges: BTreeMap::new(), pins };
        let mut surveys = Surveys::new();
        for (name, partitions) in ends {
            for (number, range) in partitions {
                let partition = TopicPartition { topic: name.as_str().into(), partition: *number };
                match self.known(&partition, *range, &unknown.pins) {
                    _ if self.stage_of(name) == Stage::Configurations => drop(config.ranges.insert(partition, *range)),
                    Some(survey) => drop(surveys.insert(partition, survey)),
                    None => drop(unknown.ranges.insert(partition, *range)),
                }
            }
        }
        let ranges = [&unknown, &config].into_iter().flat_map(|wanted| wanted.ranges.values());
        self.pace.begin("reading", ranges.map(|(start, end)| end - start).sum(), (0, 0));
        surveys.extend(survey(self.source, &unknown, self.pace).await?);
        let (found, config_offsets) = survey_config_topic(self.source, &config, self.pace).await?;
        surveys.extend(found);
        Ok((surveys, config_offsets))
    }

    /// What an earlier run has read and still holds: a log that stands still does not change.
    fn known(&self, partition: &TopicPartition, range: (i64, i64), pins: &Pins) -> Option<Survey> {
        let topic = self.file?.topics.get(&*partition.topic)?;
        let known = &topic.partitions.get(&partition.partition)?.survey;
        let mut pins = pins.get(partition).into_iter().flatten();
        let holds = (known.start, known.end) == range && pins.all(|pin| known.map.translate(*pin).is_some());
        holds.then(|| known.clone())
    }

    async fn source_topics(&self, surveys: Surveys, ends: &Ends) -> Result<BTreeMap<String, SourceTopic>> {
        let mut topics = BTreeMap::new();
        for name in ends.keys() {
            let carried = carried(&described(self.source, name).await?);
            let topic = SourceTopic { stage: self.stage_of(name), carried, partitions: BTreeMap::new() };
            topics.insert(name.clone(), topic);
        }
        for (partition, survey) in surveys {
            if let Some(topic) = topics.get_mut(&*partition.topic) {
                topic.partitions.insert(partition.partition, survey);
            }
        }
        Ok(topics)
    }

    /// Says what stands in the way, all of it at once.
    async fn refuse(&self, topics: &BTreeMap<String, SourceTopic>, offsets: &[MovedOffset]) -> Result<()> {
        let asked = |why: ClientError| Failure::unreachable(&why);
        let there = target::topics(self.target, topics.keys()).await.map_err(asked)?;
        let mut lines = in_the_way(topics, &there, self.file);
        let groups: BTreeSet<&String> = offsets.iter().map(|offset| &offset.group).collect();
        let mut committed = Committed::new();
        for group in groups {
            committed.extend(groups::of_group(self.target, group).await.map_err(asked)?);
        }
        lines.extend(read_already(offsets, |wanted| {
            let place = (wanted.group.clone(), wanted.topic.clone(), wanted.partition);
            committed.get(&place).map(|(offset, _)| *offset)
        }));
        let mut changes = changes(offsets).peekable();
        if !self.job.accept_new_offsets && !self.job.dry_run && changes.peek().is_some() {
            lines.extend(changes);
            lines.push(NEW_OFFSETS.to_owned());
        }
        if lines.is_empty() { Ok(()) } else { Err(Failure::set_up(lines.join("\n"))) }
    }
}

/// What has to be decided by the user.
const NEW_OFFSETS: &str = "Records were deleted here, or written in transactions, so that they get other offsets at the target. \
    Groups go on at the same record, but a sink that keeps offsets elsewhere (in the names of objects, as versions of documents) may \
    take new records for old ones. Give such sinks another place to write to; then run this command with `--accept-new-offsets`.";

/// Offsets that have to be known exactly.
type Pins = BTreeMap<TopicPartition, BTreeSet<i64>>;

fn pins(committed: &Committed) -> Pins {
    let mut pins = Pins::new();
    for ((_, topic, partition), (offset, _)) in committed {
        let partition = TopicPartition { topic: topic.as_str().into(), partition: *partition };
        pins.entry(partition).or_default().insert(*offset);
    }
    pins
}

fn moved_offsets(topics: &BTreeMap<String, SourceTopic>, committed: &Committed) -> Vec<MovedOffset> {
    let one = |((group, topic, partition), (offset, metadata)): (&groups::Place, &(i64, String))| {
        MovedOffset::of(topics, (group, topic, *partition), (*offset, metadata))
    };
    committed.iter().filter_map(one).collect()
}

fn changes(offsets: &[MovedOffset]) -> impl Iterator<Item = String> {
    offsets.iter().filter_map(MovedOffset::change).map(|change| format!("Another offset: {change}."))
}

fn by_hand(settings: &BTreeMap<String, Settings>) -> impl Iterator<Item = String> {
    settings.iter().flat_map(|(name, settings)| {
        let one = move |(key, value)| {
            format!("Set {key}={value} for the topic {name} at the target, which does not let this command do it.")
        };
        settings.by_hand.iter().map(one)
    })
}
