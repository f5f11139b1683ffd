//! What a partition remembers of idempotent producers (KIP-98): pure, without clock or file.
//!
//! Of each producer id the epoch and the last five batches are kept, so that a batch that is sent again is recognised
//! and answered with the offset that it got, and a gap in the sequence is refused. Of a transactional producer the first offset
//! of its open transaction is kept as well; such a producer is never forgotten.

use std::collections::{HashMap, VecDeque};

use broker_wire::records::{BatchHeader, ControlType};
use thiserror::Error;

use super::aborted::AbortedTransaction;
use super::transactions::Transactions;

/// Batches remembered for each producer: as many as a client may have in flight.
pub const REMEMBERED_BATCHES: usize = 5;
/// Producers remembered for each partition; over this, those that were silent longest are forgotten.
pub const MAX_PRODUCERS: usize = 100_000;
/// A producer that was silent for so long, in ms, is forgotten: one day.
pub const PRODUCER_EXPIRY_MS: i64 = 24 * 60 * 60 * 1000;

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Largest timestamp of the batch.
    pub timestamp: i64,
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Its epoch.
    pub epoch: i16,
    /// Its last batches, oldest first.
    pub batches: VecDeque<Appended>,
    /// First offset of its open transaction.
    pub transaction: Option<i64>,
    /// When it was last heard of, in ms.
    pub seen_ms: i64,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    Append,
    /// It is there already.
    Duplicate(Appended),
}

/// Why a batch must not be appended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SequenceError {
    /// A newer instance of the producer has taken over.
    #[error("producer {producer_id} has epoch {current}, the batch has the older epoch {epoch}")]
    Epoch {
        /// The producer.
        producer_id: i64,
        /// Epoch in the batch.
        epoch: i16,
        /// Epoch in force.
        current: i16,
    },
    /// Batches are missing between the last one and this.
    #[error("producer {producer_id}: sequence {found} does not follow on {last}")]
    OutOfOrder {
        /// The producer.
        producer_id: i64,
        /// Sequence of the last record that is there, -1 for none.
        last: i32,
        /// Sequence of the first record of the batch.
        found: i32,
    },
    /// The batch is part of a transaction that has not been announced, or is over.
    #[error(
        "producer {producer_id} with epoch {epoch} has no transaction here: it is over, or the partition was not added to it"
    )]
    NoTransaction {
        /// The producer.
        producer_id: i64,
        /// Epoch in the batch.
        epoch: i16,
    },
    /// The batch is not part of the transaction that the producer has open here.
    #[error("producer {producer_id} has a transaction open here, but the batch is no part of it")]
    InTransaction {
        /// The producer.
        producer_id: i64,
    },
}

/// The producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Producers {
    by_id: HashMap<i64, Producer>,
    /// Their transactions.
    pub transactions: Transactions,
}

impl Producers {
    /// Decides about a batch from a producer with an id. Batches with sequence -1 (the broker's own) have no order.
    ///
    /// # Errors
    /// The batch is fenced, leaves a gap, or is in no transaction though it should be, or the other way round.
    pub fn check(&self, batch: &BatchHeader) -> Result<Verdict, SequenceError> {
        let (producer_id, epoch) = (batch.producer_id, batch.producer_epoch);
        let Some(producer) = self.by_id.get(&producer_id) else {
            return self.check_transaction(batch, None).map(|()| Verdict::Append);
        };
        if epoch < producer.epoch {
            return Err(SequenceError::Epoch { producer_id, epoch, current: producer.epoch });
        }
        if epoch == producer.epoch
            && let Some(batch) = producer.find(batch)
        {
            return Ok(Verdict::Duplicate(batch));
        }
        self.check_transaction(batch, producer.transaction)?;
        let last = producer.batches.back().filter(|_| epoch == producer.epoch).map_or(-1, |batch| batch.last_sequence);
        if batch.base_sequence < 0 || follows(last, batch.base_sequence) {
            return Ok(Verdict::Append);
        }
        Err(SequenceError::OutOfOrder { producer_id, last, found: batch.base_sequence })
    }

    fn check_transaction(&self, batch: &BatchHeader, open: Option<i64>) -> Result<(), SequenceError> {
        let (producer_id, epoch) = (batch.producer_id, batch.producer_epoch);
        if !batch.is_transactional() {
            return if open.is_none() { Ok(()) } else { Err(SequenceError::InTransaction { producer_id }) };
        }
        match self.transactions.announced(producer_id) {
            Some(announced) if announced == epoch => Ok(()),
            Some(current) if current > epoch => Err(SequenceError::Epoch { producer_id, epoch, current }),
            _ => Err(SequenceError::NoTransaction { producer_id, epoch }),
        }
    }

