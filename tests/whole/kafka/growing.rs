//! From the embedded log to a cluster with `naru move`.

use std::collections::BTreeMap;

use broker_client::admin::topic_config;
use broker_client::offsets::{Committer, commit, committed};
use broker_client::{Client, TopicPartition};
use broker_wire::records::Compression;
use naru_tests::until;

use super::shared;
use crate::r#move::{
    append, configs, everything, file_to_file, fill, in_runtime, kill_again_and_again, lines, make, naru_move,
    worker_on, written,
};

/// The worker's own topics, apart from those of other tests in the cluster.
const OWN: [&str; 3] =
    ["config.storage.topic=grow-configs", "offset.storage.topic=grow-offsets", "status.storage.topic=grow-status"];

async fn setting(client: &Client, topic: &str, key: &str) -> String {
    topic_config(client, topic).await.unwrap().unwrap().remove(key).unwrap_or_default()
}

#[test]
fn a_worker_grows_from_its_own_log_to_a_cluster_of_kafka_though_the_move_is_killed_again_and_again() {
    let cluster = shared();
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, files) = (data.path(), files.path());
    let (input, output) = (files.join("in.txt"), files.join("out.txt"));
    let mut worker = worker_on(data, &OWN);
    append(&input, 0, 3000);
    file_to_file(&worker, files, "grow-lines");
    let at = |partition| TopicPartition { topic: "grow-bulk".into(), partition };
    let offsets = BTreeMap::from([(at(0), 12_345), (at(2), 0)]);
    let by = Committer { group: "grow-readers".into(), generation: -1, member: String::new() };
    in_runtime(worker.log_port(), async |client| {
        make(&client, "grow-bulk", 3, &[]).await;
        fill(&client, "grow-bulk", 100_000, Compression::None).await;
        fill(&client, "grow-bulk", 100_000, Compression::Zstd).await;
        make(&client, "grow-stamped", 3, &[("message.timestamp.type", "LogAppendTime")]).await;
        fill(&client, "grow-stamped", 5_000, Compression::None).await;
        commit(&client, &by, &offsets).await.unwrap();
    });
    until("the first lines are through", || lines(&output).len() == 3000);
    assert!(worker.terminate().success());
    worker.start_again();
    let names = ["grow-lines", "grow-bulk", "grow-stamped", "grow-offsets"];
    let before = everything(&worker.topics(), &names);
    let wanted = configs(&worker.topics(), "grow-configs");
    assert!(before.iter().all(|records| !records.is_empty()), "all of these topics hold something");
    assert!(worker.terminate().success());

    let mut more = Vec::new();
    OWN.iter().for_each(|setting| more.extend(["--set", setting]));
    more.extend(["--replication-factor", "3"]);
    let kills = kill_again_and_again(data, &cluster.bootstrap(), &more);
    assert!(kills > 3, "only {kills} kills came in time");
    let (code, said) = naru_move(data, &cluster.bootstrap(), &more);
    assert_eq!(code, 0, "after {kills} kills: {said}");
    assert!(before == everything(&cluster.topics(), &names), "records, offsets, timestamps or headers differ");
    assert_eq!(configs(&cluster.topics(), "grow-configs"), wanted);
    in_runtime(cluster.port(1), async |client| {
        assert_eq!(committed(&client, "grow-readers", None).await.unwrap(), offsets);
        for (topic, key, value) in [
            ("grow-configs", "cleanup.policy", "compact"),
            ("grow-offsets", "cleanup.policy", "compact"),
            ("grow-bulk", "cleanup.policy", "delete"),
            ("grow-bulk", "retention.ms", "-1"),
            ("grow-stamped", "message.timestamp.type", "LogAppendTime"),
        ] {
            assert_eq!(setting(&client, topic, key).await, value, "{topic} {key}");
        }
    });

    append(&input, 3000, 4000);
    let bootstrap = format!("bootstrap.servers={}", cluster.bootstrap());
    let mut settings = vec![bootstrap.as_str(), "group.id=grow"];
    settings.extend(OWN);
    let mut worker = worker_on(data, &settings);
    until("the next lines are through", || lines(&output).len() >= 4000);
    append(&input, 4000, 4010);
    until("and the last", || lines(&output).len() >= 4010);
    assert_eq!(lines(&output), written(4010), "nothing is lost and nothing comes twice");
    assert_eq!(cluster.topics().end("grow-lines"), 4010);
    assert!(worker.terminate().success());
}
