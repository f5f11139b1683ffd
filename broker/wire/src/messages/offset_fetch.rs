//! OffsetFetch: read the offsets of a group, from v8 on of several groups. KIP-447 (v7), KIP-709 (v8), KIP-848 (v9).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(OffsetFetch, OffsetFetchRequest, OffsetFetchResponse);

message! {
    /// Offsets asked for: the upper fields to version 7, `groups` from version 8.
    pub struct OffsetFetchRequest {
        /// The group.
        group_id: String [0..=7],
        /// Topics asked for; null asks for all that the group has.
        topics: Option<Vec<OffsetFetchRequestTopic>> [0..=7, null 2..],
        /// The groups.
        groups: Vec<OffsetFetchRequestGroup> [8..],
        /// Answer UNSTABLE_OFFSET_COMMIT while a transaction may still change the offset.
        require_stable: bool [7..],
    }

    /// Partitions asked for, up to version 7.
    pub struct OffsetFetchRequestTopic {
        /// Name of the topic.
        name: String [0..=7],
        /// Numbers of the partitions.
        partition_indexes: Vec<i32> [0..=7],
    }

    /// What is asked of one group, from version 8.
    pub struct OffsetFetchRequestGroup {
        /// The group.
        group_id: String [8..],
        /// Id of the member, empty before the coordinator gave one.
        member_id: Option<String> [9..],
        /// Epoch of a member under the newer group protocol, -1 for none.
        member_epoch: i32 [9..] = -1,
        /// Topics asked for; null asks for all that the group has.
        topics: Option<Vec<OffsetFetchRequestTopics>> [8..],
    }

    /// Partitions asked for, from version 8.
    pub struct OffsetFetchRequestTopics {
        /// Name of the topic.
        name: String [8..],
        /// Numbers of the partitions.
        partition_indexes: Vec<i32> [8..],
    }

    /// The answer: the upper fields to version 7, `groups` from version 8.
    pub struct OffsetFetchResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [3..],
        /// The topics.
        topics: Vec<OffsetFetchResponseTopic> [0..=7],
        /// What went wrong, if anything did.
        error_code: ErrorCode [2..=7],
        /// The groups.
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    /// The offsets of one topic, up to version 7.
    pub struct OffsetFetchResponseTopic {
        /// Name of the topic.
        name: String [0..=7],
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartition> [0..=7],
    }

    /// The offset of one partition, up to version 7.
    pub struct OffsetFetchResponsePartition {
        /// Number of the partition.
        partition_index: i32 [0..=7],
        /// The next offset to read; -1 in an answer: there is none.
        committed_offset: i64 [0..=7],
        /// Leader epoch of the last record read, -1 if unknown.
        committed_leader_epoch: i32 [5..=7] = -1,
        /// The text that was stored with the offset.
        metadata: Option<String> [0..=7],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..=7],
    }

    /// The offsets of one group, from version 8.
    pub struct OffsetFetchResponseGroup {
        /// The group.
        group_id: String [8..],
        /// The topics.
        topics: Vec<OffsetFetchResponseTopics> [8..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [8..],
    }

    /// The offsets of one topic, from version 8.
    pub struct OffsetFetchResponseTopics {
        /// Name of the topic.
        name: String [8..],
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartitions> [8..],
    }

    /// The offset of one partition, from version 8.
    pub struct OffsetFetchResponsePartitions {
        /// Number of the partition.
        partition_index: i32 [8..],
        /// The next offset to read; -1 in an answer: there is none.
        committed_offset: i64 [8..],
        /// Leader epoch of the last record read, -1 if unknown.
        committed_leader_epoch: i32 [8..] = -1,
        /// The text that was stored with the offset.
        metadata: Option<String> [8..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [8..],
    }
}
