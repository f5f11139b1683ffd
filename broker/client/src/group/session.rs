//! Until when a member keeps its place without another sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Until when a member keeps its place. A process that was frozen learns from it, before it asks anybody, that others may
/// have taken over what it was at. Cheap to clone, cheap to ask, from any thread.
#[derive(Clone, Debug)]
pub struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    opened: Instant,
    /// Milliseconds since then.
    ends: AtomicU64,
}

impl Session {
    /// One that does not end until it is given an end.
    pub fn open() -> Session {
        Session(Arc::new(Shared { opened: Instant::now(), ends: AtomicU64::new(u64::MAX) }))
    }

    /// Moves the end; `None` if there is none.
    pub fn extend(&self, ends: Option<Instant>) {
        let millis = |at: Instant| at.saturating_duration_since(self.0.opened).as_millis() as u64;
        self.0.ends.store(ends.map_or(u64::MAX, millis), Ordering::Release);
    }

    /// Whether it is over: the log may have given the place away.
    pub fn is_over(&self) -> bool {
        let ends = self.0.ends.load(Ordering::Acquire);
        ends != u64::MAX && self.0.opened.elapsed() >= Duration::from_millis(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_over_once_its_end_has_passed() {
        let session = Session::open();
        assert!(!session.is_over());
        session.extend(Some(Instant::now() + Duration::from_secs(60)));
        assert!(!session.is_over());
        session.extend(Some(Instant::now()));
        assert!(session.is_over());
        session.extend(None);
        assert!(!session.is_over());
    }
}
