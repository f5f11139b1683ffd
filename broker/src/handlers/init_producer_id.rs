//! InitProducerId: an id for an idempotent producer. Transactions are not offered.

use broker_wire::ErrorCode;
use broker_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: InitProducerIdRequest) -> Answer<InitProducerIdResponse> {
    let refuse = |error_code| InitProducerIdResponse {
        error_code,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if request.transactional_id.is_some() {
        tracing::warn!("a client wants transactions, which are not offered: set no transactional.id");
        return Answer::Now(refuse(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    }
    Answer::Now(match cx.shared.producer_ids.next() {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(error) => {
            tracing::warn!(%error, "no producer id could be given");
            refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
    })
}
