//! OffsetForLeaderEpoch: there is one epoch, and it ends where the log ends.

use broker_wire::ErrorCode;
use broker_wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

use crate::log::partition::LEADER_EPOCH;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::{PartitionState, Topic};

pub fn handle(cx: &Cx, request: OffsetForLeaderEpochRequest) -> Answer<OffsetForLeaderEpochResponse> {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = cx.shared.registry.get(&wanted.topic);
        let partitions = wanted.partitions.iter().map(|partition| end(topic.as_deref(), partition)).collect();
        OffsetForLeaderTopicResult { topic: wanted.topic, partitions }
    });
    Answer::Now(OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() })
}

fn end(topic: Option<&Topic>, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let none = EpochEndOffset { partition: wanted.partition, ..EpochEndOffset::default() };
    let refuse = |error_code| EpochEndOffset { error_code, ..none.clone() };
    match topic.and_then(|topic| topic.partition(wanted.partition)) {
        None => refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Some(PartitionState::Offline(_)) => refuse(ErrorCode::KAFKA_STORAGE_ERROR),
        Some(_) if wanted.current_leader_epoch > LEADER_EPOCH => refuse(ErrorCode::UNKNOWN_LEADER_EPOCH),
        Some(PartitionState::Online(log)) if wanted.leader_epoch == LEADER_EPOCH => {
            EpochEndOffset { leader_epoch: LEADER_EPOCH, end_offset: log.high_watermark(), ..none }
        }
        Some(PartitionState::Online(_)) => none,
    }
}
