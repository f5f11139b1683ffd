//! What is under way to the log: batches, acknowledgements, positions, outcomes.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use broker_client::{Backoff, Client, ClientError, Producer, ProducerEvent, RecordToSend};
use connector_api::{Error, Outcome, Position, Result, SourceBatch, SourceRecord};
use tokio::time::Instant;

use super::encode::Encoder;
use super::exactly_once::Transacting;
use super::in_flight::{InFlight, Prefix};
use super::topics::TopicCreation;
use crate::config::ErrorPolicy;
use crate::internal::now_ms;
use crate::offsets::ConnectorOffsets;
use crate::task::{Orders, Share, TaskView, Trouble};

/// The token of records that hold positions; batches are numbered from 0.
pub(super) const POSITIONS: u64 = u64::MAX;

/// The way of a batch into the log, and of its outcome back.
///
/// ```text
/// send -> admitted -> converted -> produced -> acknowledged -> prefix -> positions stored -> outcome
/// ```
///
/// With transactions, `exactly_once.rs`, positions are produced like records, and a commit stands in place of storing them.
pub(super) struct Delivery {
    pub client: Client,
    pub producer: Producer,
    pub encoder: Encoder,
    pub errors: ErrorPolicy,
    pub creation: TopicCreation,
    pub positions: ConnectorOffsets,
    pub view: TaskView,
    pub orders: Orders,
    pub commit_interval: Duration,
    pub commit_timeout: Duration,
    /// If the task is exactly once.
    pub transacting: Option<Transacting>,
    pub(super) state: State,
}

#[derive(Default)]
pub(super) struct State {
    pub in_flight: InFlight,
    shares: BTreeMap<u64, Share>,
    storing: Option<Storing>,
    next_store: Option<Instant>,
    pub outcomes: VecDeque<(u64, Outcome)>,
    /// The batch with which sending ended.
    retracted: Option<(u64, Outcome)>,
    /// The batch that came no further than to the transforms.
    refused: Option<(u64, Outcome)>,
    /// Records and bytes that were handed to the producer since somebody asked.
    moved: (usize, usize),
}

/// Positions that are being stored, and the batches that they settle.
struct Storing {
    batches: Vec<u64>,
    stored: Pin<Box<dyn Future<Output = ()>>>,
}

impl Delivery {
    pub fn new(
        (client, producer): (Client, Producer),
        (encoder, errors, creation): (Encoder, ErrorPolicy, TopicCreation),
        (positions, view, orders): (ConnectorOffsets, TaskView, Orders),
        (commit_interval, commit_timeout): (Duration, Duration),
        transacting: Option<Transacting>,
    ) -> Delivery {
        let state = State::default();
        Delivery {
            client,
            producer,
            encoder,
            errors,
            creation,
            positions,
            view,
            orders,
            commit_interval,
            commit_timeout,
            transacting,
            state,
        }
    }

    /// Takes a batch in and hands its records to the producer, now or once the transaction is over that does not take it any more.
    /// `share` is the memory that it takes.
    pub async fn send(&mut self, batch: &mut SourceBatch, share: Share) -> Result<()> {
        match &mut self.transacting {
            Some(transacting) => match transacting.keep_waiting(batch, share) {
                Some(share) => self.send_in_transaction(batch, share).await,
                None => Ok(()),
            },
            None => self.take_in(batch, share).await.map(|_| ()),
        }
    }

    /// Returns how many bytes the records have become.
    pub(super) async fn take_in(&mut self, batch: &mut SourceBatch, mut share: Share) -> Result<usize> {
        let count = batch.records.len() as u32;
        let token = self.state.in_flight.admit(batch.id, count, std::mem::take(&mut batch.positions));
        let handed_over = self.hand_over(&batch.records, token).await;
        match &handed_over {
            Ok(bytes) => {
                self.state.in_flight.weigh(*bytes);
                share.shrink(*bytes);
                if self.state.in_flight.is_open(token) {
                    self.state.shares.insert(token, share);
                }
            }
            Err(error) => {
                let failed = Outcome::Failed(error.to_string());
                self.state.retracted = self.state.in_flight.retract().map(|batch| (batch, failed));
            }
        }
        self.view.moved(u64::from(count));
        self.state.moved.0 += batch.records.len();
        self.state.moved.1 += handed_over.as_ref().copied().unwrap_or(0);
        handed_over
    }

