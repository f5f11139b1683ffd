//! The clock, and names that no other life has.

use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A name for this life of a task: 128 bits from the randomness that the system seeds hash maps with.
pub(super) fn life_of_a_task() -> String {
    let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random() ^ now().unsigned_abs(), random() ^ u64::from(std::process::id()))
}
