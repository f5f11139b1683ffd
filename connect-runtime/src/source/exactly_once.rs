//! Exactly once: what a task writes, and the positions behind it, in transactions (KIP-618).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker_client::{Client, ClientError, Producer, ProducerConfig, TransactionalId};
use broker_wire::ErrorCode;
use connector_api::{Error, Outcome, Result, SourceBatch};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::delivery::{Delivery, POSITIONS, broken};
use super::run::POLL_BYTES;
use super::transaction::{Limits, Transaction};
use crate::task::Share;

/// How long giving a transaction up may take at the end of a task. The next task of the same id, or the log, does it as well.
const GIVE_UP_LIMIT: Duration = Duration::from_secs(1);

/// How a task is exactly once.
pub struct ExactlyOnce {
    /// Its transactional id.
    pub id: TransactionalId,
    /// When transactions end.
    pub limits: Limits,
    /// What the task wrote with last in this process.
    pub last: LastProducer,
    /// Asked once tasks before this one are fenced: whether the task is still wanted here.
    pub confirm: Confirm,
}

/// A question that is asked once.
pub type Confirm = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<()>>>> + Send>;

/// The id and epoch that a task wrote with last in this process, over its starts. A task that starts again by itself goes on from
/// there, so that it does not take its transactional id back from another instance that has taken it over meanwhile. One that is
/// started, or started again by a user, has none and takes it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LastProducer(Arc<Mutex<Option<(i64, i16)>>>);

impl LastProducer {
    /// The next start takes the transactional id, whoever has it.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }

    fn set(&self, identity: Option<(i64, i16)>) {
        *self.0.lock() = identity;
    }

    fn get(&self) -> Option<(i64, i16)> {
        *self.0.lock()
    }
}

/// Opens the producer of a task; fences those before it.
pub(super) async fn open(client: Client, config: ProducerConfig, how: &ExactlyOnce) -> Result<Producer> {
    let opened = Producer::resume_transactional(client.clone(), config, &how.id, how.last.get()).await;
    let opened = match opened {
        // The log forgets ids that nobody has used for days.
        Err(error) if error.code() == Some(ErrorCode::INVALID_PRODUCER_ID_MAPPING) => {
            Producer::open_transactional(client, config, &how.id).await
        }
        opened => opened,
    };
    let producer = opened.map_err(|why| unopened(&how.id, why))?;
    how.last.set(producer.identity());
    Ok(producer)
}

fn unopened(id: &TransactionalId, why: ClientError) -> Error {
    let error = match why.code() {
        _ if why.is_fenced() => return fenced(&id.id),
        Some(ErrorCode::INVALID_TRANSACTION_TIMEOUT) => {
            Error::bad_config("transaction.timeout.ms", "the log does not allow transactions to be open for so long")
                .remedy(
                    "Lower the producer's `transaction.timeout.ms`, or raise `transaction.max.timeout.ms` of the log.",
                )
        }
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED) => {
            Error::fatal(format!("the log does not allow the transactional id {}", id.id))
                .remedy("Give the worker's user the rights to write and describe it.")
        }
        _ => Error::fail("cannot reach the log"),
    };
    error.caused_by(why)
}

/// Somebody else writes under the task's id. It must not be taken back: two workers that each take it from the other would never
/// get anything done.
fn fenced(id: &str) -> Error {
    Error::fatal(format!("another instance of the task runs and has taken over its transactional id {id}")).remedy(
        "Nothing of it is lost or repeated. If no other worker runs it any more, restart the task. Workers of different herds on one \
         log need different `group.id`s.",
    )
}

fn timed_out(id: &TransactionalId) -> Error {
    let limit = id.timeout;
    Error::fail(format!("the log has aborted a transaction of {}, which was open for longer than {limit:?}", id.id)).remedy(
        "The task starts again by itself from its stored position. If the worker or the log stands still for so long, raise the \
         producer's `transaction.timeout.ms`.",
    )
}

/// What a delivery in transactions holds beside one without.
pub struct Transacting {
    pub(super) transaction: Transaction,
    id: TransactionalId,
    last: LastProducer,
    /// Batches that came after the transaction was ended, with the memory that they take.
    waiting: VecDeque<(SourceBatch, Share)>,
    /// What there is has to be committed soon.
    hurried: bool,
    /// The log has told the producer that it is fenced.
    fenced: bool,
}

impl Transacting {
    pub fn new(how: ExactlyOnce) -> Transacting {
        let transaction = Transaction::new(how.limits);
        let (id, last) = (how.id, how.last);
        Transacting { transaction, id, last, waiting: VecDeque::new(), hurried: false, fenced: false }
    }

    /// Keeps a batch if it has to wait for the next transaction; gives its share back if not.
    pub fn keep_waiting(&mut self, batch: &mut SourceBatch, share: Share) -> Option<Share> {
        if self.transaction.takes_batches() && self.waiting.is_empty() {
            return Some(share);
        }
        let kept = SourceBatch {
            id: batch.id,
            records: std::mem::take(&mut batch.records),
            positions: std::mem::take(&mut batch.positions),
        };
        self.waiting.push_back((kept, share));
        None
    }

