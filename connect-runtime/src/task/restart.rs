//! When a failed task starts again by itself.

use std::time::Duration;

/// The worker's settings for restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Whether failed tasks start again at all.
    pub enabled: bool,
    /// The delay before the first restart.
    pub first: Duration,
    /// The delay doubles up to this.
    pub most: Duration,
    /// A task that has run for this long is taken for healthy: its next failure counts as the first.
    pub healthy_after: Duration,
}

impl Default for RestartPolicy {
    fn default() -> RestartPolicy {
        RestartPolicy {
            enabled: true,
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            healthy_after: Duration::from_secs(300),
        }
    }
}

/// The failures of one task in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    count: u32,
}

impl Failures {
    /// Notes a failure after the task ran for `ran`; how long to wait before the next start, `None` to stay failed.
    pub fn note(&mut self, policy: &RestartPolicy, ran: Duration, may_heal: bool) -> Option<Duration> {
        if ran >= policy.healthy_after {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        if !policy.enabled || !may_heal {
            return None;
        }
        Some(policy.first.saturating_mul(2u32.saturating_pow(self.count - 1)).min(policy.most))
    }

    /// The number of the restart that comes next, from 1.
    pub fn attempt(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_a_healthy_run_starts_anew() {
        let policy = RestartPolicy::default();
        let (mut failures, short) = (Failures::default(), Duration::from_secs(2));
        let delays: Vec<u64> =
            (0..8).map(|_| failures.note(&policy, short, true).map_or(0, |delay| delay.as_secs())).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(failures.attempt(), 8);
        assert_eq!(failures.note(&policy, Duration::from_secs(300), true), Some(Duration::from_secs(1)));
        assert_eq!(failures.attempt(), 1);
    }

    #[test]
    fn what_no_restart_can_heal_stays_failed() {
        let mut failures = Failures::default();
        assert_eq!(failures.note(&RestartPolicy::default(), Duration::ZERO, false), None);
        let off = RestartPolicy { enabled: false, ..RestartPolicy::default() };
        assert_eq!(failures.note(&off, Duration::ZERO, true), None);
    }
}
