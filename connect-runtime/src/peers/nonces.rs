//! Calls that were taken already, so that none is taken twice. Memory is bounded by time, and by number.

use std::collections::BTreeSet;

use super::signature::{MOST_SKEW_MS, Nonce, Refusal};

/// How many calls are remembered. Calls beyond that within [`MOST_SKEW_MS`] are refused, since an old one could not be
/// told from a new one.
pub const MOST_REMEMBERED: usize = 65_536;

/// The nonces of calls that could come again, by the time that they were signed at.
#[derive(Debug, Default)]
pub struct Nonces(BTreeSet<(i64, Nonce)>);

impl Nonces {
    /// Takes a call whose signature and time are right; refuses one that was taken before.
    pub fn take(&mut self, at_ms: i64, nonce: Nonce, now_ms: i64) -> Result<(), Refusal> {
        // What is older than this is refused for its age.
        let oldest = now_ms.saturating_sub(MOST_SKEW_MS);
        while self.0.first().is_some_and(|(at, _)| *at < oldest) {
            self.0.pop_first();
        }
        if self.0.len() >= MOST_REMEMBERED {
            return Err(Refusal::TooMany);
        }
        if self.0.insert((at_ms, nonce)) { Ok(()) } else { Err(Refusal::Repeated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_taken_once_for_as_long_as_its_time_is_accepted() {
        let mut nonces = Nonces::default();
        let (at, nonce) = (1_000_000, [7; 16]);
        assert_eq!(nonces.take(at, nonce, at), Ok(()));
        for now in [at, at + MOST_SKEW_MS] {
            assert_eq!(nonces.take(at, nonce, now), Err(Refusal::Repeated), "{now}");
        }
        assert_eq!(nonces.take(at, [8; 16], at), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_empties_with_time() {
        let mut nonces = Nonces::default();
        let nonce = |number: usize| (number as u128).to_be_bytes();
        for number in 0..MOST_REMEMBERED {
            assert_eq!(nonces.take(0, nonce(number), 0), Ok(()));
        }
        assert_eq!(nonces.take(0, nonce(MOST_REMEMBERED), 0), Err(Refusal::TooMany));
        let later = MOST_SKEW_MS + 1;
        assert_eq!(nonces.take(later, nonce(0), later), Ok(()));
        assert_eq!(nonces.0.len(), 1);
    }
}
