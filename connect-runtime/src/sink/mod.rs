//! From the log into a sink.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.rs` | THE sink loop |
//! | `group.rs` | the task's place in its consumer group: which partitions it has |
//! | `queue.rs` | what has been fetched and not put yet |
//! | `decode.rs` | bytes into records: converters |
//! | `progress.rs` | put, flushed, committed, for each partition (pure) |
//! | `subscription.rs` | which topics are read |

mod decode;
mod group;
mod progress;
mod queue;
mod run;
mod subscription;

pub use decode::Decoder;
pub use group::GroupSettings;
pub use run::{SinkSetup, run};
pub use subscription::Subscription;
