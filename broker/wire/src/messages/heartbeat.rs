//! Heartbeat: keep a membership alive, and learn of a rebalance. KIP-345 (v3).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(Heartbeat, HeartbeatRequest, HeartbeatResponse);

message! {
    /// A sign of life.
    pub struct HeartbeatRequest {
        /// The group.
        group_id: String [0..],
        /// Generation of the group that the member belongs to.
        generation_id: i32 [0..],
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [3..],
    }

    /// The answer.
    pub struct HeartbeatResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