    /// Takes note of a batch that was appended; `batch` has the offsets that it got.
    pub fn note(&mut self, batch: &BatchHeader, now_ms: i64) {
        let producer = self.producer(batch, now_ms);
        if batch.base_sequence >= 0 {
            producer.note(Appended {
                first_sequence: batch.base_sequence,
                last_sequence: batch.last_sequence(),
                base_offset: batch.base_offset,
                last_offset: batch.last_offset(),
                timestamp: batch.max_timestamp,
            });
        }
        if batch.is_transactional() && producer.transaction.is_none() {
            producer.transaction = Some(batch.base_offset);
            self.transactions.opened(batch.base_offset);
        }
        if self.by_id.len() > MAX_PRODUCERS {
            self.forget_quiet();
        }
    }

    /// Takes note of a marker that was appended: the transaction is over. What to remember of it if it was aborted.
    pub fn note_marker(
        &mut self,
        marker: &BatchHeader,
        outcome: ControlType,
        now_ms: i64,
    ) -> Option<AbortedTransaction> {
        self.transactions.withdraw(marker.producer_id);
        let first = self.open_transaction(marker.producer_id)?;
        self.producer(marker, now_ms).transaction = None;
        let ended = self.transactions.ended((marker.producer_id, first), marker.base_offset);
        (outcome == ControlType::Abort).then_some(ended)
    }

    /// The producer of a batch, in the epoch of the batch.
    fn producer(&mut self, batch: &BatchHeader, now_ms: i64) -> &mut Producer {
        let epoch = batch.producer_epoch;
        let fresh = || Producer { epoch, batches: VecDeque::new(), transaction: None, seen_ms: now_ms };
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(fresh);
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        producer.seen_ms = now_ms;
        producer
    }

    /// First offset of a producer's open transaction.
    pub fn open_transaction(&self, producer_id: i64) -> Option<i64> {
        self.by_id.get(&producer_id)?.transaction
    }

    /// Puts back what a snapshot remembered: a batch, the first offset of an open transaction. Batches of one producer come oldest
    /// first.
    pub fn restore(
        &mut self,
        (producer_id, epoch): (i64, i16),
        batch: Option<Appended>,
        transaction: Option<i64>,
        seen_ms: i64,
    ) {
        let fresh = || Producer { epoch, batches: VecDeque::new(), transaction: None, seen_ms };
        let producer = self.by_id.entry(producer_id).or_insert_with(fresh);
        batch.into_iter().for_each(|batch| producer.note(batch));
        producer.seen_ms = producer.seen_ms.max(seen_ms);
        if let Some(first) = transaction {
            producer.transaction = Some(first);
            self.transactions.opened(first);
        }
    }

    /// Forgets producers that were silent for a day.
    pub fn expire(&mut self, now_ms: i64) {
        let silent = |producer: &Producer| now_ms - producer.seen_ms >= PRODUCER_EXPIRY_MS;
        self.by_id.retain(|_, producer| producer.transaction.is_some() || !silent(producer));
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks whether there are none")]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every producer with its id, in the order of the ids.
    pub fn all(&self) -> Vec<(i64, &Producer)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, producer)| (*id, producer)).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// Forgets the tenth that was silent longest.
    fn forget_quiet(&mut self) {
        let idle = self.by_id.values().filter(|producer| producer.transaction.is_none());
        let mut times: Vec<i64> = idle.map(|producer| producer.seen_ms).collect();
        let tenth = times.len() / 10;
        if times.is_empty() {
            return;
        }
        let (_, limit, _) = times.select_nth_unstable(tenth);
        let (limit, mut doomed) = (*limit, tenth + 1);
        self.by_id.retain(|_, producer| {
            let forget = doomed > 0 && producer.transaction.is_none() && producer.seen_ms <= limit;
            doomed -= usize::from(forget);
            !forget
        });
    }
}

impl Producer {
    fn find(&self, batch: &BatchHeader) -> Option<Appended> {
        let same =
            |old: &&Appended| old.first_sequence == batch.base_sequence && old.last_sequence == batch.last_sequence();
        self.batches.iter().find(same).copied()
    }

