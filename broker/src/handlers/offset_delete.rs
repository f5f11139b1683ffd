//! OffsetDelete: answered when the offsets stay deleted after a power cut. Offsets of topics that members subscribe to
//! stay.

use broker_wire::ErrorCode;
use broker_wire::consumer_protocol::{Subscription, Versioned};
use broker_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use crate::groups::group::Group;
use crate::server::dispatch::{Answer, Cx};

/// Only of this kind of group the broker can read what members subscribe to.
const CONSUMER: &str = "consumer";

pub fn handle(cx: &Cx, request: OffsetDeleteRequest) -> Answer<OffsetDeleteResponse> {
    let mut wanted = Vec::new();
    for topic in &request.topics {
        wanted.extend(topic.partitions.iter().map(|partition| (topic.name.clone(), partition.partition_index)));
    }
    let refuse = |error_code| OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() };
    match cx.shared.coordinator.delete_offsets(&request.group_id, &wanted, is_subscribed) {
        Ok((outcomes, ticket)) => Answer::later(async move {
            match ticket.durable().await {
                Ok(()) => response(&wanted, &outcomes),
                Err(_) => refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            }
        }),
        Err(error) => Answer::Now(refuse(error)),
    }
}

fn is_subscribed(group: &Group, topic: &str) -> bool {
    if group.members.is_empty() {
        return false;
    }
    // Nobody can say what other kinds of group read, so nothing of theirs is deleted while they live.
    group.protocol_type != CONSUMER
        || group.members.values().any(|member| {
            let metadata = member.profile.protocols.first().map(|(_, metadata)| metadata.clone()).unwrap_or_default();
            Subscription::from_versioned_bytes(metadata).map_or(true, |wanted| wanted.topics.iter().any(|t| t == topic))
        })
}

fn response(wanted: &[(String, i32)], outcomes: &[ErrorCode]) -> OffsetDeleteResponse {
    let mut topics: Vec<OffsetDeleteResponseTopic> = Vec::new();
    for ((name, partition_index), error_code) in wanted.iter().zip(outcomes) {
        let answer = OffsetDeleteResponsePartition { partition_index: *partition_index, error_code: *error_code };
        match topics.last_mut().filter(|topic| topic.name == *name) {
            Some(topic) => topic.partitions.push(answer),
            None => topics.push(OffsetDeleteResponseTopic { name: name.clone(), partitions: vec![answer] }),
        }
    }
    OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() }
}
