//! How many requests may be under way, and how long to wait before one goes again. Pure.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The longest wait before something is sent again, before it is drawn at random.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The number of requests that may be under way: half as many when the server pushes back, one more again with each
/// request that succeeds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    size: usize,
    most: usize,
}

impl Window {
    /// All allowed requests.
    pub fn new(most: usize) -> Window {
        Window { size: most.max(1), most: most.max(1) }
    }

    /// How many.
    pub fn size(self) -> usize {
        self.size
    }

    /// The server took a whole request.
    pub fn grow(&mut self) {
        self.size = (self.size + 1).min(self.most);
    }

    /// The server pushed back.
    pub fn shrink(&mut self) {
        self.size = (self.size / 2).max(1);
    }
}

/// How long to wait before an operation that failed that many times goes again: up to the base doubled each time;
/// `chance` from 0 to 1 says where between nothing and that.
pub fn wait(base: Duration, failures: u32, chance: f64) -> Duration {
    let doubled = base.checked_mul(2u32.saturating_pow(failures.saturating_sub(1))).unwrap_or(LONGEST_WAIT);
    doubled.min(LONGEST_WAIT).mul_f64(chance.clamp(0.0, 1.0))
}

/// From 0 to 1 at random.
pub fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_halves_and_grows_by_one() {
        let mut window = Window::new(5);
        let mut sizes = Vec::new();
        for push_back in [true, true, true, false, false, false, false, false] {
            if push_back {
                window.shrink()
            } else {
                window.grow()
            }
            sizes.push(window.size());
        }
        assert_eq!(sizes, [2, 1, 1, 2, 3, 4, 5, 5]);
    }

    proptest! {
        #[test]
        fn waits_are_within_their_limits(base in 0u64..100_000_000, failures: u32, chance: f64) {
            prop_assume!(!chance.is_nan());
            prop_assert!(wait(Duration::from_millis(base), failures, chance) <= LONGEST_WAIT);
        }
    }

    #[test]
    fn waits_double() {
        let base = Duration::from_millis(100);
        assert_eq!(wait(base, 1, 1.0), base);
        assert_eq!(wait(base, 3, 1.0), 4 * base);
        assert_eq!(wait(base, 3, 0.5), 2 * base);
        assert_eq!(wait(base, 60, 1.0), LONGEST_WAIT);
    }
}
