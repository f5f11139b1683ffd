//! EndTxn: answered when the decision is durable and its markers are written, so that the next transaction may begin at once.

use broker_wire::ErrorCode;
use broker_wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use broker_wire::records::ControlType;

use super::init_producer_id::fenced;
use crate::server::dispatch::{Answer, Cx};

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

pub fn handle(cx: &Cx, request: EndTxnRequest) -> Answer<EndTxnResponse> {
    let response = |error_code| EndTxnResponse { error_code, ..EndTxnResponse::default() };
    let outcome = if request.committed { ControlType::Commit } else { ControlType::Abort };
    let producer = (request.producer_id, request.producer_epoch);
    match cx.shared.transactions.end(&request.transactional_id, producer, outcome) {
        Ok(None) => Answer::Now(response(ErrorCode::NONE)),
        Ok(Some(ended)) => Answer::later(async move {
            let ended = ended.await.unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
            response(ended.err().unwrap_or(ErrorCode::NONE))
        }),
        Err(error) => Answer::Now(response(fenced(error, cx.version, FENCED_SINCE))),
    }
}
