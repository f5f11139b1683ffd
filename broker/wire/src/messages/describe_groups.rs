//! DescribeGroups: state and members of classic groups. KIP-430 (v3), KIP-345 (v4), KIP-1043 (v6).

use bytes::Bytes;

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse);

message! {
    /// Groups asked for.
    pub struct DescribeGroupsRequest {
        /// The groups.
        groups: Vec<String> [0..],
        /// Ask for the bits of what the caller may do.
        include_authorized_operations: bool [3..],
    }

    /// The answer.
    pub struct DescribeGroupsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// The groups.
        groups: Vec<DescribedGroup> [0..],
    }

    /// One group.
    pub struct DescribedGroup {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [6..],
        /// The group.
        group_id: String [0..],
        /// State of the group.
        group_state: String [0..],
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: String [0..],
        /// Protocol that the group agreed on.
        protocol_data: String [0..],
        /// The members.
        members: Vec<DescribedGroupMember> [0..],
        /// Bits of what the caller may do; -2147483648 if it did not ask.
        authorized_operations: i32 [3..] = -2_147_483_648,
    }

    /// One member.
    pub struct DescribedGroupMember {
        /// Id of the member, empty before the coordinator gave one.
        member_id: String [0..],
        /// Id of a static member (KIP-345); null for a dynamic one.
        group_instance_id: Option<String> [4..],
        /// Name that the client gives itself.
        client_id: String [0..],
        /// Address of the member.
        client_host: String [0..],
        /// What the member says of itself; its meaning is the protocol type's business.
        member_metadata: Bytes [0..],
        /// What the member was given; its meaning is the protocol type's business.
        member_assignment: Bytes [0..],
    }
}
