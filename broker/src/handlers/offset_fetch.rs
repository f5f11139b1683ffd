//! OffsetFetch: of one group up to version 7, of several from version 8 on. What was committed before on the same
//! connection is seen, and nothing is told that a power cut could take back.

use std::collections::BTreeMap;

use broker_wire::ErrorCode;
use broker_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

use crate::groups::group::Committed;
use crate::log::committer::Ticket;
use crate::server::dispatch::{Answer, Cx};

/// The first version that asks for several groups.
const GROUPS_SINCE: i16 = 8;

type Offsets = BTreeMap<(String, i32), Committed>;

pub fn handle(cx: &Cx, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    let old = cx.version < GROUPS_SINCE;
    let wanted = if old { vec![as_group(request.group_id, request.topics)] } else { request.groups };
    let found: Vec<_> =
        wanted.into_iter().map(|group| (cx.shared.coordinator.offsets(&group.group_id), group)).collect();
    if found.iter().all(|((_, ticket), _)| ticket.is_done()) {
        let groups = found.into_iter().map(|((offsets, _), group)| answer(group, &offsets)).collect();
        return Answer::Now(response(groups, old));
    }
    Answer::later(async move {
        let mut groups = Vec::new();
        for ((offsets, ticket), group) in found {
            groups.push(when_safe(group, &offsets, &ticket).await);
        }
        response(groups, old)
    })
}

async fn when_safe(group: OffsetFetchRequestGroup, offsets: &Offsets, ticket: &Ticket) -> OffsetFetchResponseGroup {
    match ticket.durable().await {
        Ok(()) => answer(group, offsets),
        Err(_) => OffsetFetchResponseGroup {
            group_id: group.group_id,
            error_code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
            topics: Vec::new(),
        },
    }
}

fn as_group(group_id: String, topics: Option<Vec<OffsetFetchRequestTopic>>) -> OffsetFetchRequestGroup {
    let newer = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
    };
    let topics = topics.map(|topics| topics.into_iter().map(newer).collect());
    OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() }
}

fn answer(wanted: OffsetFetchRequestGroup, offsets: &Offsets) -> OffsetFetchResponseGroup {
    let topics = match wanted.topics {
        Some(topics) => topics.into_iter().map(|topic| asked(topic, offsets)).collect(),
        None => all(offsets),
    };
    OffsetFetchResponseGroup { group_id: wanted.group_id, topics, error_code: ErrorCode::NONE }
}

fn asked(wanted: OffsetFetchRequestTopics, offsets: &Offsets) -> OffsetFetchResponseTopics {
    let mut at = (wanted.name, 0);
    let mut partitions = Vec::with_capacity(wanted.partition_indexes.len());
    for index in wanted.partition_indexes {
        at.1 = index;
        partitions.push(partition(index, offsets.get(&at)));
    }
    OffsetFetchResponseTopics { name: at.0, partitions }
}

fn all(offsets: &Offsets) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for ((name, index), committed) in offsets {
        let answer = partition(*index, Some(committed));
        match topics.last_mut().filter(|topic| topic.name == *name) {
            Some(topic) => topic.partitions.push(answer),
            None => topics.push(OffsetFetchResponseTopics { name: name.clone(), partitions: vec![answer] }),
        }
    }
    topics
}

fn partition(partition_index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map_or_else(String::new, |committed| committed.metadata.clone())),
        error_code: ErrorCode::NONE,
    }
}

fn response(mut groups: Vec<OffsetFetchResponseGroup>, old: bool) -> OffsetFetchResponse {
    if !old {
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let group = groups.pop().unwrap_or_default();
    let older = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(older).collect(),
    };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code: group.error_code,
        ..OffsetFetchResponse::default()
    }
}
