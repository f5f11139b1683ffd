//! The log on disk: one folder for each partition, in Kafka's formats, durable before acknowledged.
//!
//! Way of a batch: [`append`] checks its producer, patches its head and writes it to the active
//! [`segment`]; the [`committer`] syncs whatever was appended since its last sync and moves the high watermark;
//! [`reading`] gives readers whole batches below it. After a restart [`recovery`] finds where the sound batches end.
//! [`transactions`] says up to where they are decided; [`ending`] writes the markers that decide them.

pub mod aborted;
pub mod append;
pub mod committer;
pub mod disk;
pub mod ending;
pub mod folder;
pub mod index;
pub mod lock;
pub mod partition;
pub mod producer_snapshot;
pub mod producers;
pub mod reading;
pub mod recovery;
pub mod recovery_points;
pub mod replay;
pub mod scan;
pub mod segment;
#[cfg(test)]
pub mod tests;
pub mod transactions;
pub mod waiters;
