//! CreatePartitions: topics grow, they never shrink.

use broker_wire::ErrorCode;
use broker_wire::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use crate::server::dispatch::{Answer, Cx};

pub fn handle(cx: &Cx, request: CreatePartitionsRequest) -> Answer<CreatePartitionsResponse> {
    let growing = cx.clone();
    let grown = cx.shared.runtime.spawn_blocking(move || {
        let one = |topic: &CreatePartitionsTopic| {
            let (error_code, error_message) = match grow(&growing, topic, request.validate_only) {
                Ok(()) => (ErrorCode::NONE, None),
                Err((code, reason)) => (code, Some(reason)),
            };
            CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message }
        };
        request.topics.iter().map(one).collect()
    });
    Answer::later(async move {
        let results = grown.await.unwrap_or_default();
        CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
    })
}

fn grow(cx: &Cx, wanted: &CreatePartitionsTopic, validate_only: bool) -> Result<(), (ErrorCode, String)> {
    let unknown = || (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic".to_owned());
    let topic = cx.shared.registry.get(&wanted.name).ok_or_else(unknown)?;
    if topic.is_internal() {
        return Err((ErrorCode::INVALID_REQUEST, "this topic is the broker's own".to_owned()));
    }
    let there = topic.partitions.len();
    let count = usize::try_from(wanted.count).unwrap_or(0);
    if count == there {
        return Err((ErrorCode::INVALID_PARTITIONS, format!("Topic already has {there} partition(s).")));
    }
    if count < there {
        let reason =
            format!("The topic currently has {there} partition(s); {} would not be an increase.", wanted.count);
        return Err((ErrorCode::INVALID_PARTITIONS, reason));
    }
    let left = cx.partitions_left();
    if count - there > left {
        let reason = format!("{} more partitions are over max.partitions: {left} are possible", count - there);
        return Err((ErrorCode::POLICY_VIOLATION, reason));
    }
    let here = vec![cx.shared.config.node_id];
    if let Some(placed) = &wanted.assignments
        && (placed.len() != count - there || placed.iter().any(|placed| placed.broker_ids != here))
    {
        let reason = format!("each new partition must be placed on broker {}", here[0]);
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, reason));
    }
    if validate_only {
        return Ok(());
    }
    let grown = cx.shared.registry.grow(&wanted.name, count as u32);
    let grown = grown.map_err(|error| (ErrorCode::KAFKA_STORAGE_ERROR, format!("nothing has changed: {error}")))?;
    grown.map(drop).ok_or_else(unknown)
}
