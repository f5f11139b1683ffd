//! The state machine of one transactional id (KIP-98, KIP-360): pure. Each step takes the state and gives the next one, which its
//! caller writes down before it makes it so.

use std::collections::BTreeSet;

use broker_wire::ErrorCode;
use broker_wire::records::ControlType;

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// Epochs of a producer id up to this one are given out; the one after it only fences.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// Where a transactional id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has an id and an epoch, and no transaction yet.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// It is decided; the markers are being written.
    Prepared(ControlType),
    /// The markers are written.
    Complete(ControlType),
}

impl Phase {
    /// Every phase with Kafka's number and name of it.
    pub const ALL: [(Self, i8, &'static str); 6] = [
        (Self::Empty, 0, "Empty"),
        (Self::Ongoing, 1, "Ongoing"),
        (Self::Prepared(ControlType::Commit), 2, "PrepareCommit"),
        (Self::Prepared(ControlType::Abort), 3, "PrepareAbort"),
        (Self::Complete(ControlType::Commit), 4, "CompleteCommit"),
        (Self::Complete(ControlType::Abort), 5, "CompleteAbort"),
    ];

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(phase, ..)| *phase == self).map_or("", |(_, _, name)| name)
    }
}

/// A transactional id, its producer and its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Id of the producer.
    pub producer_id: i64,
    /// The epoch in force: older ones are fenced.
    pub epoch: i16,
    /// The epoch that the same producer had before: it may ask for its next one again (KIP-360).
    pub previous_epoch: Option<i16>,
    /// How long in ms a transaction may stay open.
    pub timeout_ms: i32,
    /// Where it stands.
    pub phase: Phase,
    /// The partitions that belong to the transaction, while it is open or being ended.
    pub partitions: BTreeSet<TopicPartition>,
    /// When the transaction began, in ms since 1970.
    pub started_ms: Option<i64>,
    /// When this last changed, in ms since 1970.
    pub updated_ms: i64,
}

/// What a list of transactions says of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Id of the producer.
    pub producer_id: i64,
    /// Where it stands.
    pub phase: Phase,
    /// When the transaction began, in ms since 1970.
    pub started_ms: Option<i64>,
}

/// Who asks for an id: the epoch that it wants to go on from, if it had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init {
    /// How long in ms its transactions may stay open.
    pub timeout_ms: i32,
    /// Id and epoch that the producer had (KIP-360); `None` for a new producer, which fences all before it.
    pub had: Option<(i64, i16)>,
    /// The time, in ms since 1970.
    pub now_ms: i64,
}

/// What becomes of a request for an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// This is the next state, to be answered.
    Ready(Transaction),
    /// A transaction is open: this is its abort, after which the request is made again.
    AbortFirst(Transaction),
}

/// What becomes of a request to end a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// This is the decision.
    Decided(Transaction),
    /// It has been ended that way already.
    Done,
}

impl Transaction {
    /// A new transactional id with a producer id that nobody had before.
    pub fn new(producer_id: i64, init: Init) -> Self {
        Self {
            producer_id,
            epoch: 0,
            previous_epoch: None,
            timeout_ms: init.timeout_ms,
            phase: Phase::Empty,
            partitions: BTreeSet::new(),
            started_ms: None,
            updated_ms: init.now_ms,
        }
    }

