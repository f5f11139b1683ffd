//! DescribeProducers: what partitions remember of producers. KIP-664.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeProducers, DescribeProducersRequest, DescribeProducersResponse);

message! {
    /// The partitions asked for.
    pub struct DescribeProducersRequest {
        /// The topics.
        topics: Vec<DescribeProducersTopic> [0..],
    }

    /// Partitions of one topic.
    pub struct DescribeProducersTopic {
        /// Name of the topic.
        name: String [0..],
        /// Numbers of the partitions.
        partition_indexes: Vec<i32> [0..],
    }

    /// The answer.
    pub struct DescribeProducersResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each topic.
        topics: Vec<DescribeProducersTopicResponse> [0..],
    }

    /// The producers of one topic.
    pub struct DescribeProducersTopicResponse {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<DescribeProducersPartitionResponse> [0..],
    }

    /// The producers of one partition.
    pub struct DescribeProducersPartitionResponse {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The same in words; null if nothing went wrong.
        error_message: Option<String> [0..],
        /// The producers.
        active_producers: Vec<ProducerState> [0..],
    }

    /// What a partition remembers of one producer.
    pub struct ProducerState {
        /// Its id.
        producer_id: i64 [0..],
        /// Epoch of the id.
        producer_epoch: i32 [0..],
        /// Sequence number of its last record, -1 if unknown.
        last_sequence: i32 [0..] = -1,
        /// Largest timestamp of its last batch in ms, -1 if unknown.
        last_timestamp: i64 [0..] = -1,
        /// Epoch of the coordinator that wrote its last marker.
        coordinator_epoch: i32 [0..],
        /// First offset of its open transaction here, -1 if there is none.
        current_txn_start_offset: i64 [0..] = -1,
    }
}
