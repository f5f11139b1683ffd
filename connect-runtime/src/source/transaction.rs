//! The transaction of a source task: when it begins and ends, and what its commit settles.
//!
//! ```text
//! Idle -- a batch --> Open -- end: positions --> Ending -- all of it is in the log --> Committing -- committed --> Idle
//!                      |
//!                      +-- a batch that could not be handed over whole --> Torn: never committed
//! ```

use std::time::Duration;

use connector_api::Position;
use tokio::time::Instant;

use super::in_flight::{InFlight, Prefix};

/// Where transactions end: Kafka Connect's `transaction.boundary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// After a batch. Batches that come while the log is busy share one, since nobody can tell; see [`Limits`].
    Poll,
    /// So long after they began.
    Interval(Duration),
}

/// When a transaction ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// By itself.
    pub boundary: Boundary,
    /// At the latest, after it began.
    pub time: Duration,
    /// Once its records have so many bytes.
    pub bytes: usize,
    /// Once it holds so many batches: their positions are kept until it ends.
    pub batches: usize,
}

/// How long batches that come one upon the other share a transaction: what readers wait at most for what is in the log. A commit
/// costs two syncs, a few milliseconds, and leaves half a kilobyte in the log's own topics, so a source that never rests ends no
/// more than twenty in a second; one that has rested for so long ends its first at once.
const SHARED: Duration = Duration::from_millis(50);

/// Bytes of records that may share one, about.
const SHARED_BYTES: usize = 4 << 20;

/// The most batches of one transaction.
const MOST_BATCHES: usize = 10_000;

impl Limits {
    /// For this boundary, where the log aborts a transaction after `timeout`. Half of that is left for its end.
    pub fn new(boundary: Boundary, timeout: Duration) -> Limits {
        let (time, bytes) = match boundary {
            Boundary::Poll => (SHARED, SHARED_BYTES),
            Boundary::Interval(interval) => (interval, usize::MAX),
        };
        Limits { boundary, time: time.min(timeout / 2), bytes, batches: MOST_BATCHES }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Open { until: Instant },
    Ending,
    Committing,
    Torn,
}

/// The transaction of a task. The batches that are in it are all that is in flight.
#[derive(Debug)]
pub struct Transaction {
    limits: Limits,
    phase: Phase,
    bytes: usize,
    /// When the last one ended.
    ended: Option<Instant>,
    /// Records of positions that the log does not have yet.
    positions: u32,
}

impl Transaction {
    /// None yet.
    pub fn new(limits: Limits) -> Transaction {
        Transaction { limits, phase: Phase::Idle, bytes: 0, ended: None, positions: 0 }
    }

    /// Whether a batch may go into it, or begin one.
    pub fn takes_batches(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Open { .. })
    }

    /// A batch is about to go into it. True if that begins it.
    pub fn begin(&mut self, now: Instant) -> bool {
        if self.phase != Phase::Idle {
            return false;
        }
        self.phase = Phase::Open { until: now + self.limits.time };
        self.bytes = 0;
        true
    }

    /// A batch is in it, whole, with so many bytes. True if the transaction is to end with it.
    pub fn took(&mut self, bytes: usize, batches: &InFlight) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.bytes >= self.limits.bytes || batches.len() >= self.limits.batches
    }

    /// A batch could not be handed over whole: a part of it may be in the log, so nothing of this may ever be committed.
    pub fn tear(&mut self) {
        self.phase = Phase::Torn;
    }

    /// Whether it ends although there is time left, now that the source has nothing more at once.
    pub fn ends_when_idle(&self, now: Instant) -> bool {
        self.limits.boundary == Boundary::Poll && self.ended.is_none_or(|ended| now >= ended + SHARED)
    }

    /// Whether records go out before it ends: with the last ones, if that is soon.
    pub fn sends_before_its_end(&self) -> bool {
        self.limits.boundary != Boundary::Poll
    }

    /// When it has to end; `None` if none is open.
    pub fn ends_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            _ => None,
        }
    }

    /// Ends it: no further batch goes in. Returns the positions to write into it; `None` if none is open.
    pub fn end(&mut self, batches: &InFlight, now: Instant) -> Option<Vec<Position>> {
        self.ends_at()?;
        self.ended = Some(now);
        let positions = batches.latest_positions();
        (self.phase, self.positions) = (Phase::Ending, positions.len() as u32);
        Some(positions)
    }

    /// The log has so many of the records of positions.
    pub fn acknowledge_positions(&mut self, records: u32) {
        self.positions = self.positions.saturating_sub(records);
    }

    /// Whether it is ended and the log has all of it: then it is to be committed, and this says so once.
    pub fn commit(&mut self, batches: &InFlight) -> bool {
        let whole = self.phase == Phase::Ending && self.positions == 0 && batches.is_done();
        if whole {
            self.phase = Phase::Committing;
        }
        whole
    }

    /// The log has committed it. Returns what that settles.
    pub fn committed(&mut self, batches: &mut InFlight) -> Prefix {
        if self.phase != Phase::Committing {
            return Prefix::default();
        }
        self.phase = Phase::Idle;
        batches.take_prefix().unwrap_or_default()
    }

    /// Whether none is open or being ended.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }
}

