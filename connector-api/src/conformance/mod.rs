//! The checks that every connector, transform, predicate and converter passes, and doubles that misbehave.
//!
//! A connector's tests implement [`SourceWorld`] or [`SinkWorld`]: how to start, and how to make and see records in the
//! other system. [`check_source`] and [`check_sink`] then do what a worker does, kindly and unkindly, and compare what
//! went in with what came out. A failed check panics with its name and what it saw.
//!
//! The suite drives tasks exactly as the worker's loops do: calls never overlap, outcomes come in order and once.

mod config;
pub mod double_parts;
pub mod doubles;
mod part;
mod ports;
mod readme;
mod sink;
mod source;

pub use config::check_definition;
pub use part::check_part;
pub use ports::free_port;
pub use readme::check_readme;
pub use sink::{SinkWorld, check_sink};
pub use source::{SourceWorld, check_source};

use std::future::Future;
use std::time::Duration;

/// How long any single call may take before the suite calls it stuck.
pub const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// How long a task may take to stop: the worker's own default.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Runs a call under the deadline; panics with the name of the check if it is over.
async fn within<T>(check: &str, what: &str, limit: Duration, call: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, call).await {
        Ok(value) => value,
        Err(_) => panic!("{check}: {what} did not return within {limit:?}"),
    }
}
