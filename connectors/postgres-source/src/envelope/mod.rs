//! From changes to records: Debezium's envelope, keys, topics and tombstones.

pub mod change;
mod names;
pub mod row;
pub mod shape;
pub mod source;

pub use change::Records;
pub use shape::Shape;
