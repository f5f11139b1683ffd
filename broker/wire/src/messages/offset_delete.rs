//! OffsetDelete: delete the offsets of a group for topics that it does not read. KIP-496.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse);

message! {
    /// Offsets to delete.
    pub struct OffsetDeleteRequest {
        /// The group.
        group_id: String [0..],
        /// The topics.
        topics: Vec<OffsetDeleteRequestTopic> [0..],
    }

    /// A topic whose offsets go.
    pub struct OffsetDeleteRequestTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }

    /// A partition whose offset goes.
    pub struct OffsetDeleteRequestPartition {
        /// Number of the partition.
        partition_index: i32 [0..],
    }

    /// The answer.
    pub struct OffsetDeleteResponse {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// The topics.
        topics: Vec<OffsetDeleteResponseTopic> [0..],
    }

    /// The outcome for one topic.
    pub struct OffsetDeleteResponseTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }

    /// The outcome for one partition.
    pub struct OffsetDeleteResponsePartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
