//! InitProducerId: an id for an idempotent producer, or id and epoch of a transactional one, which fences those before it.

use broker_wire::ErrorCode;
use broker_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::end_txn::wait_for_end;
use crate::broker::Shared;
use crate::server::dispatch::{Answer, Cx};
use crate::transactions::coordinator::{MAX_ID, Next};
use crate::transactions::transaction::Init;

/// The first version that tells producers apart that were fenced by another from those of an old epoch (KIP-588).
const FENCED_SINCE: i16 = 4;
/// How often an id is asked for again because the transaction before had to be ended first.
const ATTEMPTS: usize = 3;

pub fn handle(cx: &Cx, request: InitProducerIdRequest) -> Answer<InitProducerIdResponse> {
    match &request.transactional_id {
        None => Answer::Now(answer(fresh(cx))),
        Some(id) if id.is_empty() || id.len() > MAX_ID => Answer::Now(answer(Err(ErrorCode::INVALID_REQUEST))),
        Some(id) => transactional(cx, id.clone(), &request),
    }
}

fn fresh(cx: &Cx) -> Result<(i64, i16), ErrorCode> {
    cx.shared.producer_ids.next().map(|producer_id| (producer_id, 0)).map_err(|error| {
        tracing::warn!(%error, "no producer id could be given");
        ErrorCode::COORDINATOR_NOT_AVAILABLE
    })
}

fn transactional(cx: &Cx, id: String, request: &InitProducerIdRequest) -> Answer<InitProducerIdResponse> {
    let had = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (producer_id, epoch) if producer_id >= 0 && epoch >= 0 => Some((producer_id, epoch)),
        _ => return Answer::Now(answer(Err(ErrorCode::INVALID_REQUEST))),
    };
    let init = Init { timeout_ms: request.transaction_timeout_ms, had, now_ms: cx.shared.clock.wall_ms() };
    let (shared, version) = (cx.shared.clone(), cx.version);
    let first = shared.transactions.init(&id, init);
    Answer::later(async move {
        let producer = settle(&shared, &id, init, first).await;
        answer(producer.map_err(|error| fenced(error, version, FENCED_SINCE)))
    })
}

/// Waits for what comes before, asks again, and waits until the answer is safe.
async fn settle(
    shared: &Shared,
    id: &str,
    init: Init,
    first: Result<Next, ErrorCode>,
) -> Result<(i64, i16), ErrorCode> {
    let mut next = first?;
    for _ in 0..ATTEMPTS {
        match next {
            Next::Ready(producer, ticket) => {
                let safe = ticket.durable().await;
                return safe.map(|()| producer).map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
            Next::After(ended) => wait_for_end(shared, ended).await?,
        }
        next = shared.transactions.init(id, init)?;
    }
    Err(ErrorCode::CONCURRENT_TRANSACTIONS)
}

fn answer(producer: Result<(i64, i16), ErrorCode>) -> InitProducerIdResponse {
    match producer {
        Ok((producer_id, producer_epoch)) => {
            InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() }
        }
        Err(error_code) => {
            InitProducerIdResponse { error_code, producer_id: -1, producer_epoch: -1, ..Default::default() }
        }
    }
}

/// PRODUCER_FENCED, or its older name where `version` is below the first one that has it.
pub(super) fn fenced(error: ErrorCode, version: i16, since: i16) -> ErrorCode {
    match error {
        ErrorCode::PRODUCER_FENCED if version < since => ErrorCode::INVALID_PRODUCER_EPOCH,
        error => error,
    }
}
