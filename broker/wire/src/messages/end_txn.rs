//! EndTxn: commit or abort. KIP-98.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(EndTxn, EndTxnRequest, EndTxnResponse);

message! {
    /// The decision.
    pub struct EndTxnRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: String [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// True commits, false aborts.
        committed: bool [0..],
    }

    /// The answer.
    pub struct EndTxnResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
