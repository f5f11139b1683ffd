//! Transactions (KIP-98): who may write under a transactional id, which partitions belong to its transaction, and how it ends.
//!
//! [`transaction`] is the state machine of one id: pure, times are passed in. [`coordinator`] is the shell around it: it writes
//! each step to [`journal`] before it counts, runs the timers, and has [`ending`] write the markers once a decision is durable.
//!
//! ```text
//! InitProducerId      -> a new epoch; what its predecessor left open is aborted
//! AddPartitionsToTxn  -> journal: Ongoing, partitions -> durable -> announced to the partitions, which take batches from then on
//! EndTxn              -> journal: PrepareCommit or PrepareAbort -> durable: from here on it is decided
//!                        -> a marker in each partition that was written to -> journal: CompleteCommit or CompleteAbort -> answer
//! start               -> what is decided gets the markers that are missing; what is open stays so, for its time-out from then on
//! ```
//!
//! The journal is the topic `__transaction_state` in Kafka's formats and not a file of its own: it is synced in the same rounds as
//! the partitions, recovered by the same code after a power cut, read by Kafka's tools, and will be compacted as they are.

pub mod coordinator;
pub mod ending;
pub mod journal;
pub mod loading;
#[cfg(test)]
mod tests;
pub mod transaction;
