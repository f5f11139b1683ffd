//! CreateTopics: answered when the topics survive a power cut.

use broker_wire::ErrorCode;
use broker_wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

use super::describe_configs::{Described, topic_configs};
use crate::server::dispatch::{Answer, Cx};
use crate::topics::config::TopicConfig;
use crate::topics::{Topic, name};

pub fn handle(cx: &Cx, request: CreateTopicsRequest) -> Answer<CreateTopicsResponse> {
    let creating = cx.clone();
    let created = cx.shared.runtime.spawn_blocking(move || {
        let names: Vec<String> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let once = |name: &str| names.iter().filter(|other| *other == name).count() == 1;
        let one = |topic: &CreatableTopic| match once(&topic.name) {
            true => create(&creating, topic, request.validate_only),
            false => refuse(topic, ErrorCode::INVALID_REQUEST, "the topic is named twice in the request".to_owned()),
        };
        request.topics.iter().map(one).collect()
    });
    Answer::later(async move {
        let topics = created.await.unwrap_or_default();
        CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
    })
}

fn create(cx: &Cx, wanted: &CreatableTopic, validate_only: bool) -> CreatableTopicResult {
    match try_create(cx, wanted, validate_only) {
        Ok(result) => result,
        Err((code, reason)) => refuse(wanted, code, reason),
    }
}

fn try_create(
    cx: &Cx,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, (ErrorCode, String)> {
    name::check(&wanted.name).map_err(|error| (ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
    let exists = || (ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{}' already exists.", wanted.name));
    if cx.shared.registry.get(&wanted.name).is_some() {
        return Err(exists());
    }
    let partitions = partitions(cx, wanted)?;
    let given = wanted.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let config = TopicConfig::new(given).map_err(|error| (ErrorCode::INVALID_CONFIG, error.to_string()))?;
    if validate_only {
        let topic = Topic { name: wanted.name.as_str().into(), id: Default::default(), config, partitions: vec![] };
        return Ok(result(cx, &topic, partitions));
    }
    let created = cx.shared.registry.create(&wanted.name, partitions, config);
    let topic =
        created.map_err(|error| (ErrorCode::KAFKA_STORAGE_ERROR, format!("the topic is not there: {error}")))?;
    let topic = topic.ok_or_else(exists)?;
    tracing::info!(topic = wanted.name, partitions, "topic created");
    Ok(result(cx, &topic, partitions))
}

/// How many partitions; the caller may have placed them by hand, on this broker.
fn partitions(cx: &Cx, wanted: &CreatableTopic) -> Result<u32, (ErrorCode, String)> {
    let here = vec![cx.shared.config.node_id];
    let placed = wanted.assignments.len();
    if placed > 0 {
        let mut indexes: Vec<i32> = wanted.assignments.iter().map(|placed| placed.partition_index).collect();
        indexes.sort_unstable();
        let all = indexes.iter().copied().eq(0..placed as i32);
        if !all || wanted.assignments.iter().any(|placed| placed.broker_ids != here) {
            let reason = format!("each partition from 0 on must be placed once, on broker {}", here[0]);
            return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, reason));
        }
    }
    if placed == 0 && !matches!(wanted.replication_factor, -1 | 1) {
        let reason = format!("replication factor {} is not possible: there is one broker", wanted.replication_factor);
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, reason));
    }
    let partitions = match wanted.num_partitions {
        _ if placed > 0 => placed as u32,
        -1 => cx.shared.config.num_partitions,
        count => u32::try_from(count).unwrap_or(0),
    };
    let left = cx.partitions_left();
    match partitions {
        0 => Err((ErrorCode::INVALID_PARTITIONS, "a topic needs at least one partition".to_owned())),
        count if count as usize > left => {
            let reason = format!("{count} partitions are over max.partitions: {left} more are possible");
            Err((ErrorCode::POLICY_VIOLATION, reason))
        }
        count => Ok(count),
    }
}

fn result(cx: &Cx, topic: &Topic, partitions: u32) -> CreatableTopicResult {
    let config = |config: Described| CreatableTopicConfigs {
        name: config.key.name.to_owned(),
        value: Some(config.value),
        config_source: config.source,
        ..CreatableTopicConfigs::default()
    };
    CreatableTopicResult {
        name: topic.name.to_string(),
        topic_id: topic.id,
        num_partitions: partitions as i32,
        replication_factor: 1,
        configs: Some(topic_configs(cx, topic).into_iter().map(config).collect()),
        ..CreatableTopicResult::default()
    }
}

fn refuse(wanted: &CreatableTopic, error_code: ErrorCode, reason: String) -> CreatableTopicResult {
    CreatableTopicResult {
        name: wanted.name.clone(),
        error_code,
        error_message: Some(reason),
        configs: None,
        ..CreatableTopicResult::default()
    }
}
