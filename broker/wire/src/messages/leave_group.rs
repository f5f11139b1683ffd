//! LeaveGroup: end memberships; several at a time from v3 (KIP-345), with a reason from v5 (KIP-800).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(LeaveGroup, LeaveGroupRequest, LeaveGroupResponse);

message! {
    /// Members that leave: `member_id` to version 2, `members` from version 3.
    pub struct LeaveGroupRequest {
        /// The group.
        group_id: String [0..],
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..=2],
        /// The members.
        members: Vec<MemberIdentity> [3..],
    }

    /// A member that leaves.
    pub struct MemberIdentity {
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [3..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [3..],
        /// Why the member does this, for the log.
        reason: Option<String> [5..],
    }

    /// The answer; the outcome of each member from version 3.
    pub struct LeaveGroupResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The members.
        members: Vec<MemberResponse> [3..],
    }

    /// The outcome for one member.
    pub struct MemberResponse {
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [3..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [3..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [3..],
    }
}
