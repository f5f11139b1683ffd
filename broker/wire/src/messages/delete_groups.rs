//! DeleteGroups: delete empty groups with their offsets. KIP-229.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse);

message! {
    /// Groups to delete.
    pub struct DeleteGroupsRequest {
        /// The groups to delete.
        groups_names: Vec<String> [0..],
    }

    /// The answer.
    pub struct DeleteGroupsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each of what was asked.
        results: Vec<DeletableGroupResult> [0..],
    }

    /// The outcome for one group.
    pub struct DeletableGroupResult {
        /// The group.
        group_id: String [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
    }
}
