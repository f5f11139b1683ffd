//! Rate limits: how many records, bytes and requests a task may move in a second. They change while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connector_api::config::RawConfig;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::RATE_KEYS;

/// The limits of one task. Cheap to clone; all clones change together.
#[derive(Clone, Debug, Default)]
pub struct RateLimits(Arc<Limits>);

#[derive(Debug, Default)]
struct Limits {
    /// In the order of [`RATE_KEYS`]; 0 for none.
    per_second: [AtomicU64; 3],
    requests: Mutex<Pace>,
}

impl RateLimits {
    /// Takes the limits of a configuration. What cannot be read is no limit; checking says so before.
    pub fn set(&self, config: &RawConfig) {
        for (limit, key) in self.0.per_second.iter().zip(RATE_KEYS) {
            let number = config.get(key).and_then(|text| text.trim().parse().ok());
            limit.store(number.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Records per second.
    pub fn records(&self) -> Option<u64> {
        self.limit(0)
    }

    /// Bytes per second.
    pub fn bytes(&self) -> Option<u64> {
        self.limit(1)
    }

    /// Counts a request that is about to be sent, and says how long to wait before it.
    pub fn request(&self, now: Instant) -> Duration {
        let mut requests = self.0.requests.lock();
        let delay = requests.delay(now);
        requests.spent(1, self.limit(2), now);
        delay
    }

    fn limit(&self, index: usize) -> Option<u64> {
        Some(self.0.per_second[index].load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }
}

/// The pace of a task's records.
#[derive(Debug)]
pub struct Pacer {
    limits: RateLimits,
    records: Pace,
    bytes: Pace,
}

impl Pacer {
    /// Within those limits.
    pub fn new(limits: RateLimits) -> Pacer {
        Pacer { limits, records: Pace::default(), bytes: Pace::default() }
    }

    /// The most records and bytes to move at once: what a second allows, so that no wait is longer than about that.
    pub fn at_once(&self) -> (Option<usize>, Option<usize>) {
        let size = |limit: Option<u64>| limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        (size(self.limits.records()), size(self.limits.bytes()))
    }

    /// How long to wait before more is moved.
    pub fn delay(&self, now: Instant) -> Duration {
        self.records.delay(now).max(self.bytes.delay(now))
    }

    /// Counts what was moved.
    pub fn spent(&mut self, records: usize, bytes: usize, now: Instant) {
        self.records.spent(records as u64, self.limits.records(), now);
        self.bytes.spent(bytes as u64, self.limits.bytes(), now);
    }
}

/// One rate. What was not used in the past is not made up for.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    free_at: Option<Instant>,
}

impl Pace {
    fn delay(&self, now: Instant) -> Duration {
        self.free_at.map_or(Duration::ZERO, |free_at| free_at.saturating_duration_since(now))
    }

    fn spent(&mut self, count: u64, per_second: Option<u64>, now: Instant) {
        let from = self.free_at.map_or(now, |free_at| free_at.max(now));
        self.free_at = per_second.map(|limit| from + Duration::from_secs_f64(count as f64 / limit as f64));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(records: u64, bytes: u64) -> RateLimits {
        let limits = RateLimits::default();
        let keys = [(RATE_KEYS[0], records), (RATE_KEYS[1], bytes), (RATE_KEYS[2], records)];
        limits.set(&keys.map(|(key, limit)| (key.to_owned(), limit.to_string())).into());
        limits
    }

    proptest! {
        /// Whoever waits as told moves what the limits allow in that time, and at most one step more.
        #[test]
        fn the_rate_is_kept(
            records in 1u64..10_000, bytes in 1u64..1_000_000,
            steps in prop::collection::vec((1usize..500, 0usize..50_000, 0u64..300), 1..60),
        ) {
            let mut pacer = Pacer::new(limits(records, bytes));
            let start = Instant::now();
            let (mut now, mut moved, mut last) = (start, (0.0, 0.0), (0.0, 0.0));
            for (count, size, pause) in steps {
                now += pacer.delay(now) + Duration::from_millis(pause);
                let seconds = (now - start).as_secs_f64() + 1e-3;
                prop_assert!(moved.0 <= seconds * records as f64 + 1.0, "{} records in {} s", moved.0, seconds);
                prop_assert!(moved.1 <= seconds * bytes as f64 + 1.0, "{} bytes in {} s", moved.1, seconds);
                pacer.spent(count, size, now);
                last = (count as f64, size as f64);
                moved = (moved.0 + last.0, moved.1 + last.1);
            }
            let longest = (last.0 / records as f64).max(last.1 / bytes as f64) + 1e-6;
            prop_assert!(pacer.delay(now).as_secs_f64() <= longest, "it waits for the last step alone");
        }
    }

    #[test]
    fn limits_change_while_they_are_waited_for() {
        let limits = limits(10, 0);
        let mut pacer = Pacer::new(limits.clone());
        let now = Instant::now();
        assert_eq!(pacer.at_once(), (Some(10), None));
        pacer.spent(10, 1 << 20, now);
        assert_eq!(pacer.delay(now), Duration::from_secs(1));
        assert_eq!((limits.request(now), limits.request(now)), (Duration::ZERO, Duration::from_millis(100)));
        limits.set(&RawConfig::new());
        pacer.spent(1000, 1 << 20, now);
        assert_eq!((pacer.at_once(), pacer.delay(now)), ((None, None), Duration::ZERO));
        limits.request(now);
        assert_eq!(limits.request(now), Duration::ZERO);
    }
}
