//! Where in the stream we are, and which changes are out already. Pure.

use crate::lsn::Lsn;
use crate::position::{Last, Skip, StreamPosition};
use crate::replication::pgoutput::{Begin, Commit};

/// A transaction whose end has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// How it began.
    pub begin: Begin,
    /// How many changes of it have come, counted before any filter, so that no setting can shift them.
    events: u64,
    /// Where the last change stands, and how many have come from there.
    row: (Lsn, u64),
}

/// The stream's progress.
#[derive(Clone, Debug)]
pub struct Progress {
    at: StreamPosition,
    open: Option<Open>,
}

impl Progress {
    /// Goes on from a position: what it says to be out is skipped when it comes again.
    pub fn from(at: StreamPosition) -> Progress {
        Progress { at, open: None }
    }

    /// A transaction begins.
    pub fn begin(&mut self, begin: Begin) {
        // Transactions come in the order of their commits: one that is behind the one to be skipped ends the skipping.
        let passed = match self.at.skip {
            Skip::Nothing => false,
            Skip::Events { commit, .. } => begin.commit > commit,
            Skip::UpToRow { xid, .. } => self.at.complete != Lsn::NONE && xid.is_some_and(|xid| xid != begin.xid),
        };
        if passed {
            self.at.skip = Skip::Nothing;
        }
        self.open = Some(Open { begin, events: 0, row: (Lsn::NONE, 0) });
    }

    /// The transaction that is open.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// The end of the last whole transaction, as every event after it names it.
    pub fn previous(&self) -> Lsn {
        self.at.last.end
    }

    /// A change has come; `lsn` is where it stands. Whether it is to be handed over.
    pub fn event(&mut self, lsn: Lsn) -> bool {
        let Some(open) = &mut self.open else { return true };
        open.events += 1;
        open.row = if open.row.0 == lsn { (lsn, open.row.1 + 1) } else { (lsn, 1) };
        match self.at.skip {
            Skip::Nothing => true,
            Skip::Events { commit, count, .. } => open.begin.commit != commit || open.events > count,
            Skip::UpToRow { xid, row: (last, count) } => {
                let same = xid.is_none_or(|xid| xid == open.begin.xid);
                let out = lsn < last || lsn == last && count.is_none_or(|count| open.row.1 <= count);
                !(same && out)
            }
        }
    }

    /// The transaction ends.
    pub fn commit(&mut self, commit: Commit) {
        let xid = self.open.take().map(|open| open.begin.xid).or(self.at.last.xid);
        self.at = StreamPosition {
            complete: commit.end,
            skip: Skip::Nothing,
            last: Last { xid, time: commit.time, end: commit.end },
        };
    }

    /// The server has nothing before `end` that has not come. Counts only between transactions.
    pub fn idle(&mut self, end: Lsn) {
        let passed = match self.at.skip {
            Skip::Nothing => true,
            Skip::Events { commit, .. } => end > commit,
            Skip::UpToRow { .. } => false,
        };
        if self.open.is_none() && end > self.at.complete && passed {
            self.at.complete = end;
            self.at.skip = Skip::Nothing;
        }
    }

