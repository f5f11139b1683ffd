//! CreateTopics. KIP-464 (defaults, v4), KIP-525 (configs in the answer, v5), KIP-599 (v6), KIP-516 (v7).

use crate::message::message;
use crate::messages::api;
use crate::{ErrorCode, Uuid};

api!(CreateTopics, CreateTopicsRequest, CreateTopicsResponse);

message! {
    /// Topics to create.
    pub struct CreateTopicsRequest {
        /// The topics.
        topics: Vec<CreatableTopic> [0..],
        /// How long in ms the broker may take.
        timeout_ms: i32 [0..] = 60000,
        /// Check everything, change nothing.
        validate_only: bool [0..],
    }

    /// A topic to create.
    pub struct CreatableTopic {
        /// Name of the topic.
        name: String [0..],
        /// How many partitions; -1 takes the broker's default.
        num_partitions: i32 [0..],
        /// How many brokers hold each partition; -1 takes the broker's default.
        replication_factor: i16 [0..],
        /// Brokers for each partition, if the caller chooses them.
        assignments: Vec<CreatableReplicaAssignment> [0..],
        /// Config keys and values.
        configs: Vec<CreatableTopicConfig> [0..],
    }

    /// Brokers of one partition.
    pub struct CreatableReplicaAssignment {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// Ids of brokers, the leader first.
        broker_ids: Vec<i32> [0..],
    }

    /// A config key of the new topic.
    pub struct CreatableTopicConfig {
        /// Config key.
        name: String [0..],
        /// Value of the key.
        value: Option<String> [0..],
    }

    /// The answer.
    pub struct CreateTopicsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// The topics.
        topics: Vec<CreatableTopicResult> [0..],
    }

    /// The outcome for one topic.
    pub struct CreatableTopicResult {
        /// Name of the topic.
        name: String [0..],
        /// Id of the topic, zero for none.
        topic_id: Uuid [7..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// Why `configs` is missing, if it is.
        topic_config_error_code: ErrorCode [5.., tag 0],
        /// How many partitions the topic has, -1 if the caller may not know.
        num_partitions: i32 [5..] = -1,
        /// How many brokers hold each partition; -1 takes the broker's default.
        replication_factor: i16 [5..] = -1,
        /// Config keys and values.
        configs: Option<Vec<CreatableTopicConfigs>> [5..],
    }

    /// A config key as it stands after creation.
    pub struct CreatableTopicConfigs {
        /// Config key.
        name: String [5..],
        /// Value of the key.
        value: Option<String> [5..],
        /// True if the key cannot be altered.
        read_only: bool [5..],
        /// Where the value comes from: 1 topic, 2 dynamic broker, 4 static broker, 5 default.
        config_source: i8 [5..] = -1,
        /// True if the value is secret and therefore null.
        is_sensitive: bool [5..],
    }
}
