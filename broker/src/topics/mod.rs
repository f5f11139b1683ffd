//! Topics: their names, configs and the registry that keeps them.

pub mod config;
pub mod journal;
pub mod name;
pub mod registry;

pub use config::TopicConfig;
pub use registry::{PartitionState, Registry, Topic};
