//! LeaveGroup: one member up to version 2, several from version 3 on.

use broker_wire::ErrorCode;
use broker_wire::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use crate::server::dispatch::{Answer, Cx};

/// The first version that names several members.
const LIST_SINCE: i16 = 3;

pub fn handle(cx: &Cx, request: LeaveGroupRequest) -> Answer<LeaveGroupResponse> {
    let members: Vec<(String, Option<String>)> = match cx.version {
        ..LIST_SINCE => vec![(request.member_id, None)],
        _ => request.members.into_iter().map(|member| (member.member_id, member.group_instance_id)).collect(),
    };
    let outcomes = cx.shared.coordinator.leave(&request.group_id, &members);
    let code = |outcome: &Result<(), ErrorCode>| outcome.err().unwrap_or(ErrorCode::NONE);
    if cx.version < LIST_SINCE {
        let error_code = outcomes.first().map_or(ErrorCode::NONE, code);
        return Answer::Now(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() });
    }
    let answers = members.into_iter().zip(&outcomes).map(|((member_id, group_instance_id), outcome)| MemberResponse {
        member_id,
        group_instance_id,
        error_code: code(outcome),
    });
    Answer::Now(LeaveGroupResponse { members: answers.collect(), ..LeaveGroupResponse::default() })
}
