//! The topics that a worker makes.

use naru_tests::{KafkaCluster, until};
use serde_json::json;

use super::{shared, worker};

/// Partitions of a topic, and the fewest replicas of one.
fn shape(cluster: &KafkaCluster, name: &str) -> (usize, usize) {
    let topics = cluster.topics().describe().expect("the cluster answers").topics;
    let topic = topics.into_iter().find(|topic| topic.name.as_deref() == Some(name));
    let partitions = topic.unwrap_or_else(|| panic!("there is no topic {name}")).partitions;
    (partitions.len(), partitions.iter().map(|one| one.replica_nodes.len()).min().unwrap_or_default())
}

#[test]
fn what_a_worker_makes_is_on_as_many_brokers_as_the_cluster_says() {
    let cluster = shared();
    let worker = worker(&cluster, "made", &["offset.storage.partitions=4"]);
    std::fs::write(worker.file("in.txt"), "one\n").unwrap();
    let source = json!({
        "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": "made",
        "topic.creation.default.partitions": "2", "topic.creation.default.replication.factor": "-1",
    });
    worker.rest().create("made", source);
    until("the line is there", || cluster.topics().read("made").len() == 1);
    assert_eq!(shape(&cluster, "made-configs"), (1, 3));
    assert_eq!(shape(&cluster, "made-offsets"), (4, 3));
    assert_eq!(shape(&cluster, "made-status"), (5, 3));
    assert_eq!(shape(&cluster, "made"), (2, 3));
}