    /// How many records, and how many bytes of them, were handed to the producer since this was asked last.
    pub fn take_moved(&mut self) -> (usize, usize) {
        std::mem::take(&mut self.state.moved)
    }

    /// A batch ends before it is taken in.
    pub fn refuse(&mut self, batch: u64, outcome: Outcome) {
        self.state.refused = Some((batch, outcome));
    }

    /// Returns how many bytes the records have become.
    async fn hand_over(&mut self, records: &[SourceRecord], token: u64) -> Result<usize> {
        let (now, mut bytes) = (now_ms(), 0);
        for record in records {
            if self.transacting.is_some() && record.topic == *self.positions.topic() {
                return Err(into_offsets(&record.topic));
            }
            if !self.producer.knows(&record.topic) {
                self.creation.ensure(&self.client, &mut self.producer, &record.topic).await?;
            }
            let encoded = match self.encoder.encode(record) {
                Ok(encoded) => encoded,
                Err(why) if self.errors.tolerate => {
                    let what = format_args!("a record for {} was passed over: {why}", record.topic);
                    self.view.passed_over(self.errors.log, what);
                    self.state.in_flight.acknowledge(token, 1);
                    continue;
                }
                Err(why) => return Err(why),
            };
            bytes += encoded.size();
            let to_send = RecordToSend {
                partition: record.partition,
                timestamp: record.timestamp.unwrap_or(now),
                key: encoded.key,
                value: encoded.value,
                headers: &encoded.headers,
                token,
            };
            self.producer.append(&record.topic, &to_send).map_err(broken)?;
        }
        Ok(bytes)
    }

    /// Sends what is gathered without waiting for more. A transaction that ends after a batch ends with that, or a little later.
    pub fn flush(&mut self) -> Result<()> {
        let transaction = self.transacting.as_ref().map(|transacting| &transacting.transaction);
        match transaction {
            Some(transaction) if transaction.ends_when_idle(Instant::now()) => self.end_transaction(),
            Some(transaction) if !transaction.sends_before_its_end() => Ok(()),
            _ => self.producer.flush().map_err(broken),
        }
    }

    /// Whether requests are on their way to the log.
    pub fn is_sending(&self) -> bool {
        self.producer.is_sending()
    }

    /// Bytes that the log does not have yet.
    pub fn bytes(&self) -> usize {
        self.state.in_flight.bytes() + self.transacting.as_ref().map_or(0, Transacting::waiting_bytes)
    }

    /// The next outcome to tell.
    pub fn next_outcome(&mut self) -> Option<(u64, Outcome)> {
        self.state.outcomes.pop_front()
    }

    /// Waits for the next thing to happen on the way and deals with it. Dropping the future loses nothing. Afterwards batches that
    /// waited may be [taken up](Delivery::take_up).
    pub async fn step(&mut self) -> Result<()> {
        let due = match &self.transacting {
            Some(transacting) => transacting.transaction.ends_at(),
            None => self.store_due(),
        };
        tokio::select! {
            event = self.producer.event(), if self.producer.is_busy() => self.on_event(event),
            () = stored(&mut self.state.storing), if self.state.storing.is_some() => {
                self.on_stored();
                Ok(())
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if self.transacting.is_some() {
                    return self.end_transaction();
                }
                // A worker that was frozen must not set back what its successor has stored.
                self.orders.still_ours()?;
                self.store();
                Ok(())
            }
            else => std::future::pending().await,
        }
    }

    /// When positions are to be stored next; `None` while there is nothing to store or the last storing goes on.
    fn store_due(&mut self) -> Option<Instant> {
        if self.state.storing.is_some() || !self.state.in_flight.has_prefix() {
            return None;
        }
        Some(*self.state.next_store.get_or_insert_with(|| Instant::now() + self.commit_interval))
    }

    fn on_event(&mut self, event: ProducerEvent) -> Result<()> {
        match event {
            ProducerEvent::Acknowledged(acknowledged) => {
                for done in acknowledged {
                    if done.token == POSITIONS {
                        self.transacting
                            .iter_mut()
                            .for_each(|known| known.transaction.acknowledge_positions(done.records));
                    } else if self.state.in_flight.acknowledge(done.token, done.records) {
                        self.state.shares.remove(&done.token);
                    }
                }
                self.view.works(Trouble::Log);
                self.commit_if_whole()
            }
            ProducerEvent::Committed => {
                self.view.works(Trouble::Log);
                self.on_committed();
                Ok(())
            }
            ProducerEvent::Retrying(error) => {
                self.view.retrying(Trouble::Log, error.to_string());
                Ok(())
            }
            ProducerEvent::Failed(error) => Err(self.refused(error)),
        }
    }

