//! A dynamic library's side of the boundary: what [`export!`](crate::export) makes of connectors.
//!
//! | part | what it does |
//! |---|---|
//! | `entry.rs` | the library's descriptor and its functions |
//! | `instance.rs` | a connector or a task: one call at a time, panics caught |
//! | `dispatch.rs` | requests to methods of connectors, results to replies |
//! | `part.rs` | the same for transforms, predicates and converters |
//! | `host.rs` | the worker, as the library's code sees it |
//! | `logs.rs` | `tracing` and panics into the worker's log |
//! | `waker.rs` | the worker's waker as a Rust one |
//!
//! Calls are polled on the task's own thread, as they are for connectors that are built in. A library has one thread of its own,
//! which waits for sockets and timers; tasks made by `tokio::spawn` run there.

mod dispatch;
mod entry;
mod host;
mod instance;
mod logs;
mod part;
mod waker;

pub use entry::{Build, describe};
