//! A move from start to end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use broker::Broker;
use broker_client::admin::NewTopic;
use broker_client::{Client, Producer, ProducerConfig, TopicPartition};
use fancy_regex::Regex;

use super::checking::{check, check_tails};
use super::config_offsets::ConfigOffsets;
use super::copying::{Copying, End, Part, copy};
use super::failure::{Failure, Result};
use super::groups::{self, Committed};
use super::move_file::{MoveFile, MovedPartition, MovedTopic};
use super::pace::Pace;
use super::plan::{MovedOffset, SourceTopic, Stage, in_the_way, read_already};
use super::settings::{Settings, carried, settings};
use super::source::{self, Ends};
use super::survey::Survey;
use super::surveying::{Wanted, survey, survey_config_topic};
use super::target::{self, can_alter, described};
use crate::config::WorkerConfig;
use crate::log::LogLink;

/// How often `move.json` is written while records are copied.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often to look again where the target ends, if an earlier run still has records under way.
const LOOKS: u32 = 10;

/// The time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be moved, and how.
pub struct Job {
    /// The worker whose embedded log is moved.
    pub source: WorkerConfig,
    /// The same worker at the target.
    pub target: WorkerConfig,
    /// `bootstrap.servers` of the target, as it was given.
    pub to: String,
    /// Which topics, beside the worker's own; all of them without it. The whole name has to match.
    pub topics: Option<Regex>,
    /// How many brokers of the target hold each partition; what the cluster does with new topics without it.
    pub replication_factor: Option<i16>,
    /// Groups may go on at other offsets.
    pub accept_new_offsets: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

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

/// How a move has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was written; this would be done.
    Planned(Report),
    /// Everything is there, and was read back.
    Moved(Report),
    /// An earlier run has done all of it.
    MovedBefore,
}

/// Moves the log.
///
/// # Errors
/// What stands in the way, or went wrong. The same call goes on where this one ended.
pub async fn run(job: &Job, broker: &Broker, pace: &Pace) -> Result<Outcome> {
    let file = MoveFile::load(&job.source.data_dir).map_err(Failure::set_up)?;
    let source = LogLink::new(&job.source, Some(broker)).client("move");
    let target = LogLink::new(&job.target, None).client("move");
    let cluster = target::cluster_id(&target).await.map_err(|why| Failure::unreachable(&why))?;
    check_cluster(job, file.as_ref(), (&source, cluster.as_deref())).await?;
    if file.as_ref().is_some_and(|file| file.done) {
        return Ok(Outcome::MovedBefore);
    }
    let looked = look(job, (&source, &target), file.as_ref(), pace).await?;
    if job.dry_run {
        return Ok(Outcome::Planned(looked.report()));
    }
    let begun = begin(job, &target, file, cluster, &looked).await?;
    let mut moving = Moving { job, source, target, pace, looked, file: begun, saved: Instant::now() };
    moving.carry_out().await?;
    Ok(Outcome::Moved(moving.looked.report()))
}

async fn check_cluster(job: &Job, file: Option<&MoveFile>, (source, there): (&Client, Option<&str>)) -> Result<()> {
    let _ = source.topic_names().await?;
    if there.is_some() && source.cluster_id().as_deref() == there {
        return Err(Failure::set_up("`--to` names the log that is to be moved. Name the brokers of another one."));
    }
    match file {
        Some(file) if file.cluster.as_deref() != there => Err(Failure::set_up(format!(
            "{} says that this log is moved to another cluster, {}. Go on with `--to {}`, or delete that file, and the topics that were \
             made there, to begin anew.",
            job.source.data_dir.join(super::move_file::FILE_NAME).display(),
            file.cluster.as_deref().unwrap_or("without an id"),
            file.to
        ))),
        _ => Ok(()),
    }
}

/// What was found out before anything is written.
struct Looked {
    topics: BTreeMap<String, SourceTopic>,
    settings: BTreeMap<String, Settings>,
    config_offsets: ConfigOffsets,
    offsets: Vec<MovedOffset>,
    notes: Vec<String>,
}

async fn look(job: &Job, logs: (&Client, &Client), file: Option<&MoveFile>, pace: &Pace) -> Result<Looked> {
    let (source, target) = logs;
    let mut notes = Vec::new();
    let open = source::open_transactions(source).await?;
    if !open.is_empty() {
        notes.push(format!(
            "Transactions that were left open are aborted, and their records not copied: {}.",
            open.join(", ")
        ));
    }
    if !job.dry_run {
        source::abort(source, &open).await?;
    }
    let mut ends = source::topics(source, !job.dry_run).await?;
    keep_wanted(job, &mut ends)?;
    let committed = groups::committed(source).await?;
    let (topics, config_offsets) = survey_all(job, source, &ends, &committed, file, pace).await?;
    let offsets = moved_offsets(&topics, &committed);
    let can_alter = can_alter(target).await.map_err(|why| Failure::unreachable(&why))?;
    let settings: BTreeMap<String, Settings> =
        topics.iter().map(|(name, topic)| (name.clone(), settings(topic.carried.clone(), can_alter))).collect();
    let by_hand = settings.iter().flat_map(|(name, settings)| {
        let one = move |(key, value)| {
            format!("Set {key}={value} for the topic {name} at the target, which does not let this command.")
        };
        settings.by_hand.iter().map(one)
    });
    notes.extend(by_hand);
    refuse(job, target, (&topics, &offsets), file).await?;
    notes.extend(changes(&offsets).map(|change| format!("Another offset: {change}.")));
    Ok(Looked { topics, settings, config_offsets, offsets, notes })
}

