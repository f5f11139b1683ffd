//! DescribeTransactions: how transactions stand, by their ids. KIP-664.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeTransactions, DescribeTransactionsRequest, DescribeTransactionsResponse);

message! {
    /// The transactions asked for.
    pub struct DescribeTransactionsRequest {
        /// Ids of transactional producers.
        transactional_ids: Vec<String> [0..],
    }

    /// The answer.
    pub struct DescribeTransactionsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each id.
        transaction_states: Vec<DescribedTransaction> [0..],
    }

    /// How one transaction stands.
    pub struct DescribedTransaction {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Id of the transactional producer.
        transactional_id: String [0..],
        /// Kafka's name of the state, such as `Ongoing`.
        transaction_state: String [0..],
        /// How long in ms a transaction may stay open.
        transaction_timeout_ms: i32 [0..],
        /// When it began, in ms; -1 if there is none.
        transaction_start_time_ms: i64 [0..],
        /// Id of the producer.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// The partitions that belong to it.
        topics: Vec<TransactionTopic> [0..],
    }

    /// Partitions of one topic.
    pub struct TransactionTopic {
        /// Name of the topic.
        topic: String [0..],
        /// Numbers of the partitions.
        partitions: Vec<i32> [0..],
    }
}
