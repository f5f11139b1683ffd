//! DeleteGroups: answered when the groups stay deleted after a power cut.

use broker_wire::ErrorCode;
use broker_wire::messages::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: DeleteGroupsRequest) -> Answer<DeleteGroupsResponse> {
    let deleted: Vec<_> =
        request.groups_names.into_iter().map(|name| (cx.shared.coordinator.delete(&name), name)).collect();
    Answer::later(async move {
        let mut results = Vec::new();
        for (deleted, group_id) in deleted {
            let error_code = match deleted {
                Ok(ticket) if ticket.durable().await.is_ok() => ErrorCode::NONE,
                Ok(_) => ErrorCode::COORDINATOR_NOT_AVAILABLE,
                Err(error) => error,
            };
            results.push(DeletableGroupResult { group_id, error_code });
        }
        DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
    })
}
