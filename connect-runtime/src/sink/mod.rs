//! From the log into a sink.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.rs` | THE sink loop |
//! | `group.rs` | the task's place in its consumer group: which partitions it has |
//! | `queue.rs` | what has been fetched and not put yet |
//! | `decode.rs` | bytes into records: converters |
//! | `transform.rs` | the loop's step of sending them through transforms |
//! | `chunk.rs` | the records that are being put, and how far partitions have come with them (pure) |
//! | `put.rs` | the loop's step of putting them |
//! | `written.rs`, `kept.rs` | what becomes of records that the sink wrote later than they were put |
//! | `rejects.rs`, `dead_letters.rs` | records that are no good, and the topic that keeps them |
//! | `room.rs` | records that were put, as room for the next ones (pure) |
//! | `progress.rs` | put, flushed, committed, for each partition (pure) |
//! | `subscription.rs` | which topics are read |

mod chunk;
mod dead_letters;
mod decode;
mod group;
mod kept;
mod progress;
mod put;
mod queue;
mod rejects;
mod room;
mod run;
mod subscription;
mod transform;
mod written;

pub use decode::Decoder;
pub use group::{GroupSettings, instance_of};
pub use rejects::{Classes, RejectSettings};
pub use run::{SinkSetup, run};
pub use subscription::Subscription;
