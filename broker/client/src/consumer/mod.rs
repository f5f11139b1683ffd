//! Reading partitions.
//!
//! | file | what it holds |
//! |---|---|
//! | `positions.rs` | which partitions are read, and from where (pure) |
//! | `aborted.rs` | leaving out what transactions have aborted (pure) |
//! | `fetcher.rs` | fetch requests and their answers |

mod aborted;
mod fetcher;
mod positions;

pub use fetcher::{FetchConfig, FetchEvent, Fetcher};
pub use positions::TopicPartition;
