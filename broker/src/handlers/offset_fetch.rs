//! OffsetFetch: of one group up to version 7, of several from version 8 on. What was committed before on the same
//! connection is seen, and nothing is told that a power cut could take back. Who wants stable offsets is told to wait while a
//! transaction may still change one (KIP-447).

use broker_wire::ErrorCode;
use broker_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

use crate::groups::offsets::Known;
use crate::server::dispatch::{Answer, Cx};

/// The first version that asks for several groups.
const GROUPS_SINCE: i16 = 8;

pub fn handle(cx: &Cx, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    let old = cx.version < GROUPS_SINCE;
    let wanted = if old { vec![as_group(request.group_id, request.topics)] } else { request.groups };
    let known = |group: &OffsetFetchRequestGroup| {
        let mut known = cx.shared.coordinator.offsets(&group.group_id);
        if !request.require_stable {
            known.pending.clear();
        }
        known
    };
    let found: Vec<(Known, _)> = wanted.into_iter().map(|group| (known(&group), group)).collect();
    if found.iter().all(|(known, _)| known.safe.is_done()) {
        let groups = found.into_iter().map(|(known, group)| answer(group, &known)).collect();
        return Answer::Now(response(groups, old));
    }
    Answer::later(async move {
        let mut groups = Vec::new();
        for (known, group) in found {
            groups.push(when_safe(group, &known).await);
        }
        response(groups, old)
    })
}

async fn when_safe(group: OffsetFetchRequestGroup, known: &Known) -> OffsetFetchResponseGroup {
    match known.safe.durable().await {
        Ok(()) => answer(group, known),
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

fn answer(wanted: OffsetFetchRequestGroup, known: &Known) -> OffsetFetchResponseGroup {
    let topics = match wanted.topics {
        Some(topics) => topics.into_iter().map(|topic| asked(topic, known)).collect(),
        None => all(known),
    };
    OffsetFetchResponseGroup { group_id: wanted.group_id, topics, error_code: ErrorCode::NONE }
}

fn asked(wanted: OffsetFetchRequestTopics, known: &Known) -> OffsetFetchResponseTopics {
    let mut at = (wanted.name, 0);
    let mut partitions = Vec::with_capacity(wanted.partition_indexes.len());
    for index in wanted.partition_indexes {
        at.1 = index;
        partitions.push(partition(&at, known));
    }
    OffsetFetchResponseTopics { name: at.0, partitions }
}

fn all(known: &Known) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for at in known.offsets.keys() {
        let (name, answer) = (&at.0, partition(at, known));
        match topics.last_mut().filter(|topic| topic.name == *name) {
            Some(topic) => topic.partitions.push(answer),
            None => topics.push(OffsetFetchResponseTopics { name: name.clone(), partitions: vec![answer] }),
        }
    }
    topics
}

fn partition(at: &(String, i32), known: &Known) -> OffsetFetchResponsePartitions {
    let unstable = known.pending.contains(at);
    let committed = known.offsets.get(at).filter(|_| !unstable);
    OffsetFetchResponsePartitions {
        partition_index: at.1,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map_or_else(String::new, |committed| committed.metadata.clone())),
        error_code: if unstable { ErrorCode::UNSTABLE_OFFSET_COMMIT } else { ErrorCode::NONE },
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