    /// A producer asks for the id. `fresh_id` is a producer id that nobody had before, asked for if the epochs of this one are used
    /// up.
    ///
    /// # Errors
    /// PRODUCER_FENCED: a later producer has taken over. CONCURRENT_TRANSACTIONS: the last transaction is being ended.
    pub fn init(&self, init: Init, fresh_id: impl FnOnce() -> Result<i64, ErrorCode>) -> Result<Started, ErrorCode> {
        let repeats = match init.had {
            Some((id, _)) if id != self.producer_id => return Err(ErrorCode::PRODUCER_FENCED),
            Some((_, epoch)) if epoch == self.epoch => false,
            Some((_, epoch)) if Some(epoch) == self.previous_epoch => true,
            Some(_) => return Err(ErrorCode::PRODUCER_FENCED),
            None => false,
        };
        match self.phase {
            Phase::Prepared(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Ongoing if repeats => return Err(ErrorCode::PRODUCER_FENCED),
            Phase::Ongoing => return Ok(Started::AbortFirst(self.fence(init.had.is_some(), init.now_ms))),
            Phase::Empty | Phase::Complete(_) => {}
        }
        let mut next = Self { timeout_ms: init.timeout_ms, updated_ms: init.now_ms, ..self.clone() };
        (next.phase, next.started_ms) = (Phase::Empty, None);
        if repeats && self.epoch <= LAST_EPOCH {
            return Ok(Started::Ready(next));
        }
        next.previous_epoch = init.had.map(|(_, epoch)| epoch);
        if self.epoch < LAST_EPOCH {
            next.epoch = self.epoch + 1;
        } else {
            (next.producer_id, next.epoch) = (fresh_id()?, 0);
            next.previous_epoch = None;
        }
        Ok(Started::Ready(next))
    }

    /// Aborts an open transaction in a new epoch. `same` says that its producer may go on in that one.
    fn fence(&self, same: bool, now_ms: i64) -> Self {
        Self {
            phase: Phase::Prepared(ControlType::Abort),
            epoch: self.epoch.saturating_add(1),
            previous_epoch: same.then_some(self.epoch),
            updated_ms: now_ms,
            ..self.clone()
        }
    }

    /// Aborts a transaction that was open for too long. Its producer is fenced, but may ask for the new epoch; `None` if there is
    /// no open transaction.
    pub fn time_out(&self, now_ms: i64) -> Option<Self> {
        (self.phase == Phase::Ongoing).then(|| self.fence(true, now_ms))
    }

    /// Partitions are added to the transaction, which begins with the first. `None` if all of them belong to it already.
    ///
    /// # Errors
    /// The producer is not the one in force, or the last transaction is being ended.
    pub fn add(
        &self,
        producer: (i64, i16),
        partitions: impl IntoIterator<Item = TopicPartition>,
        now_ms: i64,
    ) -> Result<Option<Self>, ErrorCode> {
        self.check(producer)?;
        let ongoing = match self.phase {
            Phase::Prepared(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Ongoing => true,
            Phase::Empty | Phase::Complete(_) => false,
        };
        let mut new = partitions.into_iter().filter(|at| !ongoing || !self.partitions.contains(at)).peekable();
        if new.peek().is_none() {
            return Ok(None);
        }
        let mut next = Self { phase: Phase::Ongoing, updated_ms: now_ms, ..self.clone() };
        if !ongoing {
            (next.started_ms, next.partitions) = (Some(now_ms), BTreeSet::new());
            // Who has begun a transaction knows its epoch.
            next.previous_epoch = None;
        }
        next.partitions.extend(new);
        Ok(Some(next))
    }

    /// The producer commits or aborts. One whose transaction was aborted because it took too long may still abort it.
    ///
    /// # Errors
    /// The producer is not the one in force, there is no transaction, or it is being ended.
    pub fn end(&self, producer: (i64, i16), outcome: ControlType, now_ms: i64) -> Result<Ended, ErrorCode> {
        let late = outcome == ControlType::Abort
            && producer.0 == self.producer_id
            && self.previous_epoch == Some(producer.1)
            && matches!(self.phase, Phase::Prepared(ControlType::Abort) | Phase::Complete(ControlType::Abort));
        if !late {
            self.check(producer)?;
        }
        match self.phase {
            Phase::Ongoing => {
                Ok(Ended::Decided(Self { phase: Phase::Prepared(outcome), updated_ms: now_ms, ..self.clone() }))
            }
            Phase::Prepared(decided) if decided == outcome => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Complete(decided) if decided == outcome => Ok(Ended::Done),
            Phase::Empty | Phase::Prepared(_) | Phase::Complete(_) => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    /// The markers are written; `None` if there were none to be written.
    pub fn complete(&self, now_ms: i64) -> Option<Self> {
        let Phase::Prepared(outcome) = self.phase else { return None };
        Some(Self {
            phase: Phase::Complete(outcome),
            partitions: BTreeSet::new(),
            started_ms: None,
            updated_ms: now_ms,
            ..self.clone()
        })
    }

    /// What a list says of it.
    pub fn summary(&self) -> Summary {
        Summary { producer_id: self.producer_id, phase: self.phase, started_ms: self.started_ms }
    }

    /// True if no transaction is open or being ended.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Empty | Phase::Complete(_))
    }

    fn check(&self, (producer_id, epoch): (i64, i16)) -> Result<(), ErrorCode> {
        match producer_id == self.producer_id {
            false => Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING),
            true if epoch == self.epoch => Ok(()),
            true => Err(ErrorCode::PRODUCER_FENCED),
        }
    }
}
