//! How a move goes: what others may look at while it runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What is being done, and how far it is. Cheap to clone; all clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Mutex<Option<State>>>);

#[derive(Debug)]
struct State {
    what: &'static str,
    since: Instant,
    total: i64,
    before: (i64, u64),
    done: (i64, u64),
}

/// How it goes at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// What is being done, such as `copying`.
    pub what: &'static str,
    /// Records done, of how many.
    pub records: (i64, i64),
    /// Bytes done.
    pub bytes: u64,
    /// Bytes a second since it began.
    pub rate: f64,
    /// How long the rest will take at that rate; `None` before anything is done.
    pub left: Option<Duration>,
}

impl Pace {
    /// Something begins, with so many records in all, and records and bytes that are done already.
    pub fn begin(&self, what: &'static str, total: i64, done: (i64, u64)) {
        *self.0.lock() = Some(State { what, since: Instant::now(), total, before: done, done });
    }

    /// So many more records and bytes are done.
    pub fn add(&self, records: i64, bytes: u64) {
        if let Some(state) = &mut *self.0.lock() {
            state.done = (state.done.0 + records, state.done.1 + bytes);
        }
    }

    /// How it goes now; `None` before anything has begun.
    pub fn standing(&self) -> Option<Standing> {
        let state = self.0.lock();
        state.as_ref().map(|state| standing(state, state.since.elapsed()))
    }
}

fn standing(state: &State, elapsed: Duration) -> Standing {
    let (done, total) = (state.done, state.total);
    let seconds = elapsed.as_secs_f64().max(0.001);
    let records = (done.0 - state.before.0).max(0) as f64 / seconds;
    let missing = (total - done.0).max(0) as f64;
    // A century is as good as for ever, and a duration can hold it.
    let left = (records > 0.0).then(|| Duration::from_secs_f64((missing / records).min(3e9)));
    let rate = done.1.saturating_sub(state.before.1) as f64 / seconds;
    Standing { what: state.what, records: (done.0, total), bytes: done.1, rate, left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_reckoned_from_what_was_done_in_this_run() {
        let state = State { what: "copying", since: Instant::now(), total: 100, before: (50, 500), done: (60, 600) };
        let standing = standing(&state, Duration::from_secs(2));
        assert_eq!((standing.records, standing.bytes), ((60, 100), 600));
        assert_eq!((standing.rate, standing.left), (50.0, Some(Duration::from_secs(8))));
        let pace = Pace::default();
        assert_eq!(pace.standing(), None);
        pace.begin("copying", 1, (0, 0));
        assert_eq!(pace.standing().unwrap().left, None);
    }
}
