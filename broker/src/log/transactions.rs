//! The transactions that are open in one partition (KIP-98): pure, without clock or file.
//!
//! A producer writes within a transaction only after the coordinator has announced it here, and only until the marker: a batch that
//! comes late cannot open a transaction that nobody would ever end (KIP-890). Readers of committed records read up to the first
//! record of the oldest transaction that is open, or whose marker is not durable yet.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::aborted::AbortedTransaction;

/// No transaction is open: [`Transactions::first_unstable`] is larger than any offset.
pub const STABLE: i64 = i64::MAX;

/// The transactions of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transactions {
    /// Who may write within a transaction, and the epoch.
    announced: HashMap<i64, i16>,
    /// The first offsets of those that are open.
    firsts: BTreeSet<i64>,
    /// Those that ended with a marker that may not be durable yet: first offset and marker, in the order of the markers.
    settling: VecDeque<(i64, i64)>,
}

impl Transactions {
    /// The producer may write within a transaction from now on.
    pub fn announce(&mut self, producer_id: i64, epoch: i16) {
        self.announced.insert(producer_id, epoch);
    }

    /// The producer's transaction ends here, whether it has written or not.
    pub fn withdraw(&mut self, producer_id: i64) {
        self.announced.remove(&producer_id);
    }

    /// The epoch that may write within a transaction.
    pub fn announced(&self, producer_id: i64) -> Option<i16> {
        self.announced.get(&producer_id).copied()
    }

    /// The first record of a transaction is at `offset`.
    pub fn opened(&mut self, offset: i64) {
        self.firsts.insert(offset);
    }

    /// The marker of a transaction is at `marker`. What the index of aborted transactions has to say if it aborts.
    pub fn ended(&mut self, (producer_id, first_offset): (i64, i64), marker: i64) -> AbortedTransaction {
        self.firsts.remove(&first_offset);
        self.settling.push_back((first_offset, marker));
        let last_stable_offset = self.firsts.first().copied().unwrap_or(marker + 1);
        AbortedTransaction { producer_id, first_offset, last_offset: marker, last_stable_offset }
    }

    /// Everything below `end_offset` is durable.
    pub fn settle(&mut self, end_offset: i64) {
        while self.settling.front().is_some_and(|(_, marker)| *marker < end_offset) {
            self.settling.pop_front();
        }
    }

    /// Offset of the first record whose transaction is not decided for sure; [`STABLE`] if there is none.
    pub fn first_unstable(&self) -> i64 {
        let settling = self.settling.iter().map(|(first, _)| *first);
        settling.chain(self.firsts.first().copied()).min().unwrap_or(STABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wait_for_the_oldest_open_transaction_and_for_its_marker_to_be_durable() {
        let mut transactions = Transactions::default();
        assert_eq!(transactions.first_unstable(), STABLE);
        transactions.opened(10);
        transactions.opened(20);
        assert_eq!(transactions.first_unstable(), 10);
        let ended = transactions.ended((1, 10), 30);
        assert_eq!((ended.first_offset, ended.last_offset, ended.last_stable_offset), (10, 30, 20));
        transactions.settle(30);
        assert_eq!(transactions.first_unstable(), 10);
        transactions.settle(31);
        assert_eq!(transactions.first_unstable(), 20);
        assert_eq!(transactions.ended((2, 20), 31).last_stable_offset, 32);
        transactions.settle(32);
        assert_eq!(transactions.first_unstable(), STABLE);
    }

    #[test]
    fn an_announcement_holds_until_it_is_withdrawn() {
        let mut transactions = Transactions::default();
        transactions.announce(7, 3);
        assert_eq!(transactions.announced(7), Some(3));
        transactions.withdraw(7);
        assert_eq!(transactions.announced(7), None);
    }
}
