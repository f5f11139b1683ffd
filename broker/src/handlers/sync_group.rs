//! SyncGroup: answered when the leader's assignments are there and safe.

use broker_wire::ErrorCode;
use broker_wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use crate::groups::assignment::Sync;
use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: SyncGroupRequest) -> Answer<SyncGroupResponse> {
    let refuse = |error_code| SyncGroupResponse { error_code, ..SyncGroupResponse::default() };
    if request.group_id.is_empty() {
        return Answer::Now(refuse(ErrorCode::INVALID_GROUP_ID));
    }
    let sync = Sync {
        generation: request.generation_id,
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: request.assignments.into_iter().map(|one| (one.member_id, one.assignment)).collect(),
    };
    let answer = cx.shared.coordinator.sync(&request.group_id, sync);
    Answer::later(async move {
        let Ok(answer) = answer.await else { return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE) };
        match answer.safe().await.flatten() {
            Ok(synced) => SyncGroupResponse {
                protocol_type: Some(synced.protocol_type),
                protocol_name: Some(synced.protocol),
                assignment: synced.assignment,
                ..SyncGroupResponse::default()
            },
            Err(error) => refuse(error),
        }
    })
}
