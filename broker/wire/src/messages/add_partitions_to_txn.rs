//! AddPartitionsToTxn: name the partitions before writing to them. KIP-98. Versions 4 and 5 are spoken between brokers only.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(AddPartitionsToTxn, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse);

message! {
    /// Partitions that the transaction will write to.
    pub struct AddPartitionsToTxnRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: String [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// The topics.
        topics: Vec<AddPartitionsToTxnTopic> [0..],
    }

    /// Partitions of one topic.
    pub struct AddPartitionsToTxnTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<i32> [0..],
    }

    /// The answer.
    pub struct AddPartitionsToTxnResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each of what was asked.
        results: Vec<AddPartitionsToTxnTopicResult> [0..],
    }

    /// The outcome for one topic.
    pub struct AddPartitionsToTxnTopicResult {
        /// Name of the topic.
        name: String [0..],
        /// One answer for each partition.
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult> [0..],
    }

    /// The outcome for one partition.
    pub struct AddPartitionsToTxnPartitionResult {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong with the partition, if anything did.
        partition_error_code: ErrorCode [0..],
    }
}
