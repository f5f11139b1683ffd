//! Positions of sources: the offset topic, in Kafka Connect's formats.

mod offset_log;
mod store;

pub use offset_log::OffsetLog;
pub use store::OffsetStore;