#[cfg(test)]
mod tests {
    use connector_api::{SourceOffset, SourcePartition};
    use proptest::prelude::*;

    use super::*;

    fn position(partition: u8, offset: i64) -> Position {
        let partition = SourcePartition::of("p", partition);
        Position { partition, offset: Some(SourceOffset::of("o", offset)) }
    }

    #[test]
    fn a_transaction_ends_well_before_the_log_would_abort_it() {
        let minute = Duration::from_secs(60);
        assert_eq!(Limits::new(Boundary::Poll, minute).time, SHARED);
        assert_eq!(Limits::new(Boundary::Interval(Duration::from_secs(5)), minute).time, Duration::from_secs(5));
        assert_eq!(Limits::new(Boundary::Interval(minute), minute).time, minute / 2);
    }

    #[test]
    fn batches_whose_records_were_all_dropped_still_store_their_positions() {
        let (mut transaction, mut batches) =
            (Transaction::new(Limits::new(Boundary::Poll, SHARED)), InFlight::default());
        assert!(transaction.begin(Instant::now()));
        batches.admit(1, 0, vec![position(0, 7)]);
        assert_eq!(transaction.end(&batches, Instant::now()), Some(vec![position(0, 7)]));
        assert!(!transaction.commit(&batches), "the position is not in the log yet");
        transaction.acknowledge_positions(1);
        assert!(transaction.commit(&batches) && !transaction.commit(&batches));
        assert_eq!(transaction.committed(&mut batches).batches, [1]);
        assert!(transaction.is_idle() && transaction.end(&batches, Instant::now()).is_none());
    }

    #[test]
    fn a_source_that_rests_has_its_batch_committed_at_once_and_one_that_does_not_waits_for_more() {
        let (mut transaction, batches) =
            (Transaction::new(Limits::new(Boundary::Poll, SHARED * 10)), InFlight::default());
        let start = Instant::now();
        assert!(transaction.begin(start) && transaction.ends_when_idle(start));
        transaction.end(&batches, start);
        assert!(transaction.commit(&batches));
        transaction.committed(&mut InFlight::default());
        assert!(transaction.begin(start + SHARED / 2) && !transaction.ends_when_idle(start + SHARED / 2));
        assert_eq!(transaction.ends_at(), Some(start + SHARED / 2 + SHARED));
        assert!(transaction.ends_when_idle(start + SHARED));
    }

    /// A log that takes in records and positions, and shows them once they are committed.
    #[derive(Default)]
    struct Log {
        open: Vec<(u64, u32)>,
        open_positions: Vec<Position>,
        committed: Vec<(u64, u32)>,
        positions: std::collections::BTreeMap<String, i64>,
    }

    impl Log {
        fn commit(&mut self) {
            self.committed.append(&mut self.open);
            for position in self.open_positions.drain(..) {
                let offset = position.offset.and_then(|offset| offset.number("o")).unwrap();
                self.positions.insert(serde_json::to_string(&position.partition.0).unwrap(), offset);
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Batch {
            records: u32,
            partition: u8,
            whole: bool,
        },
        Acknowledge(prop::sample::Index),
        Positions,
        End,
        Committed,
        /// The task dies, and another one goes on where the positions say.
        Die,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0u32..4, 0u8..3, prop::bool::weighted(0.97))
                .prop_map(|(records, partition, whole)| Step::Batch { records, partition, whole }),
            8 => any::<prop::sample::Index>().prop_map(Step::Acknowledge),
            4 => Just(Step::Positions),
            3 => Just(Step::End),
            4 => Just(Step::Committed),
            1 => Just(Step::Die),
        ]
    }

