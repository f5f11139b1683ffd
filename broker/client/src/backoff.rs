//! Growing delays between attempts.

use std::time::Duration;

/// Doubles from a first delay up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    /// From `first` up to `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff { first, most, attempts: 0 }
    }

    /// The delay before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.first.saturating_mul(2u32.saturating_pow(self.attempts)).min(self.most);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }

    /// How many delays there have been since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// After a success: begin with the first delay again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// 100 ms up to 5 s.
impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        let delays: Vec<u128> = (0..5).map(|_| backoff.next_delay().as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 500, 500]);
        (0..100).for_each(|_| assert_eq!(backoff.next_delay().as_millis(), 500));
        backoff.reset();
        assert_eq!(backoff.next_delay().as_millis(), 100);
    }
}
