//! A worker on a cluster of Apache Kafka: three brokers, each record on all of them.

mod connectors;
mod exactly_once;
mod growing;
mod kills;
mod postgres;
mod secured;
mod security;
mod takeover;
mod topics;

use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use naru_tests::{KafkaCluster, KafkaOptions, Worker};

/// One cluster for all tests here: it takes seconds to start.
fn cluster() -> &'static RwLock<KafkaCluster> {
    static CLUSTER: OnceLock<RwLock<KafkaCluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| RwLock::new(KafkaCluster::start(KafkaOptions::default())))
}

/// The cluster, for a test that leaves its brokers alone.
fn shared() -> RwLockReadGuard<'static, KafkaCluster> {
    cluster().read().unwrap_or_else(PoisonError::into_inner)
}

/// The cluster, for a test that kills brokers: no other one uses it meanwhile.
fn alone() -> RwLockWriteGuard<'static, KafkaCluster> {
    cluster().write().unwrap_or_else(PoisonError::into_inner)
}

/// A worker on the cluster, with internal topics, a group and connectors of its own.
fn worker(cluster: &KafkaCluster, name: &str, settings: &[&str]) -> Worker {
    let own = [
        format!("bootstrap.servers={}", cluster.bootstrap()),
        format!("group.id={name}"),
        format!("config.storage.topic={name}-configs"),
        format!("offset.storage.topic={name}-offsets"),
        format!("status.storage.topic={name}-status"),
    ];
    let all: Vec<&str> = own.iter().map(String::as_str).chain(settings.iter().copied()).collect();
    Worker::start(&all)
}
