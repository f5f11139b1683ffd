//! Metadata: brokers, topics and partitions. KIP-516 (topic ids, v10), KIP-700 (v11).

use crate::message::message;
use crate::messages::api;
use crate::{ErrorCode, Uuid};

api!(Metadata, MetadataRequest, MetadataResponse);

message! {
    /// The topics asked for.
    pub struct MetadataRequest {
        /// Topics asked for. Null asks for all; in version 0 the empty list does.
        topics: Option<Vec<MetadataRequestTopic>> [0.., null 1..],
        /// Create a topic that is asked for and missing, if the broker allows it.
        allow_auto_topic_creation: bool [4..] = true,
        /// Ask for the bits of what the caller may do with the cluster.
        include_cluster_authorized_operations: bool [8..=10],
        /// Ask for the bits of what the caller may do with each topic.
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic asked for, by name or by id.
    pub struct MetadataRequestTopic {
        /// Id of the topic, zero for none.
        topic_id: Uuid [10..],
        /// Name of the topic.
        name: Option<String> [0.., null 10..],
    }

    /// The answer.
    pub struct MetadataResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [3..],
        /// The brokers.
        brokers: Vec<MetadataResponseBroker> [0..],
        /// Id of the cluster.
        cluster_id: Option<String> [2..],
        /// Broker that takes changes of topics, -1 if unknown.
        controller_id: i32 [1..] = -1,
        /// The topics.
        topics: Vec<MetadataResponseTopic> [0..],
        /// Bits of what the caller may do with the cluster; -2147483648 if it did not ask.
        cluster_authorized_operations: i32 [8..=10] = -2_147_483_648,
        /// What went wrong, if anything did.
        error_code: ErrorCode [13..],
    }

    /// A broker.
    pub struct MetadataResponseBroker {
        /// Id of the broker.
        node_id: i32 [0..],
        /// Name or address to connect to.
        host: String [0..],
        /// Port to connect to.
        port: i32 [0..],
        /// Where the broker stands, null if unknown.
        rack: Option<String> [1..],
    }

    /// A topic.
    pub struct MetadataResponseTopic {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Name of the topic.
        name: Option<String> [0.., null 12..],
        /// Id of the topic, zero for none.
        topic_id: Uuid [10..],
        /// True for a topic of the broker's own.
        is_internal: bool [1..],
        /// The partitions.
        partitions: Vec<MetadataResponsePartition> [0..],
        /// Bits of what the caller may do with the topic; -2147483648 if it did not ask.
        topic_authorized_operations: i32 [8..] = -2_147_483_648,
    }

    /// A partition.
    pub struct MetadataResponsePartition {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Number of the partition.
        partition_index: i32 [0..],
        /// Broker that leads, -1 if unknown.
        leader_id: i32 [0..],
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [7..] = -1,
        /// Brokers that hold the partition.
        replica_nodes: Vec<i32> [0..],
        /// Replicas that are in sync.
        isr_nodes: Vec<i32> [0..],
        /// Replicas that are offline.
        offline_replicas: Vec<i32> [5..],
    }
}
