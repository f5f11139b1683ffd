//! FindCoordinator: this broker coordinates every group and every transaction.

use broker_wire::ErrorCode;
use broker_wire::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

use crate::server::dispatch::{Answer, Cx};
use crate::topics::name::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};

/// The first version that asks for several keys; the old fields stay empty from there on.
const LIST_SINCE: i16 = 4;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub fn handle(cx: &Cx, request: FindCoordinatorRequest) -> Answer<FindCoordinatorResponse> {
    if cx.version >= LIST_SINCE {
        let keys = request.coordinator_keys.iter();
        let coordinators = keys.map(|key| find(cx, key, request.key_type)).collect();
        return Answer::Now(FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() });
    }
    let found = find(cx, &request.key, request.key_type);
    Answer::Now(FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..FindCoordinatorResponse::default()
    })
}

fn find(cx: &Cx, key: &str, key_type: i8) -> Coordinator {
    let refuse = |error_code, reason: &str| Coordinator {
        key: key.to_owned(),
        node_id: -1,
        port: -1,
        error_code,
        error_message: Some(reason.to_owned()),
        ..Coordinator::default()
    };
    let (available, topic) = match key_type {
        GROUP => (cx.shared.coordinator.is_available(key), OFFSETS_TOPIC),
        TRANSACTION => (cx.shared.transactions.is_available(key), TRANSACTIONS_TOPIC),
        _ => return refuse(ErrorCode::INVALID_REQUEST, "only groups and transactions have a coordinator"),
    };
    if !available {
        let reason = format!("{topic} cannot be used: see the broker's log");
        return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE, &reason);
    }
    Coordinator {
        key: key.to_owned(),
        node_id: cx.shared.config.node_id,
        host: cx.address.host.clone(),
        port: i32::from(cx.address.port),
        ..Coordinator::default()
    }
}