    /// Bytes of the batches that wait, about: as many as were set aside for them.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.len() * POLL_BYTES
    }

    /// Takes out the ids of the batches that wait.
    pub fn abandon(&mut self) -> Vec<u64> {
        self.waiting.drain(..).map(|(batch, _)| batch.id).collect()
    }
}

impl Delivery {
    /// Takes a batch into the transaction.
    pub(super) async fn send_in_transaction(&mut self, batch: &mut SourceBatch, share: Share) -> Result<()> {
        let Some(transacting) = &mut self.transacting else { return Ok(()) };
        if transacting.transaction.begin(Instant::now()) {
            self.producer.begin().map_err(broken)?;
        }
        let taken = self.take_in(batch, share).await;
        let Some(Transacting { transaction, .. }) = &mut self.transacting else { return Ok(()) };
        match taken {
            Ok(bytes) if transaction.took(bytes, &self.state.in_flight) => self.end_transaction(),
            Ok(_) => Ok(()),
            Err(error) => {
                transaction.tear();
                Err(error)
            }
        }
    }

    /// Takes in the batches that waited for the end of a transaction, if it is over. True if there were some.
    pub async fn take_up(&mut self) -> Result<bool> {
        let mut some = false;
        while let Some(transacting) = &mut self.transacting
            && transacting.transaction.takes_batches()
            && let Some((mut batch, share)) = transacting.waiting.pop_front()
        {
            some = true;
            self.send_in_transaction(&mut batch, share).await?;
        }
        if some && self.transacting.as_ref().is_some_and(|transacting| transacting.hurried) {
            self.end_transaction()?;
        }
        Ok(some)
    }

    /// Has everything that is there sent, and committed, as soon as that goes; as long as there is a hurry.
    pub fn hurry(&mut self, hurried: bool) -> Result<()> {
        let Some(transacting) = &mut self.transacting else {
            return if hurried { self.flush() } else { Ok(()) };
        };
        transacting.hurried = hurried;
        if hurried { self.end_transaction() } else { Ok(()) }
    }

    /// Ends the transaction, if one is open: its positions are written into it.
    pub(super) fn end_transaction(&mut self) -> Result<()> {
        let Some(transacting) = &mut self.transacting else { return Ok(()) };
        let Some(positions) = transacting.transaction.end(&self.state.in_flight, Instant::now()) else { return Ok(()) };
        let topic = self.positions.topic().clone();
        for entry in self.positions.entries(&positions) {
            self.producer.append(&topic, &entry.to_send(POSITIONS)).map_err(broken)?;
        }
        self.producer.flush().map_err(broken)?;
        self.commit_if_whole()
    }

    /// Begins to commit once the log has all of a transaction that is ended.
    pub(super) fn commit_if_whole(&mut self) -> Result<()> {
        let Some(transacting) = &mut self.transacting else { return Ok(()) };
        if transacting.transaction.commit(&self.state.in_flight) {
            self.producer.start_commit().map_err(broken)?;
        }
        Ok(())
    }

    pub(super) fn on_committed(&mut self) {
        let Some(transacting) = &mut self.transacting else { return };
        let settled = transacting.transaction.committed(&mut self.state.in_flight);
        self.positions.copy(&settled.positions);
        self.state.outcomes.extend(settled.batches.into_iter().map(|batch| (batch, Outcome::Delivered)));
    }

    /// What the log refuses for good.
    pub(super) fn refused(&mut self, error: ClientError) -> Error {
        match &mut self.transacting {
            Some(transacting) if error.is_fenced() => {
                transacting.fenced = true;
                fenced(&transacting.id.id).caused_by(error)
            }
            _ => broken(error),
        }
    }

    /// Commits everything that is there.
    pub(super) async fn commit_all(&mut self) -> Result<()> {
        self.hurry(true)?;
        self.take_up().await?;
        while !self.state.in_flight.is_empty() || self.bytes() > 0 {
            self.step().await?;
            self.take_up().await?;
        }
        Ok(())
    }

    /// Has the log abort what is open, and finds out what being fenced means: that another instance runs, or that a transaction took
    /// too long.
    pub(super) async fn give_up_transaction(&mut self) -> Option<Error> {
        let Some(transacting) = &mut self.transacting else { return None };
        if transacting.transaction.is_idle() && !transacting.fenced {
            return None;
        }
        match tokio::time::timeout(GIVE_UP_LIMIT, self.producer.retire()).await {
            Ok(Ok(next)) => {
                transacting.last.set(Some(next));
                transacting.fenced.then(|| timed_out(&transacting.id))
            }
            Ok(Err(why)) if why.is_fenced() => Some(fenced(&transacting.id.id)),
            Ok(Err(why)) => {
                tracing::warn!(id = transacting.id.id, error = %why, "a transaction is left for the log to abort");
                None
            }
            Err(_) => None,
        }
    }
}