    fn note(&mut self, batch: Appended) {
        if self.batches.len() >= REMEMBERED_BATCHES {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }
}

/// True if `next` is the sequence number after `last`; the first is 0, as is the one after `i32::MAX`.
fn follows(last: i32, next: i32) -> bool {
    next == last.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(producer_id: i64, producer_epoch: i16, base_sequence: i32, records: i32, base_offset: i64) -> BatchHeader {
        BatchHeader {
            base_offset,
            length: 100,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: 0,
            last_offset_delta: records - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id,
            producer_epoch,
            base_sequence,
            records_count: records,
        }
    }

    #[test]
    fn a_batch_sent_again_is_answered_with_its_offset_among_the_last_five() {
        let mut producers = Producers::default();
        for i in 0..7 {
            let sent = batch(1, 0, i * 10, 10, i64::from(i) * 10);
            assert_eq!(producers.check(&sent), Ok(Verdict::Append));
            producers.note(&sent, 0);
        }
        for i in 2..7 {
            let Ok(Verdict::Duplicate(found)) = producers.check(&batch(1, 0, i * 10, 10, 0)) else { panic!("{i}") };
            assert_eq!(found.base_offset, i64::from(i) * 10);
        }
        assert!(matches!(producers.check(&batch(1, 0, 10, 10, 0)), Err(SequenceError::OutOfOrder { .. })));
        assert!(matches!(producers.check(&batch(1, 0, 20, 9, 0)), Err(SequenceError::OutOfOrder { .. })));
    }

    #[test]
    fn gaps_and_old_epochs_are_refused_and_a_new_epoch_starts_at_zero() {
        let mut producers = Producers::default();
        producers.note(&batch(1, 3, 0, 5, 0), 0);
        let gap = SequenceError::OutOfOrder { producer_id: 1, last: 4, found: 6 };
        assert_eq!(producers.check(&batch(1, 3, 6, 1, 0)), Err(gap));
        let fenced = SequenceError::Epoch { producer_id: 1, epoch: 2, current: 3 };
        assert_eq!(producers.check(&batch(1, 2, 5, 1, 0)), Err(fenced));
        assert!(producers.check(&batch(1, 4, 5, 1, 0)).is_err());
        assert_eq!(producers.check(&batch(1, 4, 0, 1, 0)), Ok(Verdict::Append));
        producers.note(&batch(1, 4, 0, 1, 5), 0);
        assert!(producers.check(&batch(1, 3, 5, 1, 0)).is_err());
    }

    #[test]
    fn an_unknown_producer_may_start_anywhere_and_sequences_wrap() {
        let mut producers = Producers::default();
        let last = batch(1, 0, i32::MAX - 1, 2, 0);
        assert_eq!(producers.check(&last), Ok(Verdict::Append));
        producers.note(&last, 0);
        assert_eq!(producers.check(&batch(1, 0, 0, 3, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn quiet_producers_are_forgotten() {
        let mut producers = Producers::default();
        producers.note(&batch(1, 0, 0, 1, 0), 0);
        producers.note(&batch(2, 0, 0, 1, 1), 1000);
        producers.expire(PRODUCER_EXPIRY_MS);
        assert_eq!(producers.all().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2]);
        for id in 0..=MAX_PRODUCERS as i64 {
            producers.note(&batch(id, 0, 0, 1, 1), 2000 + id);
        }
        assert!(producers.by_id.len() <= MAX_PRODUCERS - MAX_PRODUCERS / 10 + 1);
        assert!(producers.by_id.contains_key(&(MAX_PRODUCERS as i64)));
    }

    proptest! {
        /// Whatever is sent in whatever order and however often: what is appended is 0, 1, 2 ... without gap or repeat.
        #[test]
        fn what_is_appended_is_in_order_once(sends in proptest::collection::vec((0i32..12, 1i32..3), 0..200)) {
            let mut producers = Producers::default();
            let mut appended = Vec::new();
            for (sequence, records) in sends {
                let sent = batch(9, 0, sequence, records, appended.len() as i64);
                let first = appended.is_empty() && sequence != 0;
                if !first && producers.check(&sent) == Ok(Verdict::Append) {
                    producers.note(&sent, 0);
                    appended.extend(sequence..sequence + records);
                }
            }
            prop_assert_eq!(&appended, &(0..appended.len() as i32).collect::<Vec<_>>());
        }
    }
}
