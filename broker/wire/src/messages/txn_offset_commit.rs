//! TxnOffsetCommit: a group's offsets within a transaction. KIP-98, KIP-447 (v3: checked against the group).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(TxnOffsetCommit, TxnOffsetCommitRequest, TxnOffsetCommitResponse);

message! {
    /// Offsets to store when the transaction commits.
    pub struct TxnOffsetCommitRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: String [0..],
        /// The group.
        group_id: String [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// Generation of the group that the member belongs to.
        generation_id: i32 [3..] = -1,
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [3..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [3..],
        /// The topics.
        topics: Vec<TxnOffsetCommitRequestTopic> [0..],
    }

    /// The offsets of one topic.
    pub struct TxnOffsetCommitRequestTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<TxnOffsetCommitRequestPartition> [0..],
    }

    /// The offset of one partition.
    pub struct TxnOffsetCommitRequestPartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// The next offset to read; -1 in an answer: there is none.
        committed_offset: i64 [0..],
        /// Leader epoch of the last record read, -1 if unknown.
        committed_leader_epoch: i32 [2..] = -1,
        /// Any text that the reader keeps with the offset.
        committed_metadata: Option<String> [0..],
    }

    /// The answer.
    pub struct TxnOffsetCommitResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// The topics.
        topics: Vec<TxnOffsetCommitResponseTopic> [0..],
    }

    /// The outcome for one topic.
    pub struct TxnOffsetCommitResponseTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<TxnOffsetCommitResponsePartition> [0..],
    }

    /// The outcome for one partition.
    pub struct TxnOffsetCommitResponsePartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
