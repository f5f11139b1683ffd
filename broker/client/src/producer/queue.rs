//! The batches of one partition, in order.
//!
//! An idempotent producer numbers its records for each partition. The log takes a batch only if it follows the one
//! before, and recognises the last five, so a batch whose fate is unknown may be sent again as long as the order of
//! the numbers is kept (KIP-98). The rules here:
//!
//! - a batch goes out only while it is among the [`MAX_SENT`] that begin with the oldest undecided one: counting those
//!   that are out is not enough, since decided ones between them push the oldest out of the log's memory;
//! - once one has to be sent again nothing more goes out until all that are out have come back, then they go out again
//!   in order;
//! - a batch that the log calls out of order while one before it is still undecided only followed that one's bad luck;
//! - a batch that is too large goes out again in halves, which take its place and its numbers.

use std::collections::VecDeque;

use super::batch::{Batch, Tokens};
use super::split::halves;

/// How many batches of a partition may be out: what the log remembers of a producer.
pub(super) const MAX_SENT: u64 = 5;

/// A batch with its place in the order of all batches of the partition.
#[derive(Debug)]
struct Queued {
    place: u64,
    batch: Batch,
}

/// What the log said of a batch, or that it said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in the log.
    Written,
    /// It is not, or nobody knows: again.
    Again,
    /// The log misses the batch before it.
    OutOfOrder,
    /// It is larger than the topic allows.
    TooLarge,
    /// It will never be.
    Never,
}

/// What comes of a verdict.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// These records are in the log.
    Written(Tokens),
    /// It will be sent again.
    Waiting,
    /// It will be sent again in halves, one batch more; it was that large, in bytes.
    Split(usize),
    /// The partition is stuck for good.
    Never,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Queued>,
    sent: VecDeque<Sent>,
    pushed: u64,
    /// A batch came back: nothing goes out until [`Queue::go_on`].
    held: bool,
}

#[derive(Debug)]
struct Sent {
    queued: Queued,
    came_back: bool,
    /// Its second half, if it came back because it is too large; the first half is `queued`.
    half: Option<Batch>,
}

impl Queue {
    pub fn push(&mut self, batch: Batch) {
        self.ready.push_back(Queued { place: self.pushed, batch });
        self.pushed += 1;
    }

    /// Whether a batch may go out now.
    pub fn can_send(&self) -> bool {
        let Some(next) = self.ready.front().filter(|_| !self.held) else { return false };
        self.sent.front().is_none_or(|oldest| next.place - oldest.queued.place < MAX_SENT)
    }

    /// Whether nothing is to be sent and nothing undecided.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.sent.is_empty()
    }

    /// Size of the batch that would go out next.
    pub fn next_size(&self) -> usize {
        self.ready.front().map_or(0, |next| next.batch.bytes.len())
    }

    /// Takes the next batch to send.
    pub fn send(&mut self) -> Option<&mut Batch> {
        if !self.can_send() {
            return None;
        }
        let queued = self.ready.pop_front()?;
        self.sent.push_back(Sent { queued, came_back: false, half: None });
        self.sent.back_mut().map(|sent| &mut sent.queued.batch)
    }

    /// A batch that is out, by its number.
    pub fn sent(&mut self, sequence: i32) -> Option<&mut Batch> {
        let of_number = |sent: &&mut Sent| sent.queued.batch.sequence == sequence;
        self.sent.iter_mut().find(of_number).map(|sent| &mut sent.queued.batch)
    }

    /// Takes the verdict on the batch of that number.
    pub fn settle(&mut self, sequence: i32, verdict: Verdict) -> Settled {
        let Some(at) = self.sent.iter().position(|sent| sent.queued.batch.sequence == sequence) else {
            return Settled::Waiting;
        };
        let verdict = match verdict {
            Verdict::OutOfOrder if at > 0 => Verdict::Again,
            Verdict::OutOfOrder => Verdict::Never,
            verdict => verdict,
        };
        match verdict {
            Verdict::Written => {
                Settled::Written(self.sent.remove(at).map(|sent| sent.queued.batch.tokens).unwrap_or_default())
            }
            Verdict::Never | Verdict::OutOfOrder => Settled::Never,
            Verdict::TooLarge => self.split(at),
            Verdict::Again => {
                self.sent[at].came_back = true;
                self.held = true;
                Settled::Waiting
            }
        }
    }

    fn split(&mut self, at: usize) -> Settled {
        let sent = &mut self.sent[at];
        let Some([first, second]) = halves(&mut sent.queued.batch) else { return Settled::Never };
        let bytes = sent.queued.batch.bytes.len();
        sent.queued.batch = first;
        sent.half = Some(second);
        sent.came_back = true;
        self.held = true;
        Settled::Split(bytes)
    }

    /// Whether sending is held up because a batch came back.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether sending is held up and every batch that was out has come back, so that [`go_on`](Self::go_on) may be
    /// called after a pause.
    pub fn all_back(&self) -> bool {
        self.held && self.sent.iter().all(|sent| sent.came_back)
    }

    /// Puts what came back in front again, in order.
    pub fn go_on(&mut self) {
        while let Some(Sent { queued, half, .. }) = self.sent.pop_back() {
            let place = queued.place;
            if let Some(batch) = half {
                self.ready.push_front(Queued { place, batch });
            }
            self.ready.push_front(queued);
        }
        self.make_places();
        self.held = false;
    }
}

