//! TxnOffsetCommit: answered when the offsets are safe; they are shown when the transaction commits.

use broker_wire::ErrorCode;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponseTopic,
};
use broker_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};

use super::offset_commit::{once_safe, sort_out};
use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: TxnOffsetCommitRequest) -> Answer<TxnOffsetCommitResponse> {
    let asked: Vec<_> = request.topics.into_iter().map(plain).collect();
    let (topics, offsets) = sort_out(cx, &asked);
    let by = (&*request.member_id, request.group_instance_id.as_deref(), request.generation_id);
    let producer = (request.producer_id, request.producer_epoch);
    let committed = match request.group_id.as_str() {
        "" => Err(ErrorCode::INVALID_GROUP_ID),
        group_id => cx.shared.coordinator.commit_in_transaction(group_id, producer, by, offsets),
    };
    once_safe(committed, |all| response(topics, all))
}

/// The same as a commit outside of transactions has it.
fn plain(topic: TxnOffsetCommitRequestTopic) -> OffsetCommitRequestTopic {
    let partitions = topic.partitions.into_iter().map(|partition| OffsetCommitRequestPartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        committed_metadata: partition.committed_metadata,
    });
    OffsetCommitRequestTopic { name: topic.name, partitions: partitions.collect() }
}

/// What is wrong with all of them stands at each that has no fault of its own.
fn response(topics: Vec<OffsetCommitResponseTopic>, all: ErrorCode) -> TxnOffsetCommitResponse {
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| TxnOffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: if partition.error_code.is_none() { all } else { partition.error_code },
        });
        TxnOffsetCommitResponseTopic { name: topic.name, partitions: partitions.collect() }
    });
    TxnOffsetCommitResponse { topics: topics.collect(), ..TxnOffsetCommitResponse::default() }
}
