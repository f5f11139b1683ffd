//! DescribeTransactions: how transactions stand, by their ids.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribedTransaction, TransactionTopic,
};

use crate::server::dispatch::{Answer, Cx};
use crate::transactions::transaction::Transaction;

pub fn handle(cx: &Cx, request: DescribeTransactionsRequest) -> Answer<DescribeTransactionsResponse> {
    let states = request.transactional_ids.into_iter().map(|id| match cx.shared.transactions.describe(&id) {
        Some(transaction) => describe(id, transaction),
        None => DescribedTransaction {
            error_code: ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
            transactional_id: id,
            ..DescribedTransaction::default()
        },
    });
    let transaction_states = states.collect();
    Answer::Now(DescribeTransactionsResponse { transaction_states, ..DescribeTransactionsResponse::default() })
}

fn describe(transactional_id: String, transaction: Transaction) -> DescribedTransaction {
    let mut topics: Vec<TransactionTopic> = Vec::new();
    for (topic, partition) in transaction.partitions {
        match topics.last_mut().filter(|last| last.topic == topic) {
            Some(last) => last.partitions.push(partition),
            None => topics.push(TransactionTopic { topic, partitions: vec![partition] }),
        }
    }
    DescribedTransaction {
        error_code: ErrorCode::NONE,
        transactional_id,
        transaction_state: transaction.phase.name().to_owned(),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_start_time_ms: transaction.started_ms.unwrap_or(-1),
        producer_id: transaction.producer_id,
        producer_epoch: transaction.epoch,
        topics,
    }
}
