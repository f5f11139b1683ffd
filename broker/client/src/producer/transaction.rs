//! Transactions of a producer (KIP-98): begin, commit, abort.
//!
//! Partitions are added to the transaction when the first batch for them is to be sent. After an abort the producer goes on in
//! a new epoch (KIP-360), so that nothing of what was given up can reach the log any more, and numbers its records from 0.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::StreamExt;

use super::coordinator::Asking;
use super::run::{Done, Producer, ProducerEvent};
use super::topics::PartitionState;
use crate::error::{ClientError, Result};

/// Under which id a producer writes in transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionalId {
    /// The id. A producer fences those before it with the same id.
    pub id: String,
    /// How long the log lets a transaction be open before it aborts it; the log has a limit, 15 minutes without another.
    pub timeout: Duration,
}

/// Where a producer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Open,
    /// A commit was asked for, and its answer is not known.
    Committing,
    /// What was written is being given up.
    Aborting,
}

/// The transaction of a producer.
pub(super) struct Transaction {
    pub asking: Asking,
    timeout: Duration,
    phase: Phase,
    /// Partitions that belong to it, as topic and partition stand in the producer.
    pub added: HashSet<(usize, usize)>,
    /// Partitions are being added.
    pub adding: bool,
    /// A commit that was started and whose outcome comes as an event.
    started: Option<Started>,
}

/// A commit that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    /// The coordinator is to be asked.
    Waiting,
    /// It has been asked.
    Asked,
}

impl Transaction {
    pub fn new(asking: Asking, timeout: Duration) -> Transaction {
        Transaction { asking, timeout, phase: Phase::Idle, added: HashSet::new(), adding: false, started: None }
    }

    /// Whether records may be written now.
    pub fn check_open(&self) -> Result<()> {
        match self.phase {
            Phase::Open => Ok(()),
            _ => Err(self.misused("there is no open transaction to write in: begin one")),
        }
    }

    fn misused(&self, why: &str) -> ClientError {
        ClientError::Transaction(format!("transactional id {}: {why}", self.asking.id))
    }
}

fn not_transactional() -> ClientError {
    ClientError::Transaction("the producer has no transactional id".to_owned())
}

impl Producer {
    /// Begins a transaction: what is appended from now on is a part of it.
    ///
    /// # Errors
    /// The producer has no transactional id, or a transaction that is not over.
    pub fn begin(&mut self) -> Result<()> {
        let transaction = self.transaction.as_mut().ok_or_else(not_transactional)?;
        if transaction.phase != Phase::Idle {
            return Err(transaction.misused("the last transaction is not over: commit or abort it"));
        }
        transaction.phase = Phase::Open;
        Ok(())
    }

    /// Commits. Everything that was appended has to be acknowledged: [`flush`](Self::flush), then take events until the
    /// producer is not [busy](Self::is_busy). On return the log holds the decision durably.
    ///
    /// # Errors
    /// A [retriable](ClientError::is_retriable) one leaves open whether the transaction is committed: call this again. After
    /// any other the producer is of no more use, in particular after one that says that it is
    /// [fenced](ClientError::is_fenced). Only one that says that the call came at the wrong time changes nothing.
    pub async fn commit(&mut self) -> Result<()> {
        let producer = self.producer();
        let transaction = self.may_commit()?;
        if !transaction.added.is_empty() {
            transaction.phase = Phase::Committing;
            transaction.asking.end(producer, true).await?;
        }
        transaction.added.clear();
        transaction.phase = Phase::Idle;
        Ok(())
    }

    /// Begins to commit, and leaves the waiting to [`event`](Self::event), which tells
    /// [`Committed`](ProducerEvent::Committed). Whatever is retriable is tried again until then. As for
    /// [`commit`](Self::commit), everything has to be acknowledged. Nothing is asked of the log for an empty transaction.
    ///
    /// # Errors
    /// The call came at the wrong time; nothing has changed.
    pub fn start_commit(&mut self) -> Result<()> {
        let transaction = self.may_commit()?;
        if transaction.started.is_none() {
            (transaction.phase, transaction.started) = (Phase::Committing, Some(Started::Waiting));
            self.ask_to_commit();
        }
        Ok(())
    }

    fn may_commit(&mut self) -> Result<&mut Transaction> {
        let busy = self.is_busy() || self.has_unsent();
        let transaction = self.transaction.as_mut().ok_or_else(not_transactional)?;
        match transaction.phase {
            Phase::Open if busy => {
                Err(transaction.misused("not everything is acknowledged: flush, and take events until it is"))
            }
            Phase::Open | Phase::Committing => Ok(transaction),
            Phase::Idle | Phase::Aborting => Err(transaction.misused("there is no transaction to commit")),
        }
    }

    /// Ends the producer's use: whatever it left open is aborted. Returns id and epoch with which the same owner may
    /// [go on](Producer::resume_transactional).
    ///
    /// # Errors
    /// One that says that the producer is [fenced](ClientError::is_fenced): another one has taken its transactional id over. That
    /// tells such a producer from one whose transaction the log has ended because it took too long.
    pub async fn retire(&mut self) -> Result<(i64, i16)> {
        let producer = self.producer();
        // What is still on its way carries an epoch that ends here.
        self.underway.clear();
        let transaction = self.transaction.as_mut().ok_or_else(not_transactional)?;
        let next = transaction.asking.init(transaction.timeout, Some(producer)).await?;
        (transaction.phase, transaction.started) = (Phase::Idle, None);
        transaction.added.clear();
        self.discard(next);
        Ok(next)
    }

