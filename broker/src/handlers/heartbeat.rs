//! Heartbeat.

use broker_wire::ErrorCode;
use broker_wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: HeartbeatRequest) -> Answer<HeartbeatResponse> {
    let instance = request.group_instance_id.as_deref();
    let heard = cx.shared.coordinator.heartbeat(&request.group_id, &request.member_id, instance, request.generation_id);
    let error_code = heard.err().unwrap_or(ErrorCode::NONE);
    Answer::Now(HeartbeatResponse { error_code, ..HeartbeatResponse::default() })
}
