//! JoinGroup: enter the next generation of a group. KIP-394 (member id first, v4), KIP-345 (v5), KIP-559 (v7), KIP-800 (v8), KIP-814 (v9).

use bytes::Bytes;

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(JoinGroup, JoinGroupRequest, JoinGroupResponse);

message! {
    /// A member that wants in.
    pub struct JoinGroupRequest {
        /// The group.
        group_id: String [0..],
        /// Silence in ms after which a member is taken for dead.
        session_timeout_ms: i32 [0..],
        /// How long in ms the coordinator waits for this member to rejoin, -1 in version 0.
        rebalance_timeout_ms: i32 [1..] = -1,
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [5..],
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: String [0..],
        /// Protocols that the member can use, the one that it likes best first.
        protocols: Vec<JoinGroupRequestProtocol> [0..],
        /// Why the member does this, for the log.
        reason: Option<String> [8..],
    }

    /// A protocol that the member can use.
    pub struct JoinGroupRequestProtocol {
        /// Name of the protocol.
        name: String [0..],
        /// What the member says of itself; its meaning is the protocol type's business.
        metadata: Bytes [0..],
    }

    /// The answer.
    pub struct JoinGroupResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [2..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Generation of the group that the member belongs to.
        generation_id: i32 [0..] = -1,
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: Option<String> [7..],
        /// Protocol that the group agreed on.
        protocol_name: Option<String> [0.., null 7..],
        /// Member id of the leader.
        leader: String [0..],
        /// The leader need not compute assignments: the present ones stay (KIP-814).
        skip_assignment: bool [9..],
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// The members.
        members: Vec<JoinGroupResponseMember> [0..],
    }

    /// A member, as told to the leader.
    pub struct JoinGroupResponseMember {
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [5..],
        /// What the member says of itself; its meaning is the protocol type's business.
        metadata: Bytes [0..],
    }
}
