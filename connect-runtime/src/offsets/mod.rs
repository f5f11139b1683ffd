//! Positions of sources: the offset topics, in Kafka Connect's formats.
//!
//! | file | what it holds |
//! |---|---|
//! | `offset_log.rs` | an offset topic, record by record (pure) |
//! | `store.rs` | reading and writing one |
//! | `connector.rs` | the positions of one connector, which may have a topic of its own |

mod connector;
mod offset_log;
mod store;

pub use connector::{ConnectorOffsets, OwnTopic};
pub use offset_log::OffsetLog;
pub use store::OffsetStore;
