//! AddOffsetsToTxn: announce that a group's offsets belong to the transaction. KIP-98.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(AddOffsetsToTxn, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse);

message! {
    /// The group whose offsets belong to the transaction.
    pub struct AddOffsetsToTxnRequest {
        /// Id of a transactional producer, null or empty for others.
        transactional_id: String [0..],
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..],
        /// Epoch of the producer id.
        producer_epoch: i16 [0..],
        /// The group.
        group_id: String [0..],
    }

    /// The answer.
    pub struct AddOffsetsToTxnResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
