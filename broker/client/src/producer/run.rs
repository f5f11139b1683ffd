//! The producer.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::messages::init_producer_id::InitProducerIdRequest;
use broker_wire::messages::produce::ProduceResponse;
use broker_wire::records::Compression;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::coordinator::Asking;
use super::queue::{Settled, Verdict};
use super::send::{Filled, Opened, Placed, Sending, verdict_on};
use super::topics::{Filling, Topics};
use super::transaction::{Transaction, TransactionalId};
use crate::backoff::Backoff;
use crate::client::{Client, Partitions, Purpose};
use crate::connection::Connection;
use crate::error::{ClientError, Result};
use crate::settled::{bridged, settled};

/// How a producer writes.
#[derive(Clone, Copy, Debug)]
pub struct ProducerConfig {
    /// The codec of batches.
    pub compression: Compression,
    /// The most bytes of a batch before compression. A larger record gets a batch of its own. Batches that a topic finds
    /// too large are split, and those after them are smaller.
    pub batch_bytes: usize,
    /// Batches of several partitions share a request up to that size, in bytes.
    pub request_bytes: usize,
    /// Requests to one broker that may be unanswered.
    pub max_in_flight: usize,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// Have the log recognise what is sent twice. Without it a repeat after a lost answer stands twice in the log.
    pub idempotent: bool,
    /// -1: answered once all replicas that are in sync have it; 1: once the leader has it.
    pub acks: i16,
    /// How long to wait before sending again, at first and at most.
    pub retry: (Duration, Duration),
}

impl Default for ProducerConfig {
    fn default() -> ProducerConfig {
        ProducerConfig {
            compression: Compression::None,
            batch_bytes: 512 * 1024,
            request_bytes: 1000 * 1000,
            max_in_flight: 5,
            request_timeout: Duration::from_secs(30),
            idempotent: true,
            acks: -1,
            retry: (Duration::from_millis(50), Duration::from_secs(5)),
        }
    }
}

/// A record with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RecordToSend<'a> {
    /// The partition; `None` leaves the choice to the key as Kafka's own clients choose, or to the producer.
    pub partition: Option<i32>,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Names and values of headers, in order.
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
    /// The caller's unit that the record belongs to, given back with the acknowledgement.
    pub token: u64,
}

/// Records that the log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The caller's unit.
    pub token: u64,
    /// How many of its records.
    pub records: u32,
}

/// What a producer tells.
#[derive(Debug)]
pub enum ProducerEvent {
    /// The log has these durably (as far as `acks` asked for it).
    Acknowledged(Vec<Acknowledged>),
    /// Something is tried again, for that reason.
    Retrying(ClientError),
    /// The transaction whose commit was [started](Producer::start_commit) is committed, durably.
    Committed,
    /// A batch will never be in the log, and nothing of its partition goes out any more; or a transaction cannot be committed.
    Failed(ClientError),
}

/// Writes records. What it does, it does inside [`append`](Self::append), [`flush`](Self::flush) and
/// [`event`](Self::event): no task of its own.
pub struct Producer {
    client: Client,
    config: ProducerConfig,
    pub(super) filling: Filling,
    pub(super) topics: Topics,
    pub(super) transaction: Option<Transaction>,
    connections: HashMap<i32, Arc<Connection>>,
    unanswered: HashMap<i32, usize>,
    connecting: HashSet<i32>,
    refreshing: HashSet<usize>,
    pub(super) underway: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    pub(super) paused_until: Option<Instant>,
    pub(super) backoff: Backoff,
    pub(super) queued: usize,
}

pub(super) enum Done {
    Opened(Opened),
    Answered(i32, Vec<Placed>, Result<ProduceResponse>),
    Refreshed(usize, Result<Option<Arc<Partitions>>>),
    Added(Vec<(usize, usize)>, Result<()>),
    Ended(Result<()>),
}

impl Producer {
    /// A producer, with an id from the log if it is idempotent.
    pub async fn open(client: Client, config: ProducerConfig) -> Result<Producer> {
        let producer = if config.idempotent { Some(settled(|| producer_id(&client)).await?) } else { None };
        Ok(Producer::new(client, config, producer, None))
    }