    /// A source of three partitions, of which each batch is the next one of one partition. Its id says which it is.
    fn id(partition: u8, number: i64) -> u64 {
        u64::from(partition) * 1000 + number as u64
    }

    proptest! {
        /// Whatever happens in whatever order, what is committed is each batch once, whole, in the order of its partition, and the
        /// stored positions are those right behind it; and a batch is settled when, and only when, it is committed.
        #[test]
        fn positions_and_records_are_committed_together_or_not_at_all(steps in proptest::collection::vec(step(), 1..300)) {
            let limits = Limits { boundary: Boundary::Poll, time: SHARED, bytes: 8, batches: 5 };
            let mut log = Log::default();
            let mut sizes = std::collections::BTreeMap::new();
            let (mut transaction, mut batches) = (Transaction::new(limits), InFlight::default());
            let (mut next, mut tokens, mut settled) = ([0i64; 3], Vec::<(u64, u32)>::new(), Vec::new());
            let mut positions = 0;
            for step in steps {
                match step {
                    Step::Batch { records, partition, whole } if transaction.takes_batches() => {
                        let number = next[partition as usize];
                        next[partition as usize] += 1;
                        let id = id(partition, number);
                        transaction.begin(Instant::now());
                        let token = batches.admit(id, records, vec![position(partition, number)]);
                        if whole {
                            // A batch that comes again may be another size, as far as the transaction is concerned.
                            sizes.insert(id, records);
                            tokens.push((token, records));
                            log.open.push((id, records));
                            if transaction.took(records as usize, &batches) {
                                let ended = transaction.end(&batches, Instant::now()).unwrap();
                                positions = ended.len() as u32;
                                log.open_positions = ended;
                            }
                        } else {
                            log.open.push((id, records / 2));
                            prop_assert_eq!(batches.retract(), Some(id));
                            transaction.tear();
                        }
                    }
                    Step::Batch { .. } => {}
                    Step::Acknowledge(index) => {
                        tokens.retain(|(_, open)| *open > 0);
                        if !tokens.is_empty() {
                            let place = index.index(tokens.len());
                            tokens[place].1 -= 1;
                            batches.acknowledge(tokens[place].0, 1);
                        }
                    }
                    Step::Positions if positions > 0 => {
                        positions -= 1;
                        transaction.acknowledge_positions(1);
                    }
                    Step::Positions => {}
                    Step::End => {
                        if let Some(ended) = transaction.end(&batches, Instant::now()) {
                            positions = ended.len() as u32;
                            log.open_positions = ended;
                        }
                    }
                    Step::Committed => {
                        let missing = tokens.iter().any(|(_, open)| *open > 0) || positions > 0;
                        if transaction.commit(&batches) {
                            prop_assert!(!missing, "committed before all of it was in the log");
                            log.commit();
                            settled.extend(transaction.committed(&mut batches).batches);
                            prop_assert!(transaction.is_idle() && batches.is_empty());
                        }
                    }
                    Step::Die => {
                        // Whatever is open is aborted by the next producer with the same id.
                        (log.open, log.open_positions) = (Vec::new(), Vec::new());
                        (transaction, batches) = (Transaction::new(limits), InFlight::default());
                        (tokens, positions) = (Vec::new(), 0);
                        for partition in 0..3u8 {
                            let name = serde_json::to_string(&position(partition, 0).partition.0).unwrap();
                            next[partition as usize] = log.positions.get(&name).map_or(0, |last| last + 1);
                        }
                    }
                }
                let committed: Vec<u64> = log.committed.iter().map(|(id, _)| *id).collect();
                prop_assert_eq!(&committed, &settled, "settled is what is committed");
                for (id, records) in &log.committed {
                    prop_assert_eq!(sizes[id], *records, "committed whole");
                }
                for partition in 0..3u8 {
                    let of_it: Vec<i64> = committed
                        .iter()
                        .filter(|id| **id / 1000 == u64::from(partition))
                        .map(|id| (*id % 1000) as i64)
                        .collect();
                    prop_assert_eq!(&of_it, &(0..of_it.len() as i64).collect::<Vec<_>>(), "each once, in order");
                    let name = serde_json::to_string(&position(partition, 0).partition.0).unwrap();
                    prop_assert_eq!(log.positions.get(&name).copied(), of_it.last().copied(), "the position right behind it");
                }
            }
        }
    }
}
