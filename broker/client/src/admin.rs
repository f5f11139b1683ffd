//! Topics and their settings.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use broker_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use broker_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use broker_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use broker_wire::messages::metadata::MetadataRequest;

use crate::client::{Client, Purpose};
use crate::error::{ClientError, Result};
use crate::settled::settled;

const TOPIC: i8 = 2;
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// The name.
    pub name: String,
    /// How many partitions; -1 leaves it to the log.
    pub partitions: i32,
    /// How many brokers hold each partition; -1 leaves it to the log.
    pub replication_factor: i16,
    /// Topic settings.
    pub configs: BTreeMap<String, String>,
}

/// Makes topics. Those that are there already stay as they are: `Ok(false)` in their place.
pub async fn create_topics(client: &Client, topics: &[NewTopic]) -> Result<Vec<Result<bool>>> {
    let request = CreateTopicsRequest {
        topics: topics.iter().map(creatable).collect(),
        timeout_ms: CREATE_TIMEOUT.as_millis() as i32,
        validate_only: false,
    };
    let connection = controller(client).await?;
    let answer = connection.call(&request).await?;
    let outcome = |topic: &NewTopic| {
        let Some(result) = answer.topics.iter().find(|result| result.name == topic.name) else {
            return Err(ClientError::Missing(format!("answer for topic {}", topic.name)));
        };
        match result.error_code {
            ErrorCode::NONE => Ok(true),
            ErrorCode::TOPIC_ALREADY_EXISTS => Ok(false),
            code => Err(ClientError::Refused {
                what: format!("cannot create topic {}", topic.name),
                code,
                message: result.error_message.clone(),
            }),
        }
    };
    let outcomes = topics.iter().map(outcome).collect();
    topics.iter().for_each(|topic| client.forget(&topic.name));
    Ok(outcomes)
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config =
        |(name, value): (&String, &String)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) };
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        assignments: Vec::new(),
        configs: topic.configs.iter().map(config).collect(),
    }
}

/// The broker that makes and deletes topics.
async fn controller(client: &Client) -> Result<std::sync::Arc<crate::Connection>> {
    let any = client.any(Purpose::Control).await?;
    let answer = any.call(&MetadataRequest { topics: Some(Vec::new()), ..Default::default() }).await?;
    match client.node(answer.controller_id, Purpose::Control).await {
        Ok(connection) => Ok(connection),
        Err(_) => Ok(any),
    }
}

/// Deletes a topic. `Ok(false)` if there is none of that name.
pub async fn delete_topic(client: &Client, name: &str) -> Result<bool> {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: Some(name.to_owned()), ..Default::default() }],
        topic_names: vec![name.to_owned()],
        timeout_ms: CREATE_TIMEOUT.as_millis() as i32,
    };
    let answer = controller(client).await?.call(&request).await?;
    client.forget(name);
    match answer.responses.first().map(|result| result.error_code) {
        Some(ErrorCode::NONE) => Ok(true),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) | None => Ok(false),
        Some(code) => Err(ClientError::refused(format!("cannot delete topic {name}"), code)),
    }
}

/// The settings of a topic; `None` if the log will not tell.
pub async fn topic_config(client: &Client, name: &str) -> Result<Option<BTreeMap<String, String>>> {
    settled(|| topic_config_once(client, name)).await
}

async fn topic_config_once(client: &Client, name: &str) -> Result<Option<BTreeMap<String, String>>> {
    let resource =
        DescribeConfigsResource { resource_type: TOPIC, resource_name: name.to_owned(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let answer = match client.any(Purpose::Control).await?.call(&request).await {
        Err(ClientError::Unsupported { .. }) => return Ok(None),
        answer => answer?,
    };
    let Some(result) = answer.results.into_iter().next() else { return Ok(None) };
    match result.error_code {
        ErrorCode::NONE => {}
        ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => return Ok(None),
        code => return Err(ClientError::refused(format!("cannot describe topic {name}"), code)),
    }
    Ok(Some(result.configs.into_iter().filter_map(|config| Some((config.name, config.value?))).collect()))
}

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first that is still there.
    Earliest,
    /// The one that the next record gets.
    Latest,
    /// The one up to which readers of committed records may read now.
    Stable,
    /// The first whose time is not before this, in milliseconds since 1970-01-01 UTC.
    Time(i64),
}

/// Offsets of partitions of a topic, by partition; -1 where no record is that late. Waits for elections, some seconds.
pub async fn offsets_at(client: &Client, topic: &str, partitions: &[i32], at: OffsetAt) -> Result<BTreeMap<i32, i64>> {
    settled(|| offsets_once(client, topic, partitions, at)).await
}

async fn offsets_once(client: &Client, topic: &str, partitions: &[i32], at: OffsetAt) -> Result<BTreeMap<i32, i64>> {
    let known = client.partitions(topic).await?.ok_or_else(|| ClientError::Missing(format!("topic {topic}")))?;
    let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let index = usize::try_from(*partition).ok();
        let leader = index.and_then(|index| known.leaders.get(index));
        let leader = leader.ok_or_else(|| ClientError::Missing(format!("partition {topic}-{partition}")))?;
        let leader = leader.ok_or_else(|| {
            client.forget(topic);
            listing(topic, *partition, ErrorCode::LEADER_NOT_AVAILABLE)
        });
        by_leader.entry(leader?).or_default().push(*partition);
    }
    let mut offsets = BTreeMap::new();
    for (leader, partitions) in by_leader {
        offsets.extend(ask_offsets(client, topic, leader, &partitions, at).await?);
    }
    Ok(offsets)
}

async fn ask_offsets(
    client: &Client,
    topic: &str,
    leader: i32,
    partitions: &[i32],
    at: OffsetAt,
) -> Result<Vec<(i32, i64)>> {
    let timestamp = match at {
        OffsetAt::Earliest => -2,
        OffsetAt::Latest | OffsetAt::Stable => -1,
        OffsetAt::Time(time) => time,
    };
    let asked = |partition: &i32| ListOffsetsPartition { partition_index: *partition, timestamp, ..Default::default() };
    let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions: partitions.iter().map(asked).collect() }];
    let isolation_level = i8::from(at == OffsetAt::Stable);
    let request = ListOffsetsRequest { replica_id: -1, isolation_level, topics, ..Default::default() };
    let answer = client.node(leader, Purpose::Control).await?.call(&request).await?;
    let found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    found
        .map(|found| {
            if found.error_code.is_retriable() {
                client.forget(topic);
            }
            if found.error_code.is_none() {
                Ok((found.partition_index, found.offset))
            } else {
                Err(listing(topic, found.partition_index, found.error_code))
            }
        })
        .collect()
}

fn listing(topic: &str, partition: i32, code: ErrorCode) -> ClientError {
    ClientError::refused(format!("cannot list offsets of {topic}-{partition}"), code)
}
