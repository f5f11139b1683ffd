//! Fetch requests and their answers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use broker_wire::records::{Batch, batches};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::aborted::leave_out_aborted;
use super::positions::{Positions, TopicPartition};
use crate::backoff::Backoff;
use crate::client::{Client, Partitions, Purpose};
use crate::error::{ClientError, Result};

/// The newest version that names topics by name.
const NEWEST: i16 = 12;

/// How a fetcher reads.
#[derive(Clone, Copy, Debug)]
pub struct FetchConfig {
    /// How long the log may wait for something to arrive.
    pub max_wait: Duration,
    /// How many bytes are worth an answer before that time is over.
    pub min_bytes: i32,
    /// Bytes of one answer at most; one larger batch is let through.
    pub max_bytes: i32,
    /// Bytes of one partition in an answer at most.
    pub partition_bytes: i32,
    /// Read only what committed transactions wrote.
    pub read_committed: bool,
}

impl Default for FetchConfig {
    fn default() -> FetchConfig {
        FetchConfig {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 8 << 20,
            partition_bytes: 1 << 20,
            read_committed: false,
        }
    }
}

/// What a fetcher found.
#[derive(Debug)]
pub enum FetchEvent {
    /// Batches of a partition, behind those before. Those at the front may begin before the position, because the log
    /// hands out whole batches.
    Records {
        /// The partition.
        partition: TopicPartition,
        /// The position that was asked for: records before it are not wanted.
        from: i64,
        /// The batches, checksums checked. The markers that end transactions are among them, because positions move behind
        /// them: they hold no records for readers, see `Batch::header`. If only committed records are read, those of
        /// transactions that were aborted are not.
        batches: Vec<Batch>,
        /// The offset to go on from: behind these batches, and behind those that were left out. There may be no others.
        next: i64,
        /// The end of what the reader may see: for one of committed records the last stable offset.
        high_watermark: i64,
    },
    /// All partitions that are read have been read to what was their end when they were last asked.
    CaughtUp,
    /// The position is before the first or behind the last offset that the log has.
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: i64,
    },
    /// Something is tried again, for that reason.
    Retrying(ClientError),
    /// A partition can not be read; it is left out from now on.
    Failed {
        /// The partition.
        partition: TopicPartition,
        /// Why.
        error: ClientError,
    },
}

/// Reads partitions. One request to each broker is under way at a time, also while the caller is busy with what came.
pub struct Fetcher {
    client: Client,
    config: FetchConfig,
    positions: Positions,
    ends: HashMap<TopicPartition, i64>,
    was_caught_up: bool,
    underway: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    busy: HashSet<i32>,
    refreshing: HashSet<Arc<str>>,
    leaders: HashMap<Arc<str>, Arc<Partitions>>,
    events: VecDeque<FetchEvent>,
    paused_until: Option<Instant>,
    backoff: Backoff,
}

type Asked = Vec<(TopicPartition, u64)>;

enum Done {
    Answered { leader: i32, asked: Asked, answer: Result<FetchResponse> },
    Refreshed(Arc<str>, Result<Option<Arc<Partitions>>>),
}

impl Fetcher {
    /// A fetcher that reads nothing yet.
    pub fn new(client: Client, config: FetchConfig) -> Fetcher {
        Fetcher {
            client,
            config,
            positions: Positions::default(),
            ends: HashMap::new(),
            was_caught_up: false,
            underway: FuturesUnordered::new(),
            busy: HashSet::new(),
            refreshing: HashSet::new(),
            leaders: HashMap::new(),
            events: VecDeque::new(),
            paused_until: None,
            backoff: Backoff::default(),
        }
    }

    /// Reads a partition from that offset on; moves it there if it is read already.
    pub fn read_from(&mut self, partition: TopicPartition, offset: i64) {
        self.ends.remove(&partition);
        self.was_caught_up = false;
        self.drop_events(&partition);
        self.positions.set(partition, offset);
    }

    /// Reads a partition no more. Nothing more of it comes.
    pub fn stop_reading(&mut self, partition: &TopicPartition) {
        self.ends.remove(partition);
        self.drop_events(partition);
        self.positions.remove(partition);
    }