/// The worker's own topics go in any case: connectors cannot go on without.
fn keep_wanted(job: &Job, ends: &mut Ends) -> Result<()> {
    let Some(wanted) = &job.topics else { return Ok(()) };
    let mut kept = BTreeSet::new();
    for name in ends.keys() {
        let matches = wanted.find(name).map_err(|why| Failure::set_up(format!("`--topics` cannot be used: {why}.")))?;
        let whole = matches.is_some_and(|found| found.range() == (0..name.len()));
        if whole || stage_of(job, name) != Stage::Data {
            kept.insert(name.clone());
        }
    }
    ends.retain(|name, _| kept.contains(name));
    Ok(())
}

fn stage_of(job: &Job, topic: &str) -> Stage {
    let own = &job.source;
    match topic {
        name if name == own.config_topic.name => Stage::Configurations,
        name if name == own.offset_topic.name || name == own.status_topic.name => Stage::Positions,
        _ => Stage::Data,
    }
}

async fn survey_all(
    job: &Job,
    source: &Client,
    ends: &Ends,
    committed: &Committed,
    file: Option<&MoveFile>,
    pace: &Pace,
) -> Result<(BTreeMap<String, SourceTopic>, ConfigOffsets)> {
    let mut pins: BTreeMap<TopicPartition, BTreeSet<i64>> = BTreeMap::new();
    for ((_, topic, partition), (offset, _)) in committed {
        let partition = TopicPartition { topic: topic.as_str().into(), partition: *partition };
        pins.entry(partition).or_default().insert(*offset);
    }
    let (mut known, mut unknown) = (BTreeMap::new(), Wanted { ranges: BTreeMap::new(), pins: pins.clone() });
    let mut config = Wanted { ranges: BTreeMap::new(), pins };
    for (name, partitions) in ends {
        for (number, range) in partitions {
            let partition = TopicPartition { topic: name.as_str().into(), partition: *number };
            let surveyed = file.and_then(|file| known_survey(file, &partition, *range, &unknown.pins));
            match surveyed {
                _ if stage_of(job, name) == Stage::Configurations => drop(config.ranges.insert(partition, *range)),
                Some(survey) => drop(known.insert(partition, survey)),
                None => drop(unknown.ranges.insert(partition, *range)),
            }
        }
    }
    let total =
        [&unknown, &config].iter().flat_map(|wanted| wanted.ranges.values()).map(|(start, end)| end - start).sum();
    pace.begin("reading", total, (0, 0));
    known.extend(survey(source, &unknown, pace).await?);
    let (found, config_offsets) = survey_config_topic(source, &config, pace).await?;
    known.extend(found);
    let mut topics: BTreeMap<String, SourceTopic> = BTreeMap::new();
    for name in ends.keys() {
        let carried = carried(&described(source, name).await?);
        let stage = stage_of(job, name);
        topics.insert(name.clone(), SourceTopic { stage, carried, partitions: BTreeMap::new() });
    }
    for (partition, survey) in known {
        let topic = topics.get_mut(&*partition.topic);
        topic.into_iter().for_each(|topic| drop(topic.partitions.insert(partition.partition, survey.clone())));
    }
    Ok((topics, config_offsets))
}

/// What an earlier run has read and still holds: a log that stands still does not change.
fn known_survey(
    file: &MoveFile,
    partition: &TopicPartition,
    range: (i64, i64),
    pins: &BTreeMap<TopicPartition, BTreeSet<i64>>,
) -> Option<Survey> {
    let known = &file.topics.get(&*partition.topic)?.partitions.get(&partition.partition)?.survey;
    let mut pins = pins.get(partition).into_iter().flatten();
    let holds = (known.start, known.end) == range && pins.all(|pin| known.map.translate(*pin).is_some());
    holds.then(|| known.clone())
}

fn moved_offsets(topics: &BTreeMap<String, SourceTopic>, committed: &Committed) -> Vec<MovedOffset> {
    let one = |((group, topic, partition), (offset, metadata)): (&groups::Place, &(i64, String))| {
        MovedOffset::of(topics, (group, topic, *partition), (*offset, metadata))
    };
    committed.iter().filter_map(one).collect()
}

fn changes(offsets: &[MovedOffset]) -> impl Iterator<Item = String> {
    offsets.iter().filter_map(MovedOffset::change)
}

