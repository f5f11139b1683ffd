//! ListOffsets: the ends of a partition, or the first record of a time. For readers of committed records a partition ends at its
//! last stable offset.

use std::sync::Arc;

use broker_wire::ErrorCode;
use broker_wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use crate::log::partition::{LEADER_EPOCH, PartitionLog};
use crate::log::reading::ReadError;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::PartitionState;

/// The isolation level of who reads only what was committed.
const READ_COMMITTED: i8 = 1;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub fn handle(cx: &Cx, request: ListOffsetsRequest) -> Answer<ListOffsetsResponse> {
    let committed = request.isolation_level == READ_COMMITTED;
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = cx.shared.registry.get(&wanted.name);
        let partitions = wanted.partitions.iter().map(|wanted| {
            match topic.as_ref().and_then(|topic| topic.partition(wanted.partition_index)) {
                Some(PartitionState::Online(log)) => answer(log, wanted, committed),
                Some(PartitionState::Offline(_)) => refuse(wanted, ErrorCode::KAFKA_STORAGE_ERROR),
                None => refuse(wanted, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            }
        });
        ListOffsetsTopicResponse { partitions: partitions.collect(), name: wanted.name }
    });
    Answer::Now(ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() })
}

fn answer(log: &Arc<PartitionLog>, wanted: &ListOffsetsPartition, committed: bool) -> ListOffsetsPartitionResponse {
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return refuse(wanted, ErrorCode::UNKNOWN_LEADER_EPOCH);
    }
    let end = if committed { log.last_stable_offset() } else { log.high_watermark() };
    match find(log, wanted.timestamp, end) {
        Ok((timestamp, offset)) => ListOffsetsPartitionResponse {
            partition_index: wanted.partition_index,
            timestamp,
            offset,
            leader_epoch: if offset < 0 { -1 } else { LEADER_EPOCH },
            ..ListOffsetsPartitionResponse::default()
        },
        Err(error) => {
            tracing::error!(partition = log.name(), timestamp = wanted.timestamp, %error, "search by time failed");
            refuse(wanted, ErrorCode::KAFKA_STORAGE_ERROR)
        }
    }
}

/// Timestamp and offset of a log that is shown up to `end`; -1 where there is none.
fn find(log: &PartitionLog, timestamp: i64, end: i64) -> Result<(i64, i64), ReadError> {
    let found = match timestamp {
        LATEST => return Ok((-1, end)),
        EARLIEST | EARLIEST_LOCAL => return Ok((-1, log.start_offset())),
        LATEST_TIERED => None,
        MAX_TIMESTAMP => log.largest_timestamp()?,
        timestamp => log.offset_for_time(timestamp)?,
    };
    let found = found.filter(|found| found.offset < end);
    Ok(found.map_or((-1, -1), |found| (found.timestamp, found.offset)))
}

fn refuse(wanted: &ListOffsetsPartition, error_code: ErrorCode) -> ListOffsetsPartitionResponse {
    let partition_index = wanted.partition_index;
    ListOffsetsPartitionResponse { partition_index, error_code, ..ListOffsetsPartitionResponse::default() }
}
