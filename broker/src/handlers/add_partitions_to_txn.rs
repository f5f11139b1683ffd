//! AddPartitionsToTxn: answered when it is written down that the partitions belong to the transaction. All of them, or none.

use broker_wire::ErrorCode;
use broker_wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult,
};

use super::init_producer_id::fenced;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::PartitionState;
use crate::topics::name::is_internal;

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

pub fn handle(cx: &Cx, request: AddPartitionsToTxnRequest) -> Answer<AddPartitionsToTxnResponse> {
    let results = faults(cx, &request);
    if results.iter().flat_map(|topic| &topic.results_by_partition).any(|one| !one.partition_error_code.is_none()) {
        return Answer::Now(response(results, ErrorCode::OPERATION_NOT_ATTEMPTED));
    }
    let topics = request.topics.into_iter();
    let partitions =
        topics.flat_map(|topic| topic.partitions.into_iter().map(move |index| (topic.name.clone(), index)));
    let producer = (request.producer_id, request.producer_epoch);
    match cx.shared.transactions.add(&request.transactional_id, producer, partitions) {
        Ok(adding) => {
            let transactions = cx.shared.transactions.clone();
            Answer::later(async move {
                let added = transactions.added(adding).await;
                response(results, added.err().unwrap_or(ErrorCode::NONE))
            })
        }
        Err(error) => Answer::Now(response(results, fenced(error, cx.version, FENCED_SINCE))),
    }
}

/// Each partition's own fault, if it has one.
fn faults(cx: &Cx, request: &AddPartitionsToTxnRequest) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = request.topics.iter().map(|wanted| {
        let topic = cx.shared.registry.get(&wanted.name);
        let partitions = wanted.partitions.iter().map(|index| AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: match topic.as_ref().and_then(|topic| topic.partition(*index)) {
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some(_) if is_internal(&wanted.name) => ErrorCode::INVALID_TOPIC_EXCEPTION,
                Some(PartitionState::Offline(_)) => ErrorCode::KAFKA_STORAGE_ERROR,
                Some(PartitionState::Online(_)) => ErrorCode::NONE,
            },
        });
        AddPartitionsToTxnTopicResult { name: wanted.name.clone(), results_by_partition: partitions.collect() }
    });
    topics.collect()
}

/// What holds for all of them stands at each that has no fault of its own.
fn response(mut results: Vec<AddPartitionsToTxnTopicResult>, all: ErrorCode) -> AddPartitionsToTxnResponse {
    for partition in results.iter_mut().flat_map(|topic| &mut topic.results_by_partition) {
        if partition.partition_error_code.is_none() {
            partition.partition_error_code = all;
        }
    }
    AddPartitionsToTxnResponse { results, ..AddPartitionsToTxnResponse::default() }
}
