//! OffsetCommit: answered when the offsets are safe.

use broker_wire::ErrorCode;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use crate::groups::group::Committed;
use crate::log::committer::Ticket;
use crate::server::dispatch::{Answer, Cx};

/// Offsets by topic and partition.
pub(super) type Offsets = Vec<((String, i32), Committed)>;

pub fn handle(cx: &Cx, request: OffsetCommitRequest) -> Answer<OffsetCommitResponse> {
    let (topics, offsets) = sort_out(cx, &request.topics);
    let by = (&*request.member_id, request.group_instance_id.as_deref(), request.generation_id_or_member_epoch);
    let committed = match request.group_id.as_str() {
        "" => Err(ErrorCode::INVALID_GROUP_ID),
        group_id => cx.shared.coordinator.commit(group_id, by, offsets),
    };
    once_safe(committed, |all| response(topics, all))
}

/// Answers when the offsets are safe, or at once if they are refused: `response` is told what is wrong with all of them.
pub(super) fn once_safe<R>(
    committed: Result<Ticket, ErrorCode>,
    response: impl FnOnce(ErrorCode) -> R + Send + 'static,
) -> Answer<R> {
    match committed {
        Ok(ticket) if ticket.is_done() => Answer::Now(response(ErrorCode::NONE)),
        Ok(ticket) => Answer::later(async move {
            let failed = ticket.durable().await.is_err();
            response(if failed { ErrorCode::COORDINATOR_NOT_AVAILABLE } else { ErrorCode::NONE })
        }),
        Err(error) => Answer::Now(response(error)),
    }
}

/// Each partition's own fault, if it has one, and the offsets of those that have none.
pub(super) fn sort_out(cx: &Cx, asked: &[OffsetCommitRequestTopic]) -> (Vec<OffsetCommitResponseTopic>, Offsets) {
    let mut offsets = Vec::new();
    let mut topics = Vec::new();
    for wanted in asked {
        let topic = cx.shared.registry.get(&wanted.name);
        let mut partitions = Vec::new();
        for partition in &wanted.partitions {
            let known = topic.as_ref().is_some_and(|topic| topic.partition(partition.partition_index).is_some());
            let error_code = fault(cx, partition, known);
            if error_code.is_none() {
                offsets.push(((wanted.name.clone(), partition.partition_index), committed(partition)));
            }
            let partition_index = partition.partition_index;
            partitions.push(OffsetCommitResponsePartition { partition_index, error_code });
        }
        topics.push(OffsetCommitResponseTopic { name: wanted.name.clone(), partitions });
    }
    (topics, offsets)
}

fn fault(cx: &Cx, partition: &OffsetCommitRequestPartition, known: bool) -> ErrorCode {
    let metadata = partition.committed_metadata.as_ref().map_or(0, String::len);
    match known {
        false => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        true if metadata > cx.shared.coordinator.limits().max_metadata => ErrorCode::OFFSET_METADATA_TOO_LARGE,
        true => ErrorCode::NONE,
    }
}

fn committed(partition: &OffsetCommitRequestPartition) -> Committed {
    Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
    }
}

/// What is wrong with all of them stands at each that has no fault of its own.
fn response(mut topics: Vec<OffsetCommitResponseTopic>, all: ErrorCode) -> OffsetCommitResponse {
    for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code.is_none() {
            partition.error_code = all;
        }
    }
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}
