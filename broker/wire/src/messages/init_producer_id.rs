//! InitProducerId: an id for an idempotent producer. KIP-98, KIP-360 (v3).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(InitProducerId, InitProducerIdRequest, InitProducerIdResponse);

message! {
    /// Who wants an id.
    pub struct InitProducerIdRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: Option<String> [0..],
        /// How long in ms a transaction may stay open.
        transaction_timeout_ms: i32 [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [3..] = -1,
        /// Epoch of the producer id.
        producer_epoch: i16 [3..] = -1,
    }

    /// The answer.
    pub struct InitProducerIdResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..] = -1,
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
    }
}
