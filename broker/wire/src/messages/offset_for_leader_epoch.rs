//! OffsetForLeaderEpoch: where a leader epoch ends. KIP-279, KIP-320.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(OffsetForLeaderEpoch, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse);

message! {
    /// Epochs asked for.
    pub struct OffsetForLeaderEpochRequest {
        /// Id of a following broker, -1 for readers.
        replica_id: i32 [3..] = -2,
        /// The topics.
        topics: Vec<OffsetForLeaderTopic> [0..],
    }

    /// What is asked of one topic.
    pub struct OffsetForLeaderTopic {
        /// Name of the topic.
        topic: String [0..],
        /// The partitions.
        partitions: Vec<OffsetForLeaderPartition> [0..],
    }

    /// What is asked of one partition.
    pub struct OffsetForLeaderPartition {
        /// Number of the partition.
        partition: i32 [0..],
        /// Leader epoch as the client knows it, -1 if it does not.
        current_leader_epoch: i32 [0..] = -1,
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [0..],
    }

    /// The answer.
    pub struct OffsetForLeaderEpochResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// The topics.
        topics: Vec<OffsetForLeaderTopicResult> [0..],
    }

    /// The answer for one topic.
    pub struct OffsetForLeaderTopicResult {
        /// Name of the topic.
        topic: String [0..],
        /// The partitions.
        partitions: Vec<EpochEndOffset> [0..],
    }

    /// Where an epoch ends.
    pub struct EpochEndOffset {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Number of the partition.
        partition: i32 [0..],
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [0..] = -1,
        /// Offset after the last record of the epoch.
        end_offset: i64 [0..] = -1,
    }
}
