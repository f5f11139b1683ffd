//! ListTransactions: the transactional ids that the coordinator knows. KIP-664, KIP-994 (v1).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(ListTransactions, ListTransactionsRequest, ListTransactionsResponse);

message! {
    /// Which ones.
    pub struct ListTransactionsRequest {
        /// States wanted; empty for all.
        state_filters: Vec<String> [0..],
        /// Producer ids wanted; empty for all.
        producer_id_filters: Vec<i64> [0..],
        /// Only transactions that are open for longer, in ms; -1 for all.
        duration_filter: i64 [1..] = -1,
    }

    /// The answer.
    pub struct ListTransactionsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// States that were asked for and do not exist.
        unknown_state_filters: Vec<String> [0..],
        /// The transactions.
        transaction_states: Vec<ListedTransaction> [0..],
    }

    /// One transactional id.
    pub struct ListedTransaction {
        /// Id of the transactional producer.
        transactional_id: String [0..],
        /// Id of the producer.
        producer_id: i64 [0..],
        /// Kafka's name of the state.
        transaction_state: String [0..],
    }
}
