//! Committed offsets of a group.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::delete_groups::DeleteGroupsRequest;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use broker_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use broker_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};

use crate::client::Client;
use crate::consumer::TopicPartition;
use crate::error::{ClientError, Result};
use crate::settled::settled;

/// How long a commit may take; less where requests may take less. A sink waits for it, and a broker that works has given up after
/// five seconds (`offsets.commit.timeout.ms`).
const COMMIT_LIMIT: Duration = Duration::from_secs(10);

/// Who commits: a member in its generation, or nobody in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committer {
    /// The group.
    pub group: String,
    /// The generation; -1 for an offset that is set from outside while the group is empty.
    pub generation: i32,
    /// The member; empty from outside.
    pub member: String,
}

/// Commits offsets, each the offset of the next record to read. On return the log holds them durably.
pub async fn commit(client: &Client, by: &Committer, offsets: &BTreeMap<TopicPartition, i64>) -> Result<()> {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (partition, offset) in offsets {
        let entry = OffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: *offset,
            committed_metadata: Some(String::new()),
            ..Default::default()
        };
        match topics.last_mut().filter(|topic| *topic.name == *partition.topic) {
            Some(topic) => topic.partitions.push(entry),
            None => {
                topics.push(OffsetCommitRequestTopic { name: partition.topic.to_string(), partitions: vec![entry] });
            }
        }
    }
    let request = OffsetCommitRequest {
        group_id: by.group.clone(),
        generation_id_or_member_epoch: by.generation,
        member_id: by.member.clone(),
        topics,
        ..Default::default()
    };
    let limit = COMMIT_LIMIT.min(client.config().request_timeout);
    let answer = client.ask_coordinator(&by.group, &request, limit).await?;
    for topic in &answer.topics {
        for partition in &topic.partitions {
            moved(client, &by.group, partition.error_code);
            ClientError::check(partition.error_code, || {
                format!(
                    "cannot commit the offset of {}-{} for group {}",
                    topic.name, partition.partition_index, by.group
                )
            })?;
        }
    }
    Ok(())
}

/// The committed offsets of these partitions, or of all that have one; partitions without one are left out. Waits for a
/// coordinator that is moving or loading, some seconds.
pub async fn committed(
    client: &Client,
    group: &str,
    partitions: Option<&[TopicPartition]>,
) -> Result<BTreeMap<TopicPartition, i64>> {
    settled(|| committed_once(client, group, partitions)).await
}

async fn committed_once(
    client: &Client,
    group: &str,
    partitions: Option<&[TopicPartition]>,
) -> Result<BTreeMap<TopicPartition, i64>> {
    let asked = partitions.map(by_topic);
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: asked.clone().map(|topics| {
            let topic = |(name, partition_indexes)| OffsetFetchRequestTopic { name, partition_indexes };
            topics.into_iter().map(topic).collect()
        }),
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: asked.map(|topics| {
                let topic = |(name, partition_indexes)| OffsetFetchRequestTopics { name, partition_indexes };
                topics.into_iter().map(topic).collect()
            }),
            ..Default::default()
        }],
        require_stable: true,
    };
    let answer = client.ask_coordinator(group, &request, client.config().request_timeout).await?;
    let what = || format!("cannot read the committed offsets of group {group}");
    let mut committed = BTreeMap::new();
    let mut add = |topic: &str, partition: i32, offset: i64, code: ErrorCode| {
        ClientError::check(code, what)?;
        if offset >= 0 {
            committed.insert(TopicPartition { topic: topic.into(), partition }, offset);
        }
        Ok::<(), ClientError>(())
    };
    match answer.groups.first() {
        Some(found) => {
            moved(client, group, found.error_code);
            ClientError::check(found.error_code, what)?;
            for topic in &found.topics {
                for partition in &topic.partitions {
                    add(&topic.name, partition.partition_index, partition.committed_offset, partition.error_code)?;
                }
            }
        }
        None => {
            moved(client, group, answer.error_code);
            ClientError::check(answer.error_code, what)?;
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    add(&topic.name, partition.partition_index, partition.committed_offset, partition.error_code)?;
                }
            }
        }
    }
    Ok(committed)
}

/// Forgets the committed offsets of these partitions. The group has to be empty.
pub async fn delete_offsets(client: &Client, group: &str, partitions: &[TopicPartition]) -> Result<()> {
    let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
    let topic = |(name, partitions): (String, Vec<i32>)| OffsetDeleteRequestTopic {
        name,
        partitions: partitions.into_iter().map(partition).collect(),
    };
    let topics = by_topic(partitions).into_iter().map(topic).collect();
    let request = OffsetDeleteRequest { group_id: group.to_owned(), topics };
    let answer = client.ask_coordinator(group, &request, client.config().request_timeout).await?;
    let what = || format!("cannot delete offsets of group {group}");
    moved(client, group, answer.error_code);
    ClientError::check(answer.error_code, what)?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|partition| ClientError::check(partition.error_code, what))
}

/// Deletes a group with all its offsets. False if there is no such group. It has to be empty.
pub async fn delete_group(client: &Client, group: &str) -> Result<bool> {
    let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
    let answer = client.ask_coordinator(group, &request, client.config().request_timeout).await?;
    let code = answer.results.first().map_or(ErrorCode::GROUP_ID_NOT_FOUND, |result| result.error_code);
    moved(client, group, code);
    match code {
        ErrorCode::GROUP_ID_NOT_FOUND => Ok(false),
        code => ClientError::check(code, || format!("cannot delete group {group}")).map(|()| true),
    }
}

/// Forgets the coordinator if the code says that it is another broker now.
fn moved(client: &Client, group: &str, code: ErrorCode) {
    if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
        client.forget_coordinator(group);
    }
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<(String, Vec<i32>)> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    topics.into_iter().map(|(topic, partitions)| (topic.to_owned(), partitions)).collect()
}
