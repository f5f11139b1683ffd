//! ListOffsets: the offset for a time, or one end of a partition. KIP-79, KIP-734 (largest timestamp, v7), KIP-405 (v8, v9).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(ListOffsets, ListOffsetsRequest, ListOffsetsResponse);

message! {
    /// The partitions and times asked for.
    pub struct ListOffsetsRequest {
        /// Id of a following broker, -1 for readers.
        replica_id: i32 [0..],
        /// 0: all records; 1: only records of committed transactions.
        isolation_level: i8 [2..],
        /// The topics.
        topics: Vec<ListOffsetsTopic> [0..],
        /// How long in ms the broker may take to look into remote storage.
        timeout_ms: i32 [10..],
    }

    /// What is asked of one topic.
    pub struct ListOffsetsTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<ListOffsetsPartition> [0..],
    }

    /// What is asked of one partition.
    pub struct ListOffsetsPartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// Leader epoch as the client knows it, -1 if it does not.
        current_leader_epoch: i32 [4..] = -1,
        /// A time in ms, or -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local, -5 latest in remote storage.
        timestamp: i64 [0..],
    }

    /// The answer.
    pub struct ListOffsetsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [2..],
        /// The topics.
        topics: Vec<ListOffsetsTopicResponse> [0..],
    }

    /// The offsets of one topic.
    pub struct ListOffsetsTopicResponse {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }

    /// The offset found.
    pub struct ListOffsetsPartitionResponse {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Timestamp of the record in ms, -1 if unknown.
        timestamp: i64 [0..] = -1,
        /// An offset, -1 if there is none.
        offset: i64 [0..] = -1,
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [4..] = -1,
    }
}