    /// Begins to store the positions of the unbroken prefix.
    fn store(&mut self) {
        let Some(Prefix { batches, positions }) = self.state.in_flight.take_prefix() else { return };
        self.state.next_store = Some(Instant::now() + self.commit_interval);
        let (store, view, slow_after) = (self.positions.clone(), self.view.clone(), self.commit_timeout);
        let stored = Box::pin(async move { store_until_done(&store, &positions, &view, slow_after).await });
        self.state.storing = Some(Storing { batches, stored });
    }

    fn on_stored(&mut self) {
        if let Some(done) = self.state.storing.take() {
            self.state.outcomes.extend(done.batches.into_iter().map(|batch| (batch, Outcome::Delivered)));
        }
    }

    /// Delivers everything that is under way, stores its positions, and leaves an outcome for every batch. A task that has failed
    /// gives its transaction up instead. Returns what there is to say instead of the error with which it failed, if there is.
    pub async fn finish(&mut self, deadline: Instant, failed: bool) -> Option<Error> {
        let delivered = match self.transacting.is_some() {
            true if failed => Ok(Ok(())),
            true => tokio::time::timeout_at(deadline, self.commit_all()).await,
            false => tokio::time::timeout_at(deadline, self.deliver_all()).await,
        };
        let rest = match delivered {
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            _ => Outcome::Unknown,
        };
        let instead = self.give_up_transaction().await;
        let abandoned = self.state.storing.take().map(|storing| storing.batches).unwrap_or_default();
        let open = abandoned.into_iter().chain(self.state.in_flight.abandon());
        self.state.outcomes.extend(open.map(|batch| (batch, rest.clone())));
        self.state.outcomes.extend(self.state.retracted.take());
        let waiting = self.transacting.iter_mut().flat_map(Transacting::abandon);
        self.state.outcomes.extend(waiting.map(|batch| (batch, Outcome::Unknown)));
        self.state.outcomes.extend(self.state.refused.take());
        self.state.shares.clear();
        instead
    }

    async fn deliver_all(&mut self) -> Result<()> {
        self.flush()?;
        while !self.state.in_flight.is_empty() || self.state.storing.is_some() {
            if self.state.in_flight.has_prefix() {
                self.state.next_store = Some(Instant::now());
            }
            self.step().await?;
        }
        Ok(())
    }
}

async fn stored(storing: &mut Option<Storing>) {
    match storing {
        Some(storing) => storing.stored.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Positions must be stored before anything counts as delivered, so this goes on until they are.
async fn store_until_done(store: &ConnectorOffsets, positions: &[Position], view: &TaskView, slow_after: Duration) {
    let mut backoff = Backoff::default();
    loop {
        let mut storing = std::pin::pin!(store.store(positions));
        let stored = match tokio::time::timeout(slow_after, &mut storing).await {
            Ok(stored) => stored,
            Err(_) => {
                view.retrying(Trouble::Commit, format!("storing positions takes longer than {slow_after:?}"));
                storing.await
            }
        };
        match stored {
            Ok(()) => {
                view.works(Trouble::Commit);
                return;
            }
            Err(error) => view.retrying(Trouble::Commit, format!("cannot store positions: {error}")),
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

/// A record for the topic that its task's positions are in would look like a position.
fn into_offsets(topic: &str) -> Error {
    Error::fatal(format!("a record is for {topic}, the topic in which the task's own positions are kept"))
        .remedy("Let the connector write to another topic, or keep positions elsewhere with `offsets.storage.topic`.")
}

/// What the log refuses for good. A start anew helps where numbers have got out of step.
pub(super) fn broken(error: ClientError) -> Error {
    use broker_wire::ErrorCode;
    let (decided, remedy) = match error.code() {
        Some(ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE) => (
            Error::fatal("the log refuses a record or batch as too large"),
            "Raise `max.message.bytes` of the topic (and `message.max.bytes` of the log), or lower \
             `producer.override.batch.size`, then restart the task.",
        ),
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => {
            (Error::fatal("the log does not allow writing"), "Give the worker's user the right to write to the topic.")
        }
        _ => (Error::fail("cannot write to the log"), "The task starts again by itself from its stored position."),
    };
    decided.caused_by(error).remedy(remedy)
}
