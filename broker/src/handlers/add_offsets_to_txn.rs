//! AddOffsetsToTxn: the partition that keeps a group's offsets belongs to the transaction.

use broker_wire::ErrorCode;
use broker_wire::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::init_producer_id::fenced;
use crate::server::dispatch::{Answer, Cx};

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

pub fn handle(cx: &Cx, request: AddOffsetsToTxnRequest) -> Answer<AddOffsetsToTxnResponse> {
    let response = |error_code| AddOffsetsToTxnResponse { error_code, ..AddOffsetsToTxnResponse::default() };
    let producer = (request.producer_id, request.producer_epoch);
    let added = match request.group_id.as_str() {
        "" => Err(ErrorCode::INVALID_GROUP_ID),
        group => cx.shared.transactions.add_offsets(&request.transactional_id, producer, group),
    };
    match added {
        Ok(ticket) if ticket.is_done() => Answer::Now(response(ErrorCode::NONE)),
        Ok(ticket) => Answer::later(async move {
            let failed = ticket.durable().await.is_err();
            response(if failed { ErrorCode::COORDINATOR_NOT_AVAILABLE } else { ErrorCode::NONE })
        }),
        Err(error) => Answer::Now(response(fenced(error, cx.version, FENCED_SINCE))),
    }
}
