//! EndTxn: answered when the decision is durable and its markers are written, so that the next transaction may begin at once.

use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use broker_wire::records::ControlType;

use tokio::sync::oneshot;

use super::init_producer_id::fenced;
use crate::broker::Shared;
use crate::server::dispatch::{Answer, Cx};

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// How long the end of a transaction is waited for; then the client is told to ask again.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn handle(cx: &Cx, request: EndTxnRequest) -> Answer<EndTxnResponse> {
    let response = |error_code| EndTxnResponse { error_code, ..EndTxnResponse::default() };
    let outcome = if request.committed { ControlType::Commit } else { ControlType::Abort };
    let producer = (request.producer_id, request.producer_epoch);
    match cx.shared.transactions.end(&request.transactional_id, producer, outcome) {
        Ok(None) => Answer::Now(response(ErrorCode::NONE)),
        Ok(Some(ended)) => {
            let shared = cx.shared.clone();
            Answer::later(async move {
                let ended = wait_for_end(&shared, ended).await;
                response(ended.err().unwrap_or(ErrorCode::NONE))
            })
        }
        Err(error) => Answer::Now(response(fenced(error, cx.version, FENCED_SINCE))),
    }
}

/// Waits until the markers of a transaction are written, for a while: a partition may take none just now.
pub(super) async fn wait_for_end(
    shared: &Shared,
    ended: oneshot::Receiver<Result<(), ErrorCode>>,
) -> Result<(), ErrorCode> {
    let due = {
        let _timers = shared.runtime.enter();
        tokio::time::sleep(PATIENCE)
    };
    tokio::select! {
        ended = ended => ended.unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        () = due => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
    }
}
