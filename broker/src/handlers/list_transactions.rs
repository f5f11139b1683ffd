//! ListTransactions: the transactional ids that are known.

use broker_wire::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse, ListedTransaction};

use crate::server::dispatch::{Answer, Cx};
use crate::transactions::transaction::{Phase, Summary};

pub fn handle(cx: &Cx, request: ListTransactionsRequest) -> Answer<ListTransactionsResponse> {
    let now_ms = cx.shared.clock.wall_ms();
    let wanted = |summary: &Summary| {
        let states = &request.state_filters;
        let producers = &request.producer_id_filters;
        let open_for = summary.started_ms.map_or(-1, |started| now_ms - started);
        (states.is_empty() || states.iter().any(|state| state == summary.phase.name()))
            && (producers.is_empty() || producers.contains(&summary.producer_id))
            && (request.duration_filter < 0 || open_for > request.duration_filter)
    };
    let listed = cx.shared.transactions.list().into_iter().filter(|(_, summary)| wanted(summary));
    let row = |(id, summary): (std::sync::Arc<str>, Summary)| ListedTransaction {
        transactional_id: id.to_string(),
        producer_id: summary.producer_id,
        transaction_state: summary.phase.name().to_owned(),
    };
    let known = |state: &&String| Phase::ALL.iter().any(|(_, _, name)| name == *state);
    Answer::Now(ListTransactionsResponse {
        unknown_state_filters: request.state_filters.iter().filter(|state| !known(state)).cloned().collect(),
        transaction_states: listed.map(row).collect(),
        ..ListTransactionsResponse::default()
    })
}