    /// A producer that writes in transactions, as its configuration says except that it is idempotent and waits for all replicas.
    /// Producers before it with the same transactional id are fenced, and what they left open is aborted.
    pub async fn open_transactional(
        client: Client,
        config: ProducerConfig,
        transactional: &TransactionalId,
    ) -> Result<Producer> {
        Producer::resume_transactional(client, config, transactional, None).await
    }

    /// The same for one that goes on where an earlier one of the same owner stood, which had that id and epoch (see
    /// [`identity`](Producer::identity)): if yet another producer has taken the transactional id over meanwhile, this one is not
    /// opened, and an error says that it is [fenced](ClientError::is_fenced) (KIP-360).
    pub async fn resume_transactional(
        client: Client,
        config: ProducerConfig,
        transactional: &TransactionalId,
        had: Option<(i64, i16)>,
    ) -> Result<Producer> {
        let config = ProducerConfig { idempotent: true, acks: -1, ..config };
        let asking = Asking { client: client.clone(), id: transactional.id.as_str().into() };
        let producer = asking.init(transactional.timeout, had).await?;
        let transaction = Transaction::new(asking, transactional.timeout);
        Ok(Producer::new(client, config, Some(producer), Some(transaction)))
    }

    pub(super) fn new(
        client: Client,
        config: ProducerConfig,
        producer: Option<(i64, i16)>,
        transaction: Option<Transaction>,
    ) -> Producer {
        let (batch_bytes, compression) = (config.batch_bytes, config.compression);
        let filling = Filling { batch_bytes, compression, producer, transactional: transaction.is_some() };
        Producer {
            client,
            config,
            filling,
            topics: Topics::default(),
            transaction,
            connections: HashMap::new(),
            unanswered: HashMap::new(),
            connecting: HashSet::new(),
            refreshing: HashSet::new(),
            underway: FuturesUnordered::new(),
            paused_until: None,
            backoff: Backoff::new(config.retry.0, config.retry.1),
            queued: 0,
        }
    }

    /// Whether [`append`](Self::append) knows the topic.
    pub fn knows(&mut self, topic: &Arc<str>) -> bool {
        self.topics.find(topic).is_some()
    }

    /// Learns a topic's partitions. `Ok(false)` if the log has no such topic. Brokers that cannot be reached are bridged for some
    /// seconds.
    pub async fn learn(&mut self, topic: &Arc<str>) -> Result<bool> {
        let partitions = bridged(|| self.client.partitions(topic)).await?;
        let known = partitions.filter(|partitions| !partitions.leaders.is_empty());
        known.iter().for_each(|partitions| self.topics.learn(topic, partitions, self.filling.first()));
        Ok(known.is_some())
    }

    /// Adds a record to its partition's batch. The topic must be [known](Self::knows), and a transactional producer must have
    /// [begun](Self::begin).
    pub fn append(&mut self, topic: &Arc<str>, record: &RecordToSend<'_>) -> Result<()> {
        self.transaction.as_ref().map_or(Ok(()), Transaction::check_open)?;
        let found = self.topics.find(topic).ok_or_else(|| ClientError::Missing(format!("topic {topic}")))?;
        self.queued += self.topics.all[found].append(record, &self.filling)?;
        Ok(())
    }

    /// Ends all batches that are being filled, so that they go out without waiting for more.
    pub fn flush(&mut self) -> Result<()> {
        for topic in &mut self.topics.all {
            for partition in &mut topic.partitions {
                self.queued += usize::from(partition.close(&self.filling)?);
            }
        }
        self.dispatch();
        Ok(())
    }

    /// Whether anything is queued or unanswered, so that [`event`](Self::event) has something to wait for.
    pub fn is_busy(&self) -> bool {
        self.queued > 0 || self.is_committing()
    }

    /// Whether requests are unanswered.
    pub fn is_sending(&self) -> bool {
        self.unanswered.values().any(|count| *count > 0)
    }

