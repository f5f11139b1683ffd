//! The shell around transactions: steps that are written down before they count, timers, and who waits for an end.

use std::collections::HashMap;
use std::sync::Arc;

use broker_wire::ErrorCode;
use broker_wire::records::{ControlType, check_batch};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::ending::finish;
use super::journal::entry;
use super::transaction::{Ended, Init, Phase, Started, Summary, TopicPartition, Transaction};
use crate::clock::{Clock, Timed};
use crate::groups::coordinator::Coordinator;
use crate::log::committer::Ticket;
use crate::producer_ids::ProducerIds;
use crate::topics::Registry;
use crate::topics::name::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};

/// Transactional ids at a time; a client that makes up names shall not fill the memory.
pub const MAX_IDS: usize = 100_000;
/// Longest transactional id, in bytes.
pub const MAX_ID: usize = 1000;
/// How often ids that nobody uses any more are looked for, in ms.
const SWEEP_MS: i64 = 60 * 60 * 1000;
/// How long a step that could not be written down waits for the next attempt, in ms.
const RETRY_MS: i64 = 1000;

/// Settings of the coordinator.
#[derive(Debug, Clone, Copy)]
pub struct TransactionLimits {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// Partitions of `__transaction_state`, used when it is created.
    pub journal_partitions: u32,
}

/// Told how the end of a transaction went.
pub(super) type Waiter = oneshot::Sender<Result<(), ErrorCode>>;

/// A transactional id.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) transaction: Transaction,
    /// When an open transaction is aborted, in ms since the start.
    pub(super) deadline: Option<i64>,
    /// Its last step is safe when this is durable.
    pub(super) written: Ticket,
    /// Who waits for the markers.
    pub(super) waiting: Vec<Waiter>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) by_id: HashMap<Arc<str>, Known>,
    /// When the timer wakes next, in ms.
    timer: Option<i64>,
    /// When unused ids are looked for next, in ms.
    sweep: i64,
}

/// A producer that asked for an id gets it, or has to wait until what was open is ended.
pub enum Next {
    /// Id and epoch, true once the ticket is durable.
    Ready((i64, i16), Ticket),
    /// Ask again after this.
    After(oneshot::Receiver<Result<(), ErrorCode>>),
}

/// Partitions that are being added to a transaction.
#[derive(Debug)]
pub struct Adding {
    id: Arc<str>,
    producer: (i64, i16),
    partitions: Vec<TopicPartition>,
    safe: Ticket,
}

/// The transactions of this broker.
#[derive(Debug)]
pub struct TransactionCoordinator {
    pub(super) limits: TransactionLimits,
    pub(super) clock: Clock,
    pub(super) registry: Arc<Registry>,
    pub(super) groups: Arc<Coordinator>,
    pub(super) producer_ids: Arc<ProducerIds>,
    /// Where transactions are ended.
    pub(super) runtime: Handle,
    pub(super) state: Mutex<State>,
    pub(super) earlier: Notify,
}

impl TransactionCoordinator {
    /// True if transactions can be served: the journal is there, or can be made.
    pub fn is_available(&self, id: &str) -> bool {
        self.registry.journal(TRANSACTIONS_TOPIC, self.limits.journal_partitions, id).is_some()
    }

