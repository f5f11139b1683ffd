//! The worker: runs connectors, and everything around them; and the binary `naru`.
//!
//! | folder | what it holds |
//! |---|---|
//! | `cli/` | the command line |
//! | `worker.rs` | a worker from start to stop |
//! | `rest/` | what users call |
//! | `peers/` | what workers of a herd call each other |
//! | `herd/` | what is wanted, who runs what, how it goes; the supervisor |
//! | `task/` | what every task has: thread, orders, status, memory, restarts |
//! | `source/`, `sink/` | THE two loops |
//! | `convert/` | bytes to values and back |
//! | `transform/` | what stands between a connector and the log beside that |
//! | `offsets/`, `internal/` | positions; the worker's own topics |
//! | `log/` | the way to the log |
//! | `memory.rs` | what the allocator holds, and when it gives it back |
//! | `moving/` | the embedded log to a cluster |
//! | `config/`, `secrets/`, `plugins/` | settings, what must not be shown, the connectors |

pub mod cli;
pub mod config;
pub mod convert;
pub mod herd;
pub mod internal;
pub mod log;
mod memory;
pub mod moving;
pub mod offsets;
pub mod peers;
pub mod plugins;
pub mod rest;
pub mod secrets;
pub mod sink;
pub mod source;
pub mod task;
pub mod transform;
pub mod worker;
