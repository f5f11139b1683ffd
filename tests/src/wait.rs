//! Patience.

use std::time::{Duration, Instant};

/// How long a test waits for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so.
///
/// # Panics
/// Patience has come to an end; `what` says what did not happen.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    until_some(what, || is_so().then_some(()));
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
        std::thread::sleep(Duration::from_millis(20));
    }
}
