//! JoinGroup: answered when the generation begins.

use broker_wire::ErrorCode;
use broker_wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};

use crate::groups::group::{JoinRefused, Joined};
use crate::groups::member::Profile;
use crate::groups::membership::Join;
use crate::server::dispatch::{Answer, Cx};

/// The first version whose clients come back with the id that they are given (KIP-394).
const ID_FIRST_SINCE: i16 = 4;
/// The first version that must say when the group has no protocol type (KIP-559).
const PROTOCOL_NULLABLE_SINCE: i16 = 7;
/// The first version that knows `skip_assignment` (KIP-814).
const SKIP_SINCE: i16 = 9;

pub fn handle(cx: &Cx, request: JoinGroupRequest) -> Answer<JoinGroupResponse> {
    let version = cx.version;
    if request.group_id.is_empty() {
        let member_id = request.member_id;
        return Answer::Now(refused(JoinRefused { error: ErrorCode::INVALID_GROUP_ID, member_id }, version));
    }
    let member_id = request.member_id.clone();
    let group_id = request.group_id.clone();
    let answer = cx.shared.coordinator.join(&group_id, join(cx, request));
    Answer::later(async move {
        let gone = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        let joined = match answer.await {
            Ok(answer) => answer.safe().await,
            Err(_) => Err(gone),
        };
        match joined {
            Ok(Ok(joined)) => accepted(joined),
            Ok(Err(refusal)) => refused(refusal, version),
            Err(error) => refused(JoinRefused { error, member_id }, version),
        }
    })
}

fn join(cx: &Cx, request: JoinGroupRequest) -> Join {
    let client_id = cx.client_id.clone().unwrap_or_default();
    let stem = request.group_instance_id.as_deref().unwrap_or(&client_id);
    let session_timeout_ms = i64::from(request.session_timeout_ms);
    // Version 0 has no rebalance time-out: the session's stands for it.
    let rebalance = i64::from(request.rebalance_timeout_ms);
    Join {
        member_id: request.member_id,
        fresh_id: format!("{stem}-{}", uuid::Uuid::new_v4()),
        protocol_type: request.protocol_type,
        profile: Profile {
            client_id: client_id.clone(),
            client_host: format!("/{}", cx.peer),
            session_timeout_ms,
            rebalance_timeout_ms: if rebalance < 0 { session_timeout_ms } else { rebalance },
            protocols: request.protocols.into_iter().map(|protocol| (protocol.name, protocol.metadata)).collect(),
            instance_id: request.group_instance_id,
        },
        id_first: cx.version >= ID_FIRST_SINCE,
        can_skip_assignment: cx.version >= SKIP_SINCE,
    }
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    let member =
        |(member_id, group_instance_id, metadata)| JoinGroupResponseMember { member_id, group_instance_id, metadata };
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: Some(joined.protocol_type),
        protocol_name: Some(joined.protocol),
        leader: joined.leader,
        skip_assignment: joined.skip_assignment,
        member_id: joined.member_id,
        members: joined.members.into_iter().map(member).collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused(refusal: JoinRefused, version: i16) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: refusal.error,
        generation_id: -1,
        protocol_name: (version < PROTOCOL_NULLABLE_SINCE).then(String::new),
        member_id: refusal.member_id,
        ..JoinGroupResponse::default()
    }
}