    /// Leaves all partitions out of further requests, or takes them in again.
    pub fn pause(&mut self, paused: bool) {
        self.positions.pause(paused);
    }

    /// How far behind the end the position of each partition is, as far as known.
    pub fn lag(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        let end = |partition| self.ends.get(partition).copied();
        self.positions
            .iter()
            .filter_map(move |(partition, position)| Some((partition, (end(partition)? - position.offset).max(0))))
    }

    /// The next thing found. Dropping the future loses nothing.
    pub async fn event(&mut self) -> FetchEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.ask();
            let pause = self.paused_until;
            tokio::select! {
                Some(done) = self.underway.next() => self.on_done(done),
                () = sleep_until(pause) => self.paused_until = None,
            }
        }
    }

    fn drop_events(&mut self, gone: &TopicPartition) {
        self.events.retain(|event| match event {
            FetchEvent::Records { partition, .. }
            | FetchEvent::OutOfRange { partition, .. }
            | FetchEvent::Failed { partition, .. } => partition != gone,
            FetchEvent::CaughtUp | FetchEvent::Retrying(_) => true,
        });
    }

    /// Sends a request to every broker that leads idle partitions and has none of ours to answer.
    fn ask(&mut self) {
        if self.paused_until.is_some() {
            return;
        }
        let mut requests: HashMap<i32, Vec<(TopicPartition, i64, u64)>> = HashMap::new();
        let mut unknown: Vec<Arc<str>> = Vec::new();
        for (partition, position) in self.positions.idle() {
            let known = self.leaders.get(&partition.topic);
            let leader =
                known.and_then(|known| known.leaders.get(usize::try_from(partition.partition).ok()?).copied()?);
            match leader {
                Some(leader) if self.busy.contains(&leader) => {}
                Some(leader) => {
                    requests.entry(leader).or_default().push((partition.clone(), position.offset, position.turn));
                }
                None => unknown.push(partition.topic.clone()),
            }
        }
        unknown.into_iter().for_each(|topic| self.refresh(topic));
        for (leader, wanted) in requests {
            self.send(leader, wanted);
        }
    }

    fn refresh(&mut self, topic: Arc<str>) {
        if self.refreshing.insert(topic.clone()) {
            let client = self.client.clone();
            self.underway.push(Box::pin(async move {
                let refreshed = client.refresh(&topic).await;
                Done::Refreshed(topic, refreshed)
            }));
        }
    }

    fn send(&mut self, leader: i32, wanted: Vec<(TopicPartition, i64, u64)>) {
        let request = self.request(&wanted);
        wanted.iter().for_each(|(partition, ..)| self.positions.mark_asked(partition));
        self.busy.insert(leader);
        let asked = wanted.into_iter().map(|(partition, _, turn)| (partition, turn)).collect();
        let client = self.client.clone();
        let limit = self.config.max_wait + client.config().request_timeout;
        self.underway.push(Box::pin(async move {
            let answer = match client.node(leader, Purpose::Fetch).await {
                Ok(connection) => connection.call_up_to(&request, NEWEST, limit).await,
                Err(error) => Err(error),
            };
            Done::Answered { leader, asked, answer }
        }));
    }

    fn request(&self, wanted: &[(TopicPartition, i64, u64)]) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (partition, offset, _) in wanted {
            let entry = FetchPartition {
                partition: partition.partition,
                fetch_offset: *offset,
                partition_max_bytes: self.config.partition_bytes,
                ..Default::default()
            };
            match topics.last_mut().filter(|topic| *topic.topic == *partition.topic) {
                Some(topic) => topic.partitions.push(entry),
                None => topics.push(FetchTopic {
                    topic: partition.topic.to_string(),
                    partitions: vec![entry],
                    ..Default::default()
                }),
            }
        }
        FetchRequest {
            max_wait_ms: self.config.max_wait.as_millis() as i32,
            min_bytes: self.config.min_bytes,
            max_bytes: self.config.max_bytes,
            isolation_level: i8::from(self.config.read_committed),
            topics,
            ..Default::default()
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Refreshed(topic, refreshed) => {
                self.refreshing.remove(&topic);
                match refreshed {
                    Ok(Some(partitions)) => {
                        if partitions.leaders.contains(&None) {
                            self.pause_requests();
                        }
                        self.leaders.insert(topic, partitions);
                    }
                    Ok(None) => self.retry(ClientError::Missing(format!("topic {topic}"))),
                    Err(error) => self.retry(error),
                }
            }
            Done::Answered { leader, asked, answer } => {
                self.busy.remove(&leader);
                match answer {
                    Ok(answer) if answer.error_code.is_none() => self.take(asked, answer),
                    Ok(answer) => self.failed(&asked, ClientError::refused("cannot fetch", answer.error_code)),
                    Err(error) => self.failed(&asked, error),
                }
            }
        }
    }

    /// A whole request failed: its partitions may have moved.
    fn failed(&mut self, asked: &Asked, error: ClientError) {
        for (partition, turn) in asked {
            self.positions.answered(partition, *turn);
            self.leaders.remove(&partition.topic);
        }
        self.retry(error);
    }

    fn retry(&mut self, error: ClientError) {
        self.pause_requests();
        self.events.push_back(FetchEvent::Retrying(error));
    }

    fn pause_requests(&mut self) {
        if self.paused_until.is_none() {
            self.paused_until = Some(Instant::now() + self.backoff.next_delay());
        }
    }

    fn take(&mut self, asked: Asked, answer: FetchResponse) {
        let mut found: HashMap<(String, i32), PartitionData> = HashMap::new();
        for topic in answer.responses {
            for data in topic.partitions {
                found.insert((topic.topic.clone(), data.partition_index), data);
            }
        }
        for (partition, turn) in asked {
            let data = found.remove(&(partition.topic.to_string(), partition.partition));
            if !self.positions.answered(&partition, turn) {
                continue;
            }
            match data {
                Some(data) if data.error_code.is_none() => self.take_records(partition, data),
                Some(data) => self.take_error(partition, data.error_code),
                None => {}
            }
        }
        self.tell_if_caught_up();
    }

    fn take_records(&mut self, partition: TopicPartition, data: PartitionData) {
        self.backoff.reset();
        let end = if self.config.read_committed { data.last_stable_offset } else { data.high_watermark };
        self.ends.insert(partition.clone(), end);
        let Some(from) = self.positions.get(&partition).map(|position| position.offset) else { return };
        let found: std::result::Result<Vec<Batch>, _> = batches(data.records.unwrap_or_default()).collect();
        let mut batches = match found {
            Ok(batches) => batches,
            Err(why) => {
                let error = ClientError::Missing(format!("sound batch at {partition} offset {from}: {why}"));
                self.positions.remove(&partition);
                self.events.push_back(FetchEvent::Failed { partition, error });
                return;
            }
        };
        let Some(last) = batches.last() else { return };
        let next = last.header.last_offset() + 1;
        self.positions.advance(&partition, next);
        if self.config.read_committed {
            leave_out_aborted(&mut batches, data.aborted_transactions.unwrap_or_default());
        }
        self.events.push_back(FetchEvent::Records { partition, from, batches, next, high_watermark: end });
    }

    fn take_error(&mut self, partition: TopicPartition, code: ErrorCode) {
        let what = format!("cannot read {partition}");
        match code {
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                let offset = self.positions.get(&partition).map_or(-1, |position| position.offset);
                self.positions.remove(&partition);
                self.events.push_back(FetchEvent::OutOfRange { partition, offset });
            }
            code if code.is_retriable() => {
                self.leaders.remove(&partition.topic);
                self.client.forget(&partition.topic);
                self.retry(ClientError::refused(what, code));
            }
            code => {
                self.positions.remove(&partition);
                self.events.push_back(FetchEvent::Failed { partition, error: ClientError::refused(what, code) });
            }
        }
    }

    fn tell_if_caught_up(&mut self) {
        let at_end = |(partition, position): (&TopicPartition, &super::positions::Position)| {
            self.ends.get(partition).is_some_and(|end| position.offset >= *end)
        };
        let caught_up = self.positions.iter().all(at_end);
        if caught_up && !self.was_caught_up {
            self.events.push_back(FetchEvent::CaughtUp);
        }
        self.was_caught_up = caught_up;
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
