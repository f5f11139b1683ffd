//! What the server may forget: never more than what the worker has stored.

use std::collections::VecDeque;

use crate::lsn::Lsn;

/// Batches on their way, and the position up to which all have arrived.
#[derive(Debug, Default)]
pub struct Acknowledge {
    next: u64,
    in_flight: VecDeque<(u64, Lsn)>,
    safe: Lsn,
    broken: bool,
}

impl Acknowledge {
    /// Notes a batch whose position says that all transactions before `complete` are out. Returns its number.
    pub fn sent(&mut self, complete: Lsn) -> u64 {
        self.next += 1;
        self.in_flight.push_back((self.next, complete));
        self.next
    }

    /// Notes what became of a batch. Nothing counts any more once one was not delivered.
    pub fn settled(&mut self, batch: u64, delivered: bool) {
        while let Some((number, complete)) = self.in_flight.front().copied().filter(|(number, _)| *number <= batch) {
            self.in_flight.pop_front();
            self.broken |= number != batch || !delivered;
            if !self.broken {
                self.safe = self.safe.max(complete);
            }
        }
    }

    /// The position before which everything is stored.
    pub fn safe(&self) -> Lsn {
        self.safe
    }

    /// Notes that everything before `stored` was stored by an earlier run.
    pub fn start(&mut self, stored: Lsn) {
        self.safe = self.safe.max(stored);
    }

    /// Whether no batch is on its way.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_behind_a_batch_that_is_out_or_lost_is_safe(
            steps in prop::collection::vec((1u64..50, prop::sample::select(vec!["delivered", "delivered", "delivered", "failed", "late"])), 1..30)
        ) {
            let mut acknowledge = Acknowledge::default();
            let (mut position, mut waiting, mut stored, mut broken) = (0, VecDeque::new(), 0, false);
            for (step, fate) in steps {
                position += step;
                waiting.push_back((acknowledge.sent(Lsn(position)), position));
                if fate == "late" {
                    continue;
                }
                let (batch, at) = waiting.pop_front().unwrap();
                acknowledge.settled(batch, fate == "delivered");
                broken |= fate == "failed";
                if !broken {
                    stored = at;
                }
                prop_assert_eq!(acknowledge.safe(), Lsn(stored));
                prop_assert_eq!(acknowledge.is_idle(), waiting.is_empty());
            }
        }
    }

    #[test]
    fn a_batch_that_was_passed_over_makes_all_later_ones_unsafe() {
        let mut acknowledge = Acknowledge::default();
        acknowledge.sent(Lsn(1));
        let second = acknowledge.sent(Lsn(2));
        acknowledge.settled(second, true);
        assert_eq!(acknowledge.safe(), Lsn::NONE);
    }
}
