//! The producer: records into batches, batches into partitions, several in flight, each exactly once and in order.
//!
//! | file | what it holds |
//! |---|---|
//! | `batch.rs` | a finished batch, and its bytes before and after it was sent |
//! | `queue.rs` | the batches of one partition: what may be sent, what must be sent again (pure) |
//! | `split.rs` | a batch that is too large, in halves (pure) |
//! | `topics.rs` | topics, partitions and the batches that are being filled |
//! | `send.rs` | requests to brokers and their answers |
//! | `run.rs` | the producer |
//! | `whole.rs` | whole batches of another log |
//! | `transaction.rs`, `coordinator.rs` | its transactions; what it asks the coordinator |

mod batch;
mod coordinator;
mod queue;
mod run;
mod send;
mod split;
mod topics;
mod transaction;
mod whole;

pub use coordinator::fence_producers;
pub use run::{Acknowledged, Producer, ProducerConfig, ProducerEvent, RecordToSend};
pub use transaction::TransactionalId;