/// Says what stands in the way, all of it at once.
async fn refuse(
    job: &Job,
    target: &Client,
    (topics, offsets): (&BTreeMap<String, SourceTopic>, &[MovedOffset]),
    file: Option<&MoveFile>,
) -> Result<()> {
    let asked = |why: broker_client::ClientError| Failure::unreachable(&why);
    let there = target::topics(target, topics.keys()).await.map_err(asked)?;
    let mut lines = in_the_way(topics, &there, file);
    let groups: BTreeSet<&String> = offsets.iter().map(|offset| &offset.group).collect();
    let mut committed = Committed::new();
    for group in groups {
        committed.extend(groups::of_group(target, group).await.map_err(asked)?);
    }
    lines.extend(read_already(offsets, |wanted| {
        let place = (wanted.group.clone(), wanted.topic.clone(), wanted.partition);
        committed.get(&place).map(|(offset, _)| *offset)
    }));
    if !job.accept_new_offsets && !job.dry_run && changes(offsets).next().is_some() {
        lines.extend(changes(offsets).map(|change| format!("Another offset: {change}.")));
        lines.push(
            "Records were deleted here, or written in transactions, so that they get other offsets at the target. Groups go on at the \
             same record, but a sink that keeps offsets elsewhere (in the names of objects, as versions of documents) may take new \
             records for old ones. Give such sinks another place to write to; then run this command with `--accept-new-offsets`."
                .to_owned(),
        );
    }
    if lines.is_empty() { Ok(()) } else { Err(Failure::set_up(lines.join("\n"))) }
}

impl Looked {
    fn report(&self) -> Report {
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

/// Notes what is about to be made, makes it, and notes the ids.
async fn begin(
    job: &Job,
    target: &Client,
    file: Option<MoveFile>,
    cluster: Option<String>,
    looked: &Looked,
) -> Result<MoveFile> {
    let mut file = match file {
        Some(file) => file,
        None => {
            let producer = Producer::open(target.clone(), ProducerConfig::default()).await?;
            MoveFile::new(job.to.clone(), cluster, producer.identity().unwrap_or((-1, -1)))
        }
    };
    let there = target::topics(target, looked.topics.keys()).await?;
    for (name, topic) in &looked.topics {
        let known = file.topics.remove(name).filter(|known| {
            there.get(name).is_some_and(|there| there.id == known.id && there.ends.iter().any(|end| *end > 0))
        });
        file.topics.insert(name.clone(), merged(known.unwrap_or_default(), topic));
    }
    file.save(&job.source.data_dir).map_err(Failure::running)?;
    let new: Vec<NewTopic> = looked
        .topics
        .iter()
        .filter(|(name, _)| !there.contains_key(*name))
        .map(|(name, topic)| {
            let settings = looked.settings.get(name).map(|settings| settings.at_first.clone()).unwrap_or_default();
            new_topic(job, name, topic, settings)
        })
        .collect();
    target::make(target, &new).await?;
    for (name, settings) in looked.settings.iter().filter(|(name, _)| there.contains_key(*name)) {
        if !settings.later.is_empty() {
            let at_first = settings.at_first.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
            target::alter(target, name, &at_first).await?;
        }
    }
    for (name, there) in target::topics(target, looked.topics.keys()).await? {
        file.topics.entry(name).and_modify(|topic| topic.id = there.id);
    }
    file.save(&job.source.data_dir).map_err(Failure::running)?;
    Ok(file)
}

/// What is known of a topic from an earlier run, as far as it still holds.
fn merged(mut known: MovedTopic, topic: &SourceTopic) -> MovedTopic {
    let one = |(number, survey): (&i32, &Survey)| {
        let before = known.partitions.remove(number);
        let checked = before.as_ref().is_some_and(|before| before.checked && before.survey == *survey);
        let written = before.map_or(0, |before| before.written);
        (*number, MovedPartition { survey: survey.clone(), written, checked })
    };
    let partitions = topic.partitions.iter().map(one).collect();
    MovedTopic { id: known.id, partitions }
}

fn new_topic(job: &Job, name: &str, topic: &SourceTopic, configs: BTreeMap<String, String>) -> NewTopic {
    let own = [&job.target.config_topic, &job.target.offset_topic, &job.target.status_topic];
    let own = own.iter().find(|own| own.name == name).map_or(-1, |own| own.replication_factor);
    NewTopic {
        name: name.to_owned(),
        partitions: topic.partitions.len() as i32,
        replication_factor: job.replication_factor.unwrap_or(own),
        configs,
    }
}

/// A move that writes.
struct Moving<'a> {
    job: &'a Job,
    source: Client,
    target: Client,
    pace: &'a Pace,
    looked: Looked,
    file: MoveFile,
    saved: Instant,
}

/// A partition of a stage: its name, its survey, and how many of its records are at the target.
type Standing = (TopicPartition, Survey, i64);

impl Moving<'_> {
    async fn carry_out(&mut self) -> Result<()> {
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
