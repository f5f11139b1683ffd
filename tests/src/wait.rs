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
    patiently(|| match now() {
        is if is == *wanted => Ok(()),
        is => Err(format!("{what} is not {wanted:?}, but {is:?}")),
    });
}

/// Waits until there is something.
///
/// # Panics
/// Patience has come to an end; `what` says what did not happen.
pub fn until_some<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    patiently(|| get().ok_or_else(|| what.to_owned()))
}

pub(crate) fn patiently<T>(mut get: impl FnMut() -> Result<T, String>) -> T {
    let since = Instant::now();
    loop {
        match get() {
            Ok(value) => return value,
            Err(why) => assert!(since.elapsed() < PATIENCE, "it did not happen within {PATIENCE:?}: {why}"),
        }
        std::thread::sleep(PAUSE);
    }
}
