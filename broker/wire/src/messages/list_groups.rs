//! ListGroups: the groups that this broker coordinates. KIP-518 (v4), KIP-848 (v5).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(ListGroups, ListGroupsRequest, ListGroupsResponse);

message! {
    /// Which groups to list.
    pub struct ListGroupsRequest {
        /// Only groups in these states; empty means all.
        states_filter: Vec<String> [4..],
        /// Only groups of these types; empty means all.
        types_filter: Vec<String> [5..],
    }

    /// The answer.
    pub struct ListGroupsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The groups.
        groups: Vec<ListedGroup> [0..],
    }

    /// One group.
    pub struct ListedGroup {
        /// The group.
        group_id: String [0..],
        /// Kind of group, such as `consumer` or `connect`.
        protocol_type: String [0..],
        /// State of the group.
        group_state: String [4..],
        /// `classic` or `consumer`.
        group_type: String [5..],
    }
}