    /// The position after the last change that came.
    pub fn position(&self) -> StreamPosition {
        let Some(open) = self.open.filter(|open| open.events > 0) else { return self.at };
        let still_skipping = match self.at.skip {
            Skip::Nothing => false,
            Skip::Events { commit, count, .. } => open.begin.commit == commit && open.events < count,
            Skip::UpToRow { xid, row: (last, count) } => {
                let behind = open.row.0 < last || open.row.0 == last && count.is_some_and(|count| open.row.1 < count);
                xid.is_none_or(|xid| xid == open.begin.xid) && behind
            }
        };
        if still_skipping {
            return self.at;
        }
        let Begin { commit, time, xid } = open.begin;
        let skip = Skip::Events { commit, count: open.events, xid, row: open.row };
        StreamPosition { complete: self.at.complete, skip, last: Last { xid: Some(xid), time, end: self.at.last.end } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Phase, Stored};
    use proptest::prelude::*;

    /// A transaction as the server replays it: the same at every time.
    #[derive(Clone, Debug)]
    struct Transaction {
        begin: Begin,
        rows: Vec<Lsn>,
        end: Lsn,
    }

    fn log() -> impl Strategy<Value = Vec<Transaction>> {
        prop::collection::vec(prop::collection::vec(0u64..3, 0..6), 1..12).prop_map(|sizes| {
            let mut at = 100;
            let transaction = |(number, steps): (usize, Vec<u64>)| {
                let row = |step: u64| {
                    at += step;
                    Lsn(at)
                };
                let rows = steps.into_iter().map(row).collect();
                at += 10;
                let begin = Begin { commit: Lsn(at), time: 0, xid: number as u32 };
                at += 5;
                Transaction { begin, rows, end: Lsn(at) }
            };
            sizes.into_iter().enumerate().map(transaction).collect()
        })
    }

    /// Replays the log from a position as the server does, for so many messages.
    fn replay(
        log: &[Transaction],
        from: StreamPosition,
        messages: usize,
        out: &mut Vec<(u32, usize)>,
    ) -> StreamPosition {
        let mut progress = Progress::from(from);
        let mut left = messages;
        let mut tick = || {
            left = left.saturating_sub(1);
            left > 0
        };
        for transaction in log.iter().filter(|transaction| transaction.begin.commit >= from.complete) {
            progress.begin(transaction.begin);
            for (ordinal, lsn) in transaction.rows.iter().enumerate() {
                if !tick() {
                    return progress.position();
                }
                if progress.event(*lsn) {
                    out.push((transaction.begin.xid, ordinal));
                }
            }
            if !tick() {
                return progress.position();
            }
            progress.commit(Commit { commit: transaction.begin.commit, end: transaction.end, time: 0 });
        }
        progress.position()
    }

    fn expected(log: &[Transaction]) -> Vec<(u32, usize)> {
        log.iter().flat_map(|t| (0..t.rows.len()).map(|ordinal| (t.begin.xid, ordinal))).collect()
    }

    proptest! {
        #[test]
        fn cuts_anywhere_lose_nothing_and_repeat_nothing(log in log(), cuts in prop::collection::vec(1usize..20, 0..12)) {
            let mut out = Vec::new();
            let mut at = StreamPosition::after(Lsn(1));
            for cut in cuts {
                at = replay(&log, at, cut, &mut out);
                let stored = Stored { phase: Phase::Streaming, at, origin: None };
                at = Stored::from_offset(&stored.to_offset()).unwrap().at;
            }
            replay(&log, at, usize::MAX, &mut out);
            prop_assert_eq!(out, expected(&log));
        }

        #[test]
        fn what_debezium_has_handed_over_is_not_repeated(log in log(), stop in 0usize..40) {
            // Debezium stores, after each change, the change's row, how many changes stood there, and the last whole transaction.
            let all = expected(&log);
            prop_assume!(!all.is_empty());
            let stop = stop % all.len();
            let (xid, ordinal) = all[stop];
            let transaction = &log[xid as usize];
            let row = transaction.rows[ordinal];
            let count = transaction.rows[..=ordinal].iter().filter(|lsn| **lsn == row).count() as u64;
            let complete = if xid == 0 { Lsn::NONE } else { log[xid as usize - 1].end };
            let skip = Skip::UpToRow { xid: Some(xid), row: (row, Some(count)) };
            let mut out = Vec::new();
            replay(&log, StreamPosition { complete, skip, last: Last::default() }, usize::MAX, &mut out);
            prop_assert_eq!(&out[..], &all[stop + 1..]);
        }
    }

    #[test]
    fn a_keepalive_counts_only_between_transactions() {
        let mut progress = Progress::from(StreamPosition::after(Lsn(5)));
        progress.begin(Begin { commit: Lsn(20), time: 0, xid: 1 });
        progress.idle(Lsn(10));
        assert_eq!(progress.position().complete, Lsn(5));
        progress.commit(Commit { commit: Lsn(20), end: Lsn(25), time: 0 });
        progress.idle(Lsn(24));
        assert_eq!(progress.position().complete, Lsn(25));
        progress.idle(Lsn(30));
        assert_eq!(
            progress.position(),
            StreamPosition { last: Last { xid: Some(1), time: 0, end: Lsn(25) }, ..StreamPosition::after(Lsn(30)) }
        );
    }
}