    /// Gives up what was appended since [`begin`](Self::begin), sent or not. Nothing more is told of it.
    ///
    /// # Errors
    /// A [retriable](ClientError::is_retriable) one: call this again. After any other the producer is of no more use.
    pub async fn abort(&mut self) -> Result<()> {
        let producer = self.producer();
        let transaction = self.transaction.as_mut().ok_or_else(not_transactional)?;
        match transaction.phase {
            Phase::Open | Phase::Aborting => transaction.phase = Phase::Aborting,
            Phase::Idle => return Ok(()),
            Phase::Committing => {
                return Err(transaction
                    .misused("a commit is under way and may have succeeded: commit again, or open another producer"));
            }
        }
        self.wait_for_answers().await;
        let transaction = self.transaction.as_mut().ok_or_else(not_transactional)?;
        if !transaction.added.is_empty() {
            match transaction.asking.end(producer, false).await {
                // The log may have aborted it by itself because it took too long. The next step tells that from another producer.
                Err(error) if error.is_retriable() => return Err(error),
                _ => transaction.added.clear(),
            }
        }
        let next = transaction.asking.init(transaction.timeout, Some(producer)).await?;
        transaction.phase = Phase::Idle;
        self.discard(next);
        Ok(())
    }
}

impl Producer {
    /// Whether a commit was started and its outcome is not known.
    pub(super) fn is_committing(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.started.is_some())
    }

    /// Asks the coordinator for a commit that was started, unless it has been asked or there is a pause.
    pub(super) fn ask_to_commit(&mut self) {
        let (producer, paused) = (self.producer(), self.paused_until.is_some());
        let Some(transaction) = self.transaction.as_mut().filter(|known| known.started == Some(Started::Waiting))
        else {
            return;
        };
        if paused {
            return;
        }
        transaction.started = Some(Started::Asked);
        let (asking, empty) = (transaction.asking.clone(), transaction.added.is_empty());
        let ended = async move { Done::Ended(if empty { Ok(()) } else { asking.end(producer, true).await }) };
        self.underway.push(Box::pin(ended));
    }

    pub(super) fn ended(&mut self, ended: Result<()>) -> Option<ProducerEvent> {
        let transaction = self.transaction.as_mut()?;
        match ended {
            Ok(()) => {
                (transaction.phase, transaction.started) = (Phase::Idle, None);
                transaction.added.clear();
                self.backoff.reset();
                Some(ProducerEvent::Committed)
            }
            Err(error) if error.is_retriable() => {
                transaction.started = Some(Started::Waiting);
                self.pause();
                Some(ProducerEvent::Retrying(error))
            }
            Err(error) => {
                transaction.started = None;
                Some(ProducerEvent::Failed(error))
            }
        }
    }

    /// Id and epoch of the producer.
    fn producer(&self) -> (i64, i16) {
        self.filling.producer.unwrap_or((-1, -1))
    }

    /// Whether a batch is still being filled.
    fn has_unsent(&self) -> bool {
        self.topics.all.iter().flat_map(|topic| &topic.partitions).any(PartitionState::is_filling)
    }

    /// Takes the answers to all that was sent, sends nothing more, and tells nothing.
    async fn wait_for_answers(&mut self) {
        while self.is_sending() || self.transaction.as_ref().is_some_and(|transaction| transaction.adding) {
            match self.underway.next().await {
                Some(done) => drop(self.on_done(done)),
                None => return,
            }
        }
    }

    /// Forgets all records, and goes on with another id or epoch.
    fn discard(&mut self, producer: (i64, i16)) {
        self.filling.producer = Some(producer);
        self.topics.all.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(PartitionState::discard);
        self.queued = 0;
        self.paused_until = None;
        self.backoff.reset();
    }

    /// Has partitions added to the transaction before the first batch goes out to them.
    pub(super) fn add_to_transaction(&mut self, partitions: Vec<(usize, usize)>) {
        let producer = self.producer();
        let Some(transaction) = self.transaction.as_mut().filter(|known| !known.adding && !partitions.is_empty())
        else {
            return;
        };
        transaction.adding = true;
        let asking = transaction.asking.clone();
        let name = |topic: usize| self.topics.all[topic].name.clone();
        let named: Vec<_> = partitions.iter().map(|(topic, index)| (name(*topic), *index as i32)).collect();
        self.underway.push(Box::pin(async move { Done::Added(partitions, asking.add(producer, &named).await) }));
    }

    pub(super) fn added(&mut self, partitions: Vec<(usize, usize)>, added: Result<()>) -> Option<ProducerEvent> {
        let transaction = self.transaction.as_mut()?;
        transaction.adding = false;
        match added {
            Ok(()) => {
                transaction.added.extend(partitions);
                None
            }
            Err(error) if error.is_retriable() => {
                self.pause();
                Some(ProducerEvent::Retrying(error))
            }
            Err(error) => Some(ProducerEvent::Failed(error)),
        }
    }
}
