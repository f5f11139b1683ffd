//! SyncGroup: the leader hands in the assignments, everybody gets his own. KIP-345 (v3), KIP-559 (v5).

use bytes::Bytes;

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(SyncGroup, SyncGroupRequest, SyncGroupResponse);

message! {
    /// Assignments of the leader, or a member's wish for its own.
    pub struct SyncGroupRequest {
        /// The group.
        group_id: String [0..],
        /// Generation of the group that the member belongs to.
        generation_id: i32 [0..],
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [3..],
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: Option<String> [5..],
        /// Protocol that the group agreed on.
        protocol_name: Option<String> [5..],
        /// One entry for each member; only the leader sends any.
        assignments: Vec<SyncGroupRequestAssignment> [0..],
    }

    /// The assignment of one member.
    pub struct SyncGroupRequestAssignment {
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// What the member was given; its meaning is the protocol type's business.
        assignment: Bytes [0..],
    }

    /// The answer.
    pub struct SyncGroupResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: Option<String> [5..],
        /// Protocol that the group agreed on.
        protocol_name: Option<String> [5..],
        /// What the member was given; its meaning is the protocol type's business.
        assignment: Bytes [0..],
    }
}
