//! Metadata: this broker, and the topics asked for. Missing topics are created if client and broker both want that.

use std::sync::Arc;

use broker_wire::ErrorCode;
use broker_wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};

use crate::log::partition::LEADER_EPOCH;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::config::TopicConfig;
use crate::topics::{PartitionState, Topic, name};

pub fn handle(cx: &Cx, request: MetadataRequest) -> Answer<MetadataResponse> {
    let wanted = match request.topics {
        // Version 0 cannot say null: its empty list means all.
        Some(topics) if cx.version > 0 || !topics.is_empty() => topics,
        _ => return Answer::Now(response(cx, all(cx))),
    };
    let create = request.allow_auto_topic_creation && cx.shared.config.auto_create_topics;
    let missing: Vec<String> = wanted.iter().filter_map(|topic| missing(cx, topic)).collect();
    if !create || missing.is_empty() {
        return Answer::Now(response(cx, describe(cx, &wanted)));
    }
    let cx = cx.clone();
    Answer::later(async move {
        let creating = cx.clone();
        let created = cx.shared.runtime.spawn_blocking(move || creating.create_missing(&missing));
        let failed = created.await.unwrap_or_default();
        let mut topics = describe(&cx, &wanted);
        for (topic, code) in failed {
            let same = |answer: &&mut MetadataResponseTopic| answer.name.as_deref() == Some(&topic);
            topics.iter_mut().find(same).into_iter().for_each(|answer| answer.error_code = code);
        }
        response(&cx, topics)
    })
}

/// The name of a topic that is not there and could be.
fn missing(cx: &Cx, wanted: &MetadataRequestTopic) -> Option<String> {
    let name = wanted.name.as_ref().filter(|_| wanted.topic_id.is_zero())?;
    (cx.shared.registry.get(name).is_none() && name::check(name).is_ok()).then(|| name.clone())
}

impl Cx {
    /// Creates topics with the defaults; gives those that could not be created.
    fn create_missing(&self, missing: &[String]) -> Vec<(String, ErrorCode)> {
        let config = &self.shared.config;
        let mut failed = Vec::new();
        for name in missing {
            let internal = match &**name {
                name::OFFSETS_TOPIC => Some(config.groups.journal_partitions),
                name::TRANSACTIONS_TOPIC => Some(config.transactions.journal_partitions),
                _ => None,
            };
            let partitions = internal.unwrap_or(config.num_partitions);
            if self.partitions_left() < partitions as usize {
                failed.push((name.clone(), ErrorCode::POLICY_VIOLATION));
            } else if let Err(error) = self.shared.registry.create(name, partitions, TopicConfig::default()) {
                tracing::warn!(topic = name, %error, "topic could not be created");
                failed.push((name.clone(), ErrorCode::KAFKA_STORAGE_ERROR));
            }
        }
        failed
    }

    /// How many partitions may still be created.
    pub fn partitions_left(&self) -> usize {
        let there: usize = self.shared.registry.all().iter().map(|topic| topic.partitions.len()).sum();
        self.shared.config.max_partitions.saturating_sub(there)
    }
}

fn all(cx: &Cx) -> Vec<MetadataResponseTopic> {
    cx.shared.registry.all().iter().map(|topic| topic_answer(cx, topic)).collect()
}

fn describe(cx: &Cx, wanted: &[MetadataRequestTopic]) -> Vec<MetadataResponseTopic> {
    wanted.iter().map(|wanted| describe_one(cx, wanted)).collect()
}

fn describe_one(cx: &Cx, wanted: &MetadataRequestTopic) -> MetadataResponseTopic {
    let refuse = |error_code| MetadataResponseTopic {
        error_code,
        name: wanted.name.clone(),
        topic_id: wanted.topic_id,
        ..MetadataResponseTopic::default()
    };
    let (found, unknown) = match &wanted.name {
        _ if !wanted.topic_id.is_zero() => (cx.shared.registry.get_by_id(wanted.topic_id), ErrorCode::UNKNOWN_TOPIC_ID),
        Some(name) if name::check(name).is_err() => return refuse(ErrorCode::INVALID_TOPIC_EXCEPTION),
        Some(name) => (cx.shared.registry.get(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        None => (None, ErrorCode::UNKNOWN_TOPIC_ID),
    };
    // Before version 12 an answer must have a name.
    let refused = || match wanted.name.is_none() && cx.version < 12 {
        true => MetadataResponseTopic { name: Some(String::new()), ..refuse(unknown) },
        false => refuse(unknown),
    };
    found.map_or_else(refused, |topic| topic_answer(cx, &topic))
}

fn topic_answer(cx: &Cx, topic: &Arc<Topic>) -> MetadataResponseTopic {
    let node_id = cx.shared.config.node_id;
    let partition = |(index, state): (usize, &PartitionState)| MetadataResponsePartition {
        error_code: match state {
            PartitionState::Online(_) => ErrorCode::NONE,
            PartitionState::Offline(_) => ErrorCode::LEADER_NOT_AVAILABLE,
        },
        partition_index: index as i32,
        leader_id: node_id,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        offline_replicas: Vec::new(),
    };
    MetadataResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: topic.partitions.iter().enumerate().map(partition).collect(),
        ..MetadataResponseTopic::default()
    }
}

fn response(cx: &Cx, topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
    let node_id = cx.shared.config.node_id;
    let (host, port) = (cx.address.host.clone(), i32::from(cx.address.port));
    MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id, host, port, rack: None }],
        cluster_id: Some(cx.shared.cluster_id.clone()),
        controller_id: node_id,
        topics,
        ..MetadataResponse::default()
    }
}
