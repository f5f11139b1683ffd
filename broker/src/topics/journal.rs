//! The broker's own topics as journals: which partition keeps what, made when it is first needed.

use std::sync::Arc;

use super::config::TopicConfig;
use super::registry::{PartitionState, Registry, Topic};
use crate::log::partition::PartitionLog;

impl Registry {
    /// The partition of a journal that keeps what is known of `key`. The topic is created with `partitions` if it is not there;
    /// `None` if that fails, or if the partition is offline.
    pub fn journal(&self, topic: &str, partitions: u32, key: &str) -> Option<Arc<PartitionLog>> {
        let topic = match self.get(topic) {
            Some(topic) => topic,
            None => self.create_journal(topic, partitions)?,
        };
        let index = partition_of(key, topic.partitions.len() as i32);
        topic.partition(index).and_then(PartitionState::online).cloned()
    }

    fn create_journal(&self, name: &str, partitions: u32) -> Option<Arc<Topic>> {
        let config = TopicConfig::new([("cleanup.policy", Some("compact"))]).ok()?;
        match self.create(name, partitions, config) {
            Ok(created) => created.or_else(|| self.get(name)),
            Err(error) => {
                tracing::warn!(topic = name, %error, "the broker's own topic could not be created");
                None
            }
        }
    }
}

/// The partition of a journal that a key belongs to, as Kafka chooses it: Java's hash of the name.
pub fn partition_of(key: &str, partitions: i32) -> i32 {
    let hash = key.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX).checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_as_java_does() {
        // "test".hashCode() is 3556498.
        assert_eq!(partition_of("test", 50), 3_556_498 % 50);
        assert_eq!(partition_of("anything", 1), 0);
        assert!((0..50).contains(&partition_of("\u{1F600} more", 50)));
    }
}
