//! Committed offsets of groups: out of the log, and into the target.

use std::collections::BTreeMap;

use broker_client::{Client, ClientError, Purpose};
use broker_wire::ErrorCode;
use broker_wire::messages::list_groups::ListGroupsRequest;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use broker_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};

use super::failure::{Failure, Result};
use super::plan::MovedOffset;
use super::target::patiently;

/// Group, topic, partition.
pub type Place = (String, String, i32);

/// What groups have committed, with the text that they keep with it.
pub type Committed = BTreeMap<Place, (i64, String)>;

/// Everything that groups of the log have committed.
pub async fn committed(client: &Client) -> Result<Committed, ClientError> {
    let answer = client.any(Purpose::Control).await?.call(&ListGroupsRequest::default()).await?;
    ClientError::check(answer.error_code, || "cannot list groups".to_owned())?;
    let mut all = Committed::new();
    for group in answer.groups {
        all.extend(of_group(client, &group.group_id).await?);
    }
    Ok(all)
}

/// What one group has committed. Nothing if there is no such group.
pub async fn of_group(client: &Client, group: &str) -> Result<Committed, ClientError> {
    patiently(|| fetch(client, group)).await
}

async fn fetch(client: &Client, group: &str) -> Result<Committed, ClientError> {
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: None,
        groups: vec![OffsetFetchRequestGroup { group_id: group.to_owned(), topics: None, ..Default::default() }],
        require_stable: true,
    };
    let answer = client.coordinator(group, Purpose::Control).await?.call(&request).await?;
    let check = |code: ErrorCode| checked(client, group, code, "cannot read the committed offsets");
    let mut all = Committed::new();
    let mut add = |topic: &str, partition: i32, offset: i64, metadata: Option<String>| {
        if offset >= 0 {
            all.insert((group.to_owned(), topic.to_owned(), partition), (offset, metadata.unwrap_or_default()));
        }
    };
    check(answer.error_code)?;
    for topic in answer.topics {
        for one in topic.partitions {
            check(one.error_code)?;
            add(&topic.name, one.partition_index, one.committed_offset, one.metadata);
        }
    }
    for found in answer.groups {
        check(found.error_code)?;
        for topic in found.topics {
            for one in topic.partitions {
                check(one.error_code)?;
                add(&topic.name, one.partition_index, one.committed_offset, one.metadata);
            }
        }
    }
    Ok(all)
}

/// Commits the offsets, group by group. Repeating it changes nothing.
///
/// # Errors
/// The target refuses, in particular because somebody is in the group.
pub async fn commit(client: &Client, offsets: &[MovedOffset]) -> Result<()> {
    let mut groups: BTreeMap<&str, Vec<&MovedOffset>> = BTreeMap::new();
    for offset in offsets {
        groups.entry(&offset.group).or_default().push(offset);
    }
    for (group, offsets) in groups {
        let request = request(group, &offsets);
        patiently(|| commit_one(client, group, &request)).await.map_err(|why| in_use(group, &why))?;
    }
    Ok(())
}

fn request(group: &str, offsets: &[&MovedOffset]) -> OffsetCommitRequest {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for offset in offsets {
        topics.entry(&offset.topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: offset.partition,
            committed_offset: offset.moved,
            committed_metadata: Some(offset.metadata.clone()),
            ..Default::default()
        });
    }
    let topic = |(name, partitions): (&str, _)| OffsetCommitRequestTopic { name: name.to_owned(), partitions };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

async fn commit_one(client: &Client, group: &str, request: &OffsetCommitRequest) -> Result<(), ClientError> {
    let answer = client.coordinator(group, Purpose::Control).await?.call(request).await?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|one| checked(client, group, one.error_code, "cannot commit the offsets"))
}

fn checked(client: &Client, group: &str, code: ErrorCode, what: &str) -> Result<(), ClientError> {
    if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
        client.forget_coordinator(group);
    }
    ClientError::check(code, || format!("{what} of group {group}"))
}

fn in_use(group: &str, why: &ClientError) -> Failure {
    let remedy = match why.code() {
        Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::REBALANCE_IN_PROGRESS) => {
            format!(" Somebody is in the group {group} at the target already. Stop that")
        }
        _ => " Put that right".to_owned(),
    };
    Failure::running(format!("{why}.{remedy}, then run the same command again."))
}
