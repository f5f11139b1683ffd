//! How long, and how often, what may succeed later is tried again: `errors.retry.*` (pure).

use std::time::Duration;

use broker_client::Backoff;
use connector_api::config::Config;
use connector_api::{Decision, Error};
use tokio::time::Instant;

/// The first delay, as in Kafka Connect.
const FIRST_DELAY: Duration = Duration::from_millis(300);

/// What a configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long after the first failure an attempt may begin; `None` for ever.
    pub timeout: Option<Duration>,
    /// The longest delay between attempts.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// No second attempt.
    fn default() -> RetryPolicy {
        RetryPolicy { timeout: Some(Duration::ZERO), delay_max: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// From a configuration that has been checked.
    pub fn of(config: &Config) -> RetryPolicy {
        let millis = |key| config.number(key).and_then(|number| u64::try_from(number).ok()).map(Duration::from_millis);
        let delay_max = millis("errors.retry.delay.max.ms").unwrap_or(RetryPolicy::default().delay_max);
        RetryPolicy { timeout: millis("errors.retry.timeout"), delay_max }
    }
}

/// Attempts at one thing.
pub struct Patience {
    policy: RetryPolicy,
    since: Option<Instant>,
    backoff: Backoff,
}

impl Patience {
    /// No attempt has failed yet.
    pub fn new(policy: RetryPolicy) -> Patience {
        let backoff = Backoff::new(FIRST_DELAY.min(policy.delay_max), policy.delay_max);
        Patience { policy, since: None, backoff }
    }

    /// Whether an error asks for another attempt, and one is still allowed.
    pub fn allows(&self, error: &Error, now: Instant) -> bool {
        let within = |timeout| match self.since {
            Some(since) => now.saturating_duration_since(since) < timeout,
            None => timeout > Duration::ZERO,
        };
        matches!(error.decision(), Decision::Retry { .. }) && self.policy.timeout.is_none_or(within)
    }

    /// When the next attempt is made. The last one is made when the time is over.
    pub fn next(&mut self, errors: &[Error], now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        let asked = errors.iter().filter_map(|error| match error.decision() {
            Decision::Retry { after } => *after,
            _ => None,
        });
        let delay = self.backoff.next_delay().max(asked.max().unwrap_or_default()).min(self.policy.delay_max);
        let next = now + delay;
        self.policy.timeout.map_or(next, |timeout| next.min(since + timeout))
    }

    /// It is done, whether well or not.
    pub fn reset(&mut self) {
        if self.since.take().is_some() {
            self.backoff.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(timeout: Option<u64>) -> Patience {
        let timeout = timeout.map(Duration::from_millis);
        Patience::new(RetryPolicy { timeout, delay_max: Duration::from_secs(1) })
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_the_time_and_begin_anew_afterwards() {
        let (retry, now) = (Error::retry("later"), Instant::now());
        let mut patience = patience(Some(1000));
        assert!(!patience.allows(&Error::reject("never"), now));
        let mut at = now;
        let mut attempts = 0;
        while patience.allows(&retry, at) {
            let next = patience.next(std::slice::from_ref(&retry), at);
            assert!(next > at && next <= now + Duration::from_millis(1000), "{:?}", next - now);
            (at, attempts) = (next, attempts + 1);
        }
        assert!((2..10).contains(&attempts) && at == now + Duration::from_millis(1000), "{attempts}");
        patience.reset();
        assert!(patience.allows(&retry, at));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_second_attempt_by_default_and_no_last_one_with_minus_one() {
        let (retry, now) = (Error::retry("later"), Instant::now());
        assert!(!patience(Some(0)).allows(&retry, now));
        let mut endless = patience(None);
        endless.next(std::slice::from_ref(&retry), now);
        assert!(endless.allows(&retry, now + Duration::from_secs(1_000_000)));
    }
}
