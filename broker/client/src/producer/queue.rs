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
//! - a batch that the log calls out of order while one before it is still undecided only followed that one's bad luck.

use std::collections::VecDeque;

use bytes::Bytes;

/// How many batches of a partition may be out: what the log remembers of a producer.
pub(super) const MAX_SENT: u64 = 5;

/// Which of the caller's units the records of a batch belong to: the unit and how many.
pub(super) type Tokens = Vec<(u64, u32)>;

/// A finished batch.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of its first record.
    pub sequence: i32,
    pub bytes: Bytes,
    pub tokens: Tokens,
}

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

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.sent.is_empty()
    }

    /// Size of the batch that would go out next.
    pub fn next_size(&self) -> usize {
        self.ready.front().map_or(0, |next| next.batch.bytes.len())
    }

    /// Takes the next batch to send: its number and bytes.
    pub fn send(&mut self) -> Option<(i32, Bytes)> {
        if !self.can_send() {
            return None;
        }
        let queued = self.ready.pop_front()?;
        let out = (queued.batch.sequence, queued.batch.bytes.clone());
        self.sent.push_back(Sent { queued, came_back: false });
        Some(out)
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
            Verdict::Again => {
                self.sent[at].came_back = true;
                self.held = true;
                Settled::Waiting
            }
        }
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
        while let Some(sent) = self.sent.pop_back() {
            self.ready.push_front(sent.queued);
        }
        self.held = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A log as KIP-98 has it: takes what follows, recognises the last five.
    #[derive(Default)]
    struct Log {
        batches: Vec<i32>,
    }

    impl Log {
        fn append(&mut self, sequence: i32) -> Verdict {
            let recent = self.batches.len().saturating_sub(MAX_SENT as usize);
            if self.batches[recent..].contains(&sequence) {
                return Verdict::Written;
            }
            if sequence == self.batches.len() as i32 {
                self.batches.push(sequence);
                return Verdict::Written;
            }
            Verdict::OutOfOrder
        }
    }

    fn batch(sequence: i32) -> Batch {
        Batch { sequence, bytes: Bytes::new(), tokens: vec![(sequence as u64, 1)] }
    }

    #[test]
    fn at_most_five_are_out() {
        let mut queue = Queue::default();
        (0..8).for_each(|sequence| queue.push(batch(sequence)));
        assert_eq!(std::iter::from_fn(|| queue.send()).count() as u64, MAX_SENT);
        assert_eq!(queue.settle(0, Verdict::Written), Settled::Written(vec![(0, 1)]));
        assert_eq!(queue.send().map(|(sequence, _)| sequence), Some(5));
    }

    #[test]
    fn out_of_order_alone_is_the_end() {
        let mut queue = Queue::default();
        queue.push(batch(0));
        queue.send();
        assert_eq!(queue.settle(0, Verdict::OutOfOrder), Settled::Never);
    }

    proptest! {
        /// Requests are lost before the log, answers after it, connections with everything that is on them; in the end
        /// every batch is in the log once and in order, and each was acknowledged once.
        #[test]
        fn every_batch_is_written_once_and_in_order(faults in proptest::collection::vec(0u8..6, 0..300)) {
            const COUNT: i32 = 40;
            let (mut queue, mut log) = (Queue::default(), Log::default());
            (0..COUNT).for_each(|sequence| queue.push(batch(sequence)));
            let (mut acknowledged, mut out) = (Vec::new(), VecDeque::new());
            let mut faults = faults.into_iter();
            while acknowledged.len() < COUNT as usize {
                while let Some((sequence, _)) = queue.send() {
                    out.push_back(sequence);
                }
                if let Some(sequence) = out.pop_front() {
                    let verdict = match faults.next() {
                        Some(0) => Verdict::Again,
                        Some(1) => { log.append(sequence); Verdict::Again }
                        Some(2) => {
                            out.iter().for_each(|later| { queue.settle(*later, Verdict::Again); });
                            out.clear();
                            Verdict::Again
                        }
                        _ => log.append(sequence),
                    };
                    match queue.settle(sequence, verdict) {
                        Settled::Written(tokens) => acknowledged.extend(tokens.iter().map(|(token, _)| *token)),
                        Settled::Waiting => {}
                        Settled::Never => prop_assert!(false, "batch {} is stuck", sequence),
                    }
                }
                if queue.all_back() {
                    prop_assert!(out.is_empty());
                    queue.go_on();
                }
            }
            prop_assert_eq!(log.batches, (0..COUNT).collect::<Vec<_>>());
            acknowledged.sort_unstable();
            prop_assert_eq!(acknowledged, (0..COUNT as u64).collect::<Vec<_>>());
            prop_assert!(queue.is_empty());
        }
    }
}