impl Queue {
    /// Second halves stand at the place of the first; they and all behind them move on. Places of batches that were decided
    /// in between stay empty: the log remembers those too.
    fn make_places(&mut self) {
        let (mut last, mut more) = (None, 0);
        for queued in &mut self.ready {
            more += u64::from(last == Some(queued.place));
            last = Some(queued.place);
            queued.place += more;
        }
        self.pushed += more;
    }
}

#[cfg(test)]
mod tests {
    use broker_wire::records::{BatchBuilder, BatchHeader, Compression};
    use proptest::prelude::*;

    use super::*;

    /// A log as KIP-98 has it: takes what follows, recognises the last five; and no batch of more than so many records.
    struct Log {
        most: i32,
        /// First number and count of each.
        batches: Vec<(i32, i32)>,
    }

    impl Log {
        fn append(&mut self, (sequence, count): (i32, i32)) -> Verdict {
            let recent = self.batches.len().saturating_sub(MAX_SENT as usize);
            if count > self.most {
                return Verdict::TooLarge;
            }
            if self.batches[recent..].contains(&(sequence, count)) {
                return Verdict::Written;
            }
            if sequence == self.batches.last().map_or(0, |(last, count)| last + count) {
                self.batches.push((sequence, count));
                return Verdict::Written;
            }
            Verdict::OutOfOrder
        }
    }

    fn batch(sequence: i32, count: i32) -> Batch {
        let mut builder = BatchBuilder::new();
        (0..count).for_each(|_| builder.push(0, None, Some(b"value"), &[]));
        let bytes = builder.finish(Compression::None, None).unwrap();
        let tokens = (sequence..sequence + count).map(|number| (number as u64, 1)).collect();
        Batch { sequence, bytes: bytes.into(), tokens }
    }

    fn sent(batch: &mut Batch) -> (i32, i32) {
        (batch.sequence, BatchHeader::parse(&batch.bytes.plain()).unwrap().records_count)
    }

    #[test]
    fn at_most_five_are_out() {
        let mut queue = Queue::default();
        (0..8).for_each(|sequence| queue.push(batch(sequence, 1)));
        assert_eq!(std::iter::from_fn(|| queue.send().map(sent)).count() as u64, MAX_SENT);
        assert_eq!(queue.settle(0, Verdict::Written), Settled::Written(vec![(0, 1)]));
        assert_eq!(queue.send().map(sent), Some((5, 1)));
    }

    #[test]
    fn out_of_order_alone_and_a_record_that_is_too_large_are_the_end() {
        for verdict in [Verdict::OutOfOrder, Verdict::TooLarge] {
            let mut queue = Queue::default();
            queue.push(batch(0, 1));
            queue.send();
            assert_eq!(queue.settle(0, verdict), Settled::Never);
        }
    }

    proptest! {
        /// Requests are lost before the log, answers after it, connections with everything that is on them, and batches
        /// are too large; in the end every record is in the log once and in order, and each was acknowledged once.
        #[test]
        fn every_record_is_written_once_and_in_order(
            counts in proptest::collection::vec(1i32..9, 1..40),
            most in 1i32..9,
            faults in proptest::collection::vec(0u8..6, 0..300),
        ) {
            let (mut queue, mut log) = (Queue::default(), Log { most, batches: Vec::new() });
            let mut all = 0;
            for count in &counts {
                queue.push(batch(all, *count));
                all += count;
            }
            let (mut acknowledged, mut out) = (Vec::new(), VecDeque::new());
            let mut faults = faults.into_iter();
            while acknowledged.len() < all as usize {
                while let Some(next) = queue.send().map(sent) {
                    out.push_back(next);
                }
                if let Some(next) = out.pop_front() {
                    let verdict = match faults.next() {
                        Some(0) => Verdict::Again,
                        Some(1) => { log.append(next); Verdict::Again }
                        Some(2) => {
                            out.iter().for_each(|(later, _)| { queue.settle(*later, Verdict::Again); });
                            out.clear();
                            Verdict::Again
                        }
                        _ => log.append(next),
                    };
                    match queue.settle(next.0, verdict) {
                        Settled::Written(tokens) => acknowledged.extend(tokens.iter().map(|(token, _)| *token)),
                        Settled::Waiting | Settled::Split(_) => {}
                        Settled::Never => prop_assert!(false, "batch {:?} is stuck", next),
                    }
                }
                if queue.all_back() {
                    prop_assert!(out.is_empty());
                    queue.go_on();
                }
            }
            let written: Vec<i32> = log.batches.iter().flat_map(|(first, count)| *first..first + count).collect();
            prop_assert_eq!(written, (0..all).collect::<Vec<_>>());
            acknowledged.sort_unstable();
            prop_assert_eq!(acknowledged, (0..all as u64).collect::<Vec<_>>());
            prop_assert!(queue.is_empty());
        }
    }
}