    /// Sends what may go out, and waits for the next thing to tell. Dropping the future loses nothing.
    pub async fn event(&mut self) -> ProducerEvent {
        loop {
            self.dispatch();
            self.ask_to_commit();
            let pause = self.paused_until;
            let event = tokio::select! {
                Some(done) = self.underway.next() => self.on_done(done),
                () = sleep_until(pause) => {
                    self.go_on();
                    None
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Asks anew for topics of which nothing was heard for long: partitions may have been added.
    fn refresh_old(&mut self) {
        let most = self.client.config().metadata_max_age;
        for (index, topic) in self.topics.all.iter().enumerate().filter(|(_, topic)| topic.heard.elapsed() > most) {
            refresh(&self.client, &mut self.refreshing, &self.underway, index, &topic.name);
        }
    }

    /// Sends every batch that may go out to its leader, as many in a request as fit.
    fn dispatch(&mut self) {
        if self.queued == 0 || self.paused_until.is_some() {
            return;
        }
        self.refresh_old();
        let mut unknown = Vec::new();
        loop {
            let mut requests: HashMap<i32, Filled> = HashMap::new();
            for (topic_index, topic) in self.topics.all.iter_mut().enumerate() {
                for (index, partition) in topic.partitions.iter_mut().enumerate() {
                    if !partition.queue.can_send() {
                        continue;
                    }
                    let Some(leader) = partition.leader else {
                        refresh(&self.client, &mut self.refreshing, &self.underway, topic_index, &topic.name);
                        continue;
                    };
                    if self.unanswered.get(&leader).is_some_and(|count| *count >= self.config.max_in_flight) {
                        continue;
                    }
                    if self.connections.get(&leader).is_none_or(|connection| connection.is_broken()) {
                        connect(&self.client, &mut self.connecting, &self.underway, leader);
                        continue;
                    }
                    if self.transaction.as_ref().is_some_and(|known| !known.added.contains(&(topic_index, index))) {
                        unknown.push((topic_index, index));
                        continue;
                    }
                    let request = requests.entry(leader).or_default();
                    let fits = request.bytes + partition.queue.next_size() <= self.config.request_bytes;
                    if !fits && !request.placed.is_empty() {
                        continue;
                    }
                    if let Some(batch) = partition.queue.send() {
                        let placed = Placed { topic: topic_index, partition: index, sequence: batch.sequence };
                        request.add(placed, batch.bytes.len());
                    }
                }
            }
            requests.retain(|_, request| !request.placed.is_empty());
            if requests.is_empty() {
                break;
            }
            unknown.clear();
            requests.into_iter().for_each(|(leader, request)| self.send(leader, request));
        }
        self.add_to_transaction(unknown);
    }

    fn send(&mut self, leader: i32, request: Filled) {
        let Some(connection) = self.connections.get(&leader) else { return };
        let transactional_id = self.transaction.as_ref().map(|transaction| &*transaction.asking.id);
        let (acks, timeout) = (self.config.acks, self.config.request_timeout);
        let sending = Sending { connection, acks, timeout, transactional_id };
        let reply = request.send(&mut self.topics.all, sending);
        *self.unanswered.entry(leader).or_default() += 1;
        self.underway.push(Box::pin(async move { Done::Answered(leader, request.placed, reply.await) }));
    }

    pub(super) fn on_done(&mut self, done: Done) -> Option<ProducerEvent> {
        match done {
            Done::Opened((leader, opened)) => {
                self.connecting.remove(&leader);
                match opened {
                    Ok(connection) => {
                        self.connections.insert(leader, connection);
                        None
                    }
                    Err(error) => Some(self.lost_leader(leader, error)),
                }
            }
            Done::Refreshed(topic, refreshed) => {
                self.refreshing.remove(&topic);
                self.refreshed(topic, refreshed)
            }
            Done::Added(partitions, added) => self.added(partitions, added),
            Done::Ended(ended) => self.ended(ended),
            Done::Answered(leader, placed, answer) => {
                if let Some(count) = self.unanswered.get_mut(&leader) {
                    *count = count.saturating_sub(1);
                }
                self.answered(&placed, &answer)
            }
        }
    }

    fn answered(&mut self, placed: &[Placed], answer: &Result<ProduceResponse>) -> Option<ProducerEvent> {
        let (mut acknowledged, mut trouble) = (Vec::new(), None);
        for placed in placed {
            let topic = &mut self.topics.all[placed.topic];
            let (verdict, error) = verdict_on(placed, &topic.name, answer);
            let partition = &mut topic.partitions[placed.partition];
            match partition.queue.settle(placed.sequence, verdict) {
                Settled::Written(tokens) => {
                    self.queued -= 1;
                    acknowledged.extend(tokens.into_iter().map(|(token, records)| Acknowledged { token, records }));
                }
                Settled::Split(bytes) => {
                    self.queued += 1;
                    partition.fill_less(bytes, &self.filling);
                    trouble = error;
                }
                Settled::Waiting => {
                    partition.leader = None;
                    self.client.forget(&topic.name);
                    if verdict != Verdict::OutOfOrder {
                        trouble = error;
                    }
                }
                Settled::Never => return error.map(ProducerEvent::Failed),
            }
        }
        if trouble.is_some() {
            self.pause();
        } else if !acknowledged.is_empty() {
            self.backoff.reset();
        }
        // A request that was written in part is told as written; what is tried again is told by its next failure.
        if acknowledged.is_empty() {
            trouble.map(ProducerEvent::Retrying)
        } else {
            Some(ProducerEvent::Acknowledged(acknowledged))
        }
    }

    fn refreshed(&mut self, topic: usize, refreshed: Result<Option<Arc<Partitions>>>) -> Option<ProducerEvent> {
        let name = self.topics.all[topic].name.clone();
        match refreshed {
            Ok(Some(partitions)) => {
                self.topics.learn(&name, &partitions, self.filling.first());
                if partitions.leaders.contains(&None) {
                    self.pause();
                }
                None
            }
            // While all leaders are known it is the next write that has the last word.
            Ok(None) if !self.topics.all[topic].lacks_leader() => {
                self.topics.all[topic].heard = Instant::now();
                None
            }
            Ok(None) => Some(ProducerEvent::Failed(ClientError::Missing(format!("topic {name} any more")))),
            Err(error) => {
                self.pause();
                Some(ProducerEvent::Retrying(error))
            }
        }
    }

    /// A leader cannot be reached: ask again who leads, after a pause.
    fn lost_leader(&mut self, leader: i32, error: ClientError) -> ProducerEvent {
        for topic in &mut self.topics.all {
            for partition in topic.partitions.iter_mut().filter(|partition| partition.leader == Some(leader)) {
                partition.leader = None;
                self.client.forget(&topic.name);
            }
        }
        self.pause();
        ProducerEvent::Retrying(error)
    }

    pub(super) fn pause(&mut self) {
        if self.paused_until.is_none() {
            self.paused_until = Some(Instant::now() + self.backoff.next_delay());
        }
    }

    /// After the pause: what has come back whole goes out again.
    fn go_on(&mut self) {
        self.paused_until = None;
        let partitions = self.topics.all.iter_mut().flat_map(|topic| &mut topic.partitions);
        let mut still_out = false;
        for partition in partitions {
            if partition.queue.all_back() {
                partition.queue.go_on();
            } else if partition.queue.is_held() {
                still_out = true;
            }
        }
        if still_out {
            self.pause();
        }
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

type Underway = FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>;

fn connect(client: &Client, connecting: &mut HashSet<i32>, underway: &Underway, leader: i32) {
    if connecting.insert(leader) {
        let client = client.clone();
        underway.push(Box::pin(async move { Done::Opened((leader, client.node(leader, Purpose::Produce).await)) }));
    }
}

fn refresh(client: &Client, refreshing: &mut HashSet<usize>, underway: &Underway, topic: usize, name: &Arc<str>) {
    if refreshing.insert(topic) {
        let (client, name) = (client.clone(), name.clone());
        underway.push(Box::pin(async move { Done::Refreshed(topic, client.refresh(&name).await) }));
    }
}

async fn producer_id(client: &Client) -> Result<(i64, i16)> {
    let request =
        InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000, ..Default::default() };
    let answer = client.any(Purpose::Control).await?.call(&request).await?;
    ClientError::check(answer.error_code, || "cannot get a producer id".to_owned())?;
    Ok((answer.producer_id, answer.producer_epoch))
}
