//! FindCoordinator: who coordinates a group or a transactional id. From v4 (KIP-699) only the list is used in both directions.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse);

message! {
    /// Keys to look up: `key` to version 3, `coordinator_keys` from version 4.
    pub struct FindCoordinatorRequest {
        /// Group or transactional id.
        key: String [0..=3],
        /// 0 group, 1 transactional id.
        key_type: i8 [1..],
        /// Groups or transactional ids to look up.
        coordinator_keys: Vec<String> [4..],
    }

    /// The answer: the upper fields to version 3, `coordinators` from version 4.
    pub struct FindCoordinatorResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..=3],
        /// The error in words.
        error_message: Option<String> [1..=3],
        /// Id of the broker.
        node_id: i32 [0..=3],
        /// Name or address to connect to.
        host: String [0..=3],
        /// Port to connect to.
        port: i32 [0..=3],
        /// One answer for each key.
        coordinators: Vec<Coordinator> [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        /// Group or transactional id.
        key: String [4..],
        /// Id of the broker.
        node_id: i32 [4..],
        /// Name or address to connect to.
        host: String [4..],
        /// Port to connect to.
        port: i32 [4..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [4..],
        /// The error in words.
        error_message: Option<String> [4..],
    }
}
