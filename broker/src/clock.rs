//! The only place that reads the time.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time for timestamps, and a time that only moves forward for time-outs.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Milliseconds since the start.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The moment that is `ms` milliseconds after the start.
    pub fn at(&self, ms: i64) -> Instant {
        self.start + std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// Milliseconds since 1970.
    pub fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Something that has to be done at times.
pub trait Timed: Send + Sync + 'static {
    /// Does what is due, and says when the next thing will be, in ms since the start.
    fn tick(self: &Arc<Self>) -> Option<i64>;

    /// Returns once something is due earlier than the last [`tick`](Self::tick) said.
    fn earlier(&self) -> impl Future<Output = ()> + Send;
}
