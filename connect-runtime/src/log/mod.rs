//! The log, as the worker reaches it: its own, in the same process, or a cluster.

mod in_process;
mod link;

pub use in_process::InProcess;
pub use link::LogLink;
