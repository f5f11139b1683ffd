//! OffsetCommit: store the offsets of a group. KIP-345 (static members, v7), KIP-848 (v9).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(OffsetCommit, OffsetCommitRequest, OffsetCommitResponse);

message! {
    /// Offsets to store.
    pub struct OffsetCommitRequest {
        /// The group.
        group_id: String [0..],
        /// Generation of the member, -1 for a reader outside any group membership.
        generation_id_or_member_epoch: i32 [0..] = -1,
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [7..],
        /// How long in ms to keep the offset, -1 for the broker's default.
        retention_time_ms: i64 [0..=4] = -1,
        /// The topics.
        topics: Vec<OffsetCommitRequestTopic> [0..],
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<OffsetCommitRequestPartition> [0..],
    }

    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// The next offset to read; -1 in an answer: there is none.
        committed_offset: i64 [0..],
        /// Leader epoch of the last record read, -1 if unknown.
        committed_leader_epoch: i32 [6..] = -1,
        /// Any text that the reader keeps with the offset.
        committed_metadata: Option<String> [0..],
    }

    /// The answer.
    pub struct OffsetCommitResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [3..],
        /// The topics.
        topics: Vec<OffsetCommitResponseTopic> [0..],
    }

    /// The outcome for one topic.
    pub struct OffsetCommitResponseTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<OffsetCommitResponsePartition> [0..],
    }

    /// The outcome for one partition.
    pub struct OffsetCommitResponsePartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
