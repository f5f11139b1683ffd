//! Records out of one log into another.
//!
//! A batch goes on as it stands: its records keep their bytes, compressed or not, and only its header is written anew, with
//! the id and the numbers of the producer that writes here. It has to be one that numbers its records, because an answer may get lost: a
//! batch without a producer that is sent again stands twice in the log. And the number of a record is its place in the partition, under
//! one producer id for the whole move (kept in `move.json`), so that what a killed run had under way and arrives behind the
//! next one's look at the end of a partition is not written either. See `broker_client::Producer::resume`.
//!
//! Small batches are put together instead, since a request carries one batch of each partition; and so are those that no producer may
//! send: with holes, with the log's own time, or cut by where the copy goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_client::{
    Client, FetchEvent, Fetcher, Producer, ProducerConfig, ProducerEvent, RecordToSend, TopicPartition,
};
use broker_wire::ErrorCode;
use tokio::time::Instant;

use super::config_offsets::ConfigOffsets;
use super::failure::{Failure, Result};
use super::progress::Progress;
use super::reading::{PATIENCE, Read, Side, failed};
use super::survey::Survey;

/// A batch of so many bytes goes on as it stands.
const WHOLE_BYTES: usize = 16 * 1024;

/// How many batches may be queued or unanswered before no more is read.
const MOST_QUEUED: usize = 64;

/// Bytes of all batches together that are being filled, one for each partition.
const FILLING_BYTES: usize = 64 << 20;

/// A batch that is filled has between so few and so many bytes.
const BATCH_BYTES: (usize, usize) = (16 * 1024, 512 * 1024);

/// A partition to be copied.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The partition.
    pub partition: &'a TopicPartition,
    /// What it holds here.
    pub survey: &'a Survey,
    /// How many of its records are at the target.
    pub there: i64,
    /// Offsets inside the records, for the config topic.
    pub offsets: Option<&'a ConfigOffsets>,
}

/// Between which logs, and as whom.
#[derive(Clone)]
pub struct Copying {
    /// The log that is moved.
    pub source: Client,
    /// Where to.
    pub target: Client,
    /// Id and epoch of the producer.
    pub producer: (i64, i16),
}

/// How copying has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All records have been acknowledged.
    Whole,
    /// The target has had records of an earlier run in the meantime: look again where it ends.
    OvertakenByAnEarlierRun,
}

/// What is told of acknowledged records: which part, how many more.
pub type Noted<'a> = &'a mut dyn FnMut(usize, i64) -> Result<()>;

/// Copies what the target does not have. `noted` is told of what it has acknowledged.
pub async fn copy(copying: &Copying, parts: &[Part<'_>], noted: Noted<'_>) -> Result<End> {
    let mut flow = Flow::begin(copying, parts).await?;
    let mut last = Instant::now();
    while !flow.is_over() {
        let room = !flow.read_all && flow.producer.queued() < MOST_QUEUED;
        tokio::select! {
            event = flow.fetcher.event(), if room => flow.on_fetched(event, last)?,
            event = flow.producer.event(), if flow.producer.is_busy() => match event {
                ProducerEvent::Acknowledged(acknowledged) => {
                    last = Instant::now();
                    for one in acknowledged {
                        noted(one.token as usize, i64::from(one.records))?;
                    }
                }
                // Records go over without transactions.
                ProducerEvent::Committed => {}
                ProducerEvent::Retrying(why) if last.elapsed() > PATIENCE => return Err(why.into()),
                ProducerEvent::Retrying(why) => tracing::warn!(error = %why, "writing is tried again"),
                ProducerEvent::Failed(why) if why.code() == Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) => {
                    tracing::info!(error = %why, "looking again where the target ends");
                    return Ok(End::OvertakenByAnEarlierRun);
                }
                ProducerEvent::Failed(why) => return Err(refused(&why)),
            },
            () = tokio::time::sleep_until(last + PATIENCE + Duration::from_secs(5)) => return Err(stuck()),
        }
    }
    flow.check_all_read()?;
    Ok(End::Whole)
}

fn refused(why: &broker_client::ClientError) -> Failure {
    let remedy = match why.code() {
        Some(ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE) => {
            "Raise `max.message.bytes` of that topic at the target"
        }
        Some(ErrorCode::INVALID_TIMESTAMP) => "Raise `message.timestamp.after.max.ms` of that topic at the target",
        _ => "Put that right",
    };
    Failure::running(format!("{why}. {remedy}, then run the same command again."))
}