    /// A producer asks for the id and epoch to write with; producers before it are fenced.
    ///
    /// # Errors
    /// The code that tells the producer what is wrong.
    pub fn init(self: &Arc<Self>, id: &str, init: Init) -> Result<Next, ErrorCode> {
        if !(1..=self.limits.max_timeout_ms).contains(&init.timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        let mut state = self.state.lock();
        let Some(known) = state.by_id.get_mut(id) else {
            self.make_room(&mut state)?;
            let next = Transaction::new(self.fresh_id()?, init);
            return self.step(&mut state, &id.into(), next).map(|(producer, ticket)| Next::Ready(producer, ticket));
        };
        match known.transaction.init(init, || self.fresh_id()) {
            Ok(Started::Ready(next)) => {
                self.step(&mut state, &id.into(), next).map(|(producer, ticket)| Next::Ready(producer, ticket))
            }
            Ok(Started::AbortFirst(next)) => self.decide(&mut state, &id.into(), next).map(Next::After),
            Err(ErrorCode::CONCURRENT_TRANSACTIONS) => {
                let (sender, receiver) = oneshot::channel();
                // Whoever hung up does not wait any more.
                known.waiting.retain(|waiter| !waiter.is_closed());
                known.waiting.push(sender);
                Ok(Next::After(receiver))
            }
            Err(error) => Err(error),
        }
    }

    /// Adds partitions to the transaction of a producer (id and epoch); [`added`](Self::added) says when it may write to them. The
    /// partitions have to be there.
    ///
    /// # Errors
    /// The code that tells the producer what is wrong; nothing was added.
    pub fn add(
        &self,
        id: &str,
        producer: (i64, i16),
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<Adding, ErrorCode> {
        let partitions: Vec<_> = partitions.into_iter().collect();
        let mut state = self.state.lock();
        let known = state.by_id.get(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let adding = |safe| Adding { id: id.into(), producer, partitions: partitions.clone(), safe };
        let Some(next) = known.transaction.add(producer, partitions.iter().cloned(), self.clock.wall_ms())? else {
            return Ok(adding(known.written.clone()));
        };
        let begins = known.transaction.is_idle();
        let deadline = self.clock.now_ms() + i64::from(next.timeout_ms);
        let (_, ticket) = self.step(&mut state, &id.into(), next)?;
        if let Some(known) = state.by_id.get_mut(id).filter(|_| begins) {
            known.deadline = Some(deadline);
            self.wake_by(&mut state, deadline);
        }
        Ok(adding(ticket))
    }

    /// As [`add`](Self::add), for the offsets of a group.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_offsets(&self, id: &str, producer: (i64, i16), group: &str) -> Result<Adding, ErrorCode> {
        let partition = self.groups.journal_partition(group).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.add(id, producer, [(OFFSETS_TOPIC.to_owned(), partition)])
    }

    /// Returns once the partitions belong to the transaction for good, and may be written to. Not before: if a power cut took the
    /// journal's record and left a batch, the batch would seem to be one of the transaction before.
    ///
    /// # Errors
    /// The log folder failed first.
    pub async fn added(&self, adding: Adding) -> Result<(), ErrorCode> {
        adding.safe.durable().await.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let state = self.state.lock();
        let Some(known) = state.by_id.get(&adding.id) else { return Ok(()) };
        let transaction = &known.transaction;
        if transaction.phase == Phase::Ongoing && (transaction.producer_id, transaction.epoch) == adding.producer {
            let still = adding.partitions.iter().filter(|at| transaction.partitions.contains(at));
            still.for_each(|at| self.announce(adding.producer, at));
        }
        Ok(())
    }

    /// A producer (id and epoch) commits or aborts. What comes back is told when the markers are written; `None` if it was ended
    /// that way already.
    ///
    /// # Errors
    /// The code that tells the producer what is wrong; nothing was decided.
    pub fn end(
        self: &Arc<Self>,
        id: &str,
        producer: (i64, i16),
        outcome: ControlType,
    ) -> Result<Option<oneshot::Receiver<Result<(), ErrorCode>>>, ErrorCode> {
        let mut state = self.state.lock();
        let known = state.by_id.get(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        match known.transaction.end(producer, outcome, self.clock.wall_ms())? {
            Ended::Done => Ok(None),
            Ended::Decided(next) => self.decide(&mut state, &id.into(), next).map(Some),
        }
    }

    /// A copy of a transaction.
    pub fn describe(&self, id: &str) -> Option<Transaction> {
        self.state.lock().by_id.get(id).map(|known| known.transaction.clone())
    }

    /// Every transactional id, sorted, and how it stands.
    pub fn list(&self) -> Vec<(Arc<str>, Summary)> {
        let state = self.state.lock();
        let mut list: Vec<_> =
            state.by_id.iter().map(|(id, known)| (id.clone(), known.transaction.summary())).collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    }

    fn time_out(self: &Arc<Self>, state: &mut State, id: &Arc<str>) {
        let Some(known) = state.by_id.get_mut(id) else { return };
        known.deadline = None;
        let Some(next) = known.transaction.time_out(self.clock.wall_ms()) else { return };
        tracing::warn!(
            transactional_id = &**id,
            timeout_ms = next.timeout_ms,
            "transaction aborted: its producer has not ended it in time"
        );
        if self.decide(state, id, next).is_err()
            && let Some(known) = state.by_id.get_mut(id)
        {
            known.deadline = Some(self.clock.now_ms() + RETRY_MS);
        }
    }

    pub(super) fn wake_by(&self, state: &mut State, deadline: i64) {
        if state.timer.is_none_or(|timer| deadline < timer) {
            state.timer = Some(deadline);
            self.earlier.notify_one();
        }
    }

    fn fresh_id(&self) -> Result<i64, ErrorCode> {
        self.producer_ids.next().map_err(|error| {
            tracing::warn!(%error, "no producer id could be given");
            ErrorCode::COORDINATOR_NOT_AVAILABLE
        })
    }

    /// Writes a step down and makes it so; gives the producer's id and epoch.
    pub(super) fn step(
        &self,
        state: &mut State,
        id: &Arc<str>,
        next: Transaction,
    ) -> Result<((i64, i16), Ticket), ErrorCode> {
        let ticket = self.write(id, Some(&next))?;
        let producer = (next.producer_id, next.epoch);
        match state.by_id.get_mut(id) {
            Some(known) => (known.transaction, known.written) = (next, ticket.clone()),
            None => {
                let known = Known { transaction: next, deadline: None, written: ticket.clone(), waiting: Vec::new() };
                state.by_id.insert(id.clone(), known);
            }
        }
        Ok((producer, ticket))
    }

    /// Writes a decision down, and has it carried out once it is durable.
    fn decide(
        self: &Arc<Self>,
        state: &mut State,
        id: &Arc<str>,
        next: Transaction,
    ) -> Result<oneshot::Receiver<Result<(), ErrorCode>>, ErrorCode> {
        let (_, ticket) = self.step(state, id, next)?;
        let (sender, receiver) = oneshot::channel();
        if let Some(known) = state.by_id.get_mut(id) {
            known.deadline = None;
            known.waiting.push(sender);
        }
        self.runtime.spawn(finish(Arc::downgrade(self), id.clone(), ticket));
        Ok(receiver)
    }

    /// Writes to the journal; `None` forgets the id.
    pub(super) fn write(&self, id: &str, transaction: Option<&Transaction>) -> Result<Ticket, ErrorCode> {
        let unavailable = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        let log = self.registry.journal(TRANSACTIONS_TOPIC, self.limits.journal_partitions, id).ok_or(unavailable)?;
        let now_ms = self.clock.wall_ms();
        let batch = entry(id, transaction, now_ms).map_err(|_| ErrorCode::INVALID_REQUEST)?;
        let header = check_batch(&batch).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let appended = log.append(&batch, &header, now_ms).map_err(|error| {
            tracing::warn!(transactional_id = id, %error, "transaction could not be written down");
            unavailable
        })?;
        Ok(appended.ticket)
    }

    fn make_room(&self, state: &mut State) -> Result<(), ErrorCode> {
        if state.by_id.len() >= MAX_IDS {
            self.forget_unused(state);
        }
        if state.by_id.len() < MAX_IDS {
            return Ok(());
        }
        tracing::warn!(
            ids = MAX_IDS,
            "no more transactional ids are taken: use fewer, or a lower transactional.id.expiration.ms"
        );
        Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)
    }

    /// Forgets ids that nobody has used for long.
    fn forget_unused(&self, state: &mut State) {
        let before = self.clock.wall_ms() - self.limits.id_expiration_ms;
        let unused = |known: &Known| known.transaction.is_idle() && known.transaction.updated_ms < before;
        let unused: Vec<Arc<str>> =
            state.by_id.iter().filter(|(_, known)| unused(known)).map(|(id, _)| id.clone()).collect();
        for id in unused {
            if self.write(&id, None).is_err() {
                return;
            }
            state.by_id.remove(&id);
        }
    }
}

impl Timed for TransactionCoordinator {
    fn tick(self: &Arc<Self>) -> Option<i64> {
        let mut state = self.state.lock();
        let now = self.clock.now_ms();
        let due = |known: &Known| known.deadline.is_some_and(|deadline| deadline <= now);
        let due: Vec<Arc<str>> = state.by_id.iter().filter(|(_, known)| due(known)).map(|(id, _)| id.clone()).collect();
        for id in due {
            self.time_out(&mut state, &id);
        }
        if state.sweep <= now {
            state.sweep = now + SWEEP_MS;
            self.forget_unused(&mut state);
        }
        let deadlines = state.by_id.values().filter_map(|known| known.deadline);
        state.timer = deadlines.chain([state.sweep]).min();
        state.timer
    }

    async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
