//! Decides cuts beside everything else: one request after the other, each with all that has come up meanwhile.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::content::Cut;
use super::keeper::Keeper;
use crate::store::Board;

/// Whether cuts have been written down.
pub(crate) type Decision = Rc<Cell<bool>>;

/// Writes a journal. What fails is tried again until it works, and meanwhile shown on the [`Board`]. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Decider {
    wanted: UnboundedSender<Wanted>,
    work: tokio::task::AbortHandle,
}

#[derive(Debug)]
struct Wanted {
    cuts: Vec<Cut>,
    settled: i64,
    decided: Decision,
}

impl Decider {
    /// Must be called inside a `LocalSet`, as tasks run in.
    pub fn begin(keeper: Keeper, board: Rc<Board>) -> Decider {
        let (wanted, todo) = unbounded_channel();
        let work = tokio::task::spawn_local(run(keeper, board, todo)).abort_handle();
        Decider { wanted, work }
    }

    /// Has cuts written down. What ends below `settled` may be forgotten.
    pub fn decide(&self, cuts: Vec<Cut>, settled: i64) -> Decision {
        let decided = Decision::default();
        // The other end is gone only after it was stopped.
        let _ = self.wanted.send(Wanted { cuts, settled, decided: decided.clone() });
        decided
    }
}

impl Drop for Decider {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn run(mut keeper: Keeper, board: Rc<Board>, mut todo: UnboundedReceiver<Wanted>) {
    let mut wanted: Vec<Wanted> = Vec::new();
    while todo.recv_many(&mut wanted, usize::MAX).await > 0 {
        let cuts: Vec<Cut> = wanted.iter().flat_map(|one| one.cuts.iter().cloned()).collect();
        let settled = wanted.iter().map(|one| one.settled).max().unwrap_or(i64::MIN);
        board.until_done(async || keeper.decide(&cuts, settled).await).await;
        wanted.drain(..).for_each(|one| one.decided.set(true));
        board.has_moved();
    }
}
