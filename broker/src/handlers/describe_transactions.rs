//! DescribeTransactions: how transactions stand, by their ids.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribedTransaction, TransactionTopic,
};

use crate::server::dispatch::{Answer, Cx};
use crate::transactions::transaction::Transaction;

/// Most partitions in one answer; transactions beyond that are refused with INVALID_REQUEST.
const MAX_LISTED: usize = 100_000;

pub fn handle(cx: &Cx, request: DescribeTransactionsRequest) -> Answer<DescribeTransactionsResponse> {
    let mut left = MAX_LISTED;
    let refuse = |transactional_id, error_code| DescribedTransaction {
        error_code,
        transactional_id,
        ..DescribedTransaction::default()
    };
    let states = request.transactional_ids.into_iter().map(|id| match cx.shared.transactions.describe(&id) {
        Some(transaction) if transaction.partitions.len() <= left => {
            left -= transaction.partitions.len();
            describe(id, transaction)
        }
        Some(_) => refuse(id, ErrorCode::INVALID_REQUEST),
        None => refuse(id, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND),
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
