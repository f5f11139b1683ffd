//! Produce: append record batches. KIP-98 (v3), KIP-467 (v8), KIP-951 (v10). One batch of magic 2 for each partition.

use bytes::Bytes;

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(Produce, ProduceRequest, ProduceResponse);

message! {
    /// Record batches to append.
    pub struct ProduceRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: Option<String> [0..],
        /// -1: answer when the records are safe; 1: when they are appended; 0: never.
        acks: i16 [0..],
        /// How long in ms the broker may take.
        timeout_ms: i32 [0..],
        /// Records for each topic.
        topic_data: Vec<TopicProduceData> [0..],
    }

    /// Records for one topic.
    pub struct TopicProduceData {
        /// Name of the topic.
        name: String [0..],
        /// Records for each partition.
        partition_data: Vec<PartitionProduceData> [0..],
    }

    /// Records for one partition.
    pub struct PartitionProduceData {
        /// Number of the partition.
        index: i32 [0..],
        /// Record batches, as they stand in the log.
        records: Option<Bytes> [0..],
    }

    /// The answer.
    pub struct ProduceResponse {
        /// One answer for each topic.
        responses: Vec<TopicProduceResponse> [0..],
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// Addresses of the leaders named above.
        node_endpoints: Vec<NodeEndpoint> [10.., tag 0],
    }

    /// The outcome for one topic.
    pub struct TopicProduceResponse {
        /// Name of the topic.
        name: String [0..],
        /// One answer for each partition.
        partition_responses: Vec<PartitionProduceResponse> [0..],
    }

    /// The outcome for one partition.
    pub struct PartitionProduceResponse {
        /// Number of the partition.
        index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Offset given to the first record, -1 on an error.
        base_offset: i64 [0..],
        /// Time in ms that the broker stamped on the records, -1 if they kept their own.
        log_append_time_ms: i64 [0..] = -1,
        /// First offset that is still there, -1 if unknown.
        log_start_offset: i64 [5..] = -1,
        /// The records that made the batch be refused.
        record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        /// The error in words.
        error_message: Option<String> [8..],
        /// The leader, told with an error that says this broker is not it.
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    /// A refused record.
    pub struct BatchIndexAndErrorMessage {
        /// Position of the refused record in its batch.
        batch_index: i32 [8..],
        /// What is wrong with it.
        batch_index_error_message: Option<String> [8..],
    }

    /// Who leads.
    pub struct LeaderIdAndEpoch {
        /// Broker that leads, -1 if unknown.
        leader_id: i32 [10..] = -1,
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [10..] = -1,
    }

    /// Address of a broker.
    pub struct NodeEndpoint {
        /// Id of the broker.
        node_id: i32 [10..],
        /// Name or address to connect to.
        host: String [10..],
        /// Port to connect to.
        port: i32 [10..],
        /// Where the broker stands, null if unknown.
        rack: Option<String> [10..],
    }
}