fn stuck() -> Failure {
    Failure::running(format!(
        "Nothing was acknowledged for {} s. Look after the brokers, then run the same command again.",
        PATIENCE.as_secs()
    ))
}

/// A part on its way.
struct State<'a> {
    part: Part<'a>,
    progress: Progress,
}

struct Flow<'a> {
    fetcher: Fetcher,
    producer: Producer,
    states: Vec<State<'a>>,
    by_partition: BTreeMap<&'a TopicPartition, usize>,
    read_all: bool,
}

impl<'a> Flow<'a> {
    async fn begin(copying: &Copying, parts: &[Part<'a>]) -> Result<Flow<'a>> {
        let batch_bytes = (FILLING_BYTES / parts.len().max(1)).clamp(BATCH_BYTES.0, BATCH_BYTES.1);
        let config = ProducerConfig { batch_bytes, ..ProducerConfig::default() };
        let mut producer = Producer::resume(copying.target.clone(), config, copying.producer);
        let mut fetcher = Fetcher::new(copying.source.clone(), Side::Source.fetch_config());
        let mut states = Vec::new();
        for part in parts {
            let TopicPartition { topic, partition } = part.partition;
            if !producer.knows(topic) && !producer.learn(topic).await? {
                return Err(Failure::running(format!("The topic {topic} is not at the target any more.")));
            }
            producer.number_from(topic, *partition, part.there)?;
            let (from, progress) = Progress::begin(part.survey, part.there);
            if !progress.is_whole() {
                fetcher.read_from(part.partition.clone(), from);
            }
            states.push(State { part: *part, progress });
        }
        let by_partition = states.iter().enumerate().map(|(at, state)| (state.part.partition, at)).collect();
        let read_all = states.iter().all(|state| state.progress.is_whole());
        Ok(Flow { fetcher, producer, states, by_partition, read_all })
    }

    fn is_over(&self) -> bool {
        self.read_all && !self.producer.is_busy()
    }

    fn on_fetched(&mut self, event: FetchEvent, last: Instant) -> Result<()> {
        match event {
            FetchEvent::Records { partition, from, batches, .. } => {
                let Some(at) = self.by_partition.get(&partition).copied() else { return Ok(()) };
                for batch in batches.iter().filter(|batch| !batch.header.is_control()) {
                    let end = self.states[at].part.survey.end;
                    self.pass_on(at, &Read { partition: &partition, from, end, batch })?;
                }
                if self.states[at].progress.is_whole() {
                    self.fetcher.stop_reading(&partition);
                }
                self.read_all = self.states.iter().all(|state| state.progress.is_whole());
            }
            FetchEvent::CaughtUp => self.read_all = true,
            event => failed(event, last.into_std())?,
        }
        if self.read_all {
            self.producer.flush()?;
        }
        Ok(())
    }

    fn pass_on(&mut self, at: usize, read: &Read<'_>) -> Result<()> {
        let state = &mut self.states[at];
        let header = &read.batch.header;
        let whole = state.part.offsets.is_none()
            && read.batch.bytes.len() >= WHOLE_BYTES
            && read.wants(header.base_offset)
            && header.is_sendable();
        let TopicPartition { topic, partition } = read.partition;
        if whole && state.progress.take_all(i64::from(header.records_count)) {
            return Ok(self.producer.append_whole(topic, *partition, read.batch, at as u64)?);
        }
        for record in read.open()?.records() {
            let record = record.map_err(|why| read.damaged(&why))?;
            if !read.wants(record.offset) || !state.progress.take_next() {
                continue;
            }
            let rewritten = state.part.offsets.and_then(|offsets| offsets.rewritten(record.key, record.value));
            let headers: Vec<(&[u8], Option<&[u8]>)> = record.headers.collect();
            let record = RecordToSend {
                partition: Some(*partition),
                timestamp: record.timestamp,
                key: record.key,
                value: rewritten.as_deref().or(record.value),
                headers: &headers,
                token: at as u64,
            };
            self.producer.append(topic, &record)?;
        }
        Ok(())
    }

    fn check_all_read(&self) -> Result<()> {
        let missing = self.states.iter().find(|state| !state.progress.is_whole());
        missing.map_or(Ok(()), |state| {
            Err(Failure::running(format!(
                "{} gave {} records where it had {} before. Run the same command again.",
                state.part.partition,
                state.progress.place(),
                state.part.survey.contents.records
            )))
        })
    }
}
