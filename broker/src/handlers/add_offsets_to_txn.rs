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
        Ok(adding) => {
            let transactions = cx.shared.transactions.clone();
            Answer::later(async move { response(transactions.added(adding).await.err().unwrap_or(ErrorCode::NONE)) })
        }
        Err(error) => Answer::Now(response(fenced(error, cx.version, FENCED_SINCE))),
    }
}
