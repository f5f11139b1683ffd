//! Patience.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a test waits for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Waits until it is so.
///
/// # Panics
/// Patience has come to an end; `what` says what did not happen.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    until_some(what, || is_so().then_some(()));
}

/// Waits until it is as it is wanted.
///
/// # Panics
/// Patience has come to an end; the message has what it was instead.
pub fn until_it_is<T: PartialEq + Debug>(what: &str, wanted: &T, mut now: impl FnMut() -> T) {
    let since = Instant::now();
    loop {
        let is = now();
        if is == *wanted {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "within {PATIENCE:?} {what} did not come to be {wanted:?}, but is {is:?}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until there is something.
///
/// # Panics
/// Patience has come to an end; `what` says what did not happen.
pub fn until_some<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = get() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "it did not happen within {PATIENCE:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}
