//! A broker that is killed again and again while it ends transactions.

use std::path::Path;
use std::time::Duration;

use broker_wire::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use broker_wire::messages::end_txn::EndTxnRequest;
use broker_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use broker_wire::records::{ControlType, MAX_DECOMPRESSED, batches};
use broker_wire::{ErrorCode, decode_response};

use crate::crash::Server;
use crate::running::{Connection, produce};
use crate::transactions::{Transactional, init};

const CYCLES: usize = 40;
const TOPIC: &str = "t";

/// What the test knows of all cycles.
#[derive(Default)]
struct History {
    /// Numbers of the transactions whose commit was answered.
    committed: Vec<usize>,
    /// The transaction whose commit was asked for and not answered.
    asked: Option<usize>,
    /// How many of those were committed, and how many not.
    fates: [usize; 2],
}

async fn connect(dir: &Path) -> (Server, Connection) {
    let server = Server::start(dir).await;
    let connection = Connection::to(&server.address).await;
    (server, connection)
}

/// What a reader of committed records sees in a partition, by the list of aborted transactions, and where it has to stop.
async fn read(connection: &mut Connection, index: i32) -> (Vec<usize>, bool) {
    let partition = FetchPartition { partition: index, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..FetchTopic::default() };
    let request = FetchRequest { min_bytes: 1, isolation_level: 1, topics: vec![topic], ..FetchRequest::default() };
    let answer = connection.ask(&request, 11).await;
    let data = &answer.responses[0].partitions[0];
    let aborted = data.aborted_transactions.clone().unwrap();
    let mut numbers = Vec::new();
    for batch in batches(data.records.clone().unwrap_or_default()) {
        let batch = batch.unwrap();
        let (id, at) = (batch.header.producer_id, batch.header.base_offset);
        // Each transaction here is one batch in each partition, so that it begins with the batch.
        let is_aborted = aborted.iter().any(|one| (one.producer_id, one.first_offset) == (id, at));
        if !is_aborted && !batch.header.is_control() {
            let record = batch.open(MAX_DECOMPRESSED).unwrap().slices().next().unwrap().unwrap();
            numbers.push(String::from_utf8_lossy(&record.value.unwrap()).parse().unwrap());
        }
    }
    (numbers, data.last_stable_offset == data.high_watermark)
}

/// After a restart, and once the next producer has begun: all of what was answered is there, and each transaction in both
/// partitions or in none.
async fn check(connection: &mut Connection, history: &mut History) {
    let seen = loop {
        let ((first, stable), (second, also)) = (read(connection, 0).await, read(connection, 1).await);
        if stable && also {
            assert_eq!(first, second, "a transaction is torn");
            break first;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    if let Some(asked) = history.asked.take() {
        history.fates[usize::from(seen.contains(&asked))] += 1;
        history.committed.extend(seen.contains(&asked).then_some(asked));
    }
    assert_eq!(seen, history.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_between_the_decision_and_its_markers_tear_no_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    let (mut number, mut random) = (0, 12345u64);
    for cycle in 0..=CYCLES {
        let (server, mut connection) = connect(dir.path()).await;
        if cycle == 0 {
            let topic =
                CreatableTopic { name: TOPIC.into(), num_partitions: 2, replication_factor: 1, ..Default::default() };
            let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
            assert!(connection.ask(&request, 7).await.topics[0].error_code.is_none());
        }
        let producer = Transactional::of("tx", &connection.ask(&init("tx", 60_000), 4).await);
        check(&mut connection, &mut history).await;
        if cycle == CYCLES {
            server.kill().await;
            break;
        }
        // A whole one, one that is given up, and one in whose end the broker is killed.
        for (sequence, outcome) in
            [ControlType::Commit, ControlType::Abort, ControlType::Commit].into_iter().enumerate()
        {
            number += 1;
            begin(&mut connection, &producer, sequence as i32, number).await;
            let commits = outcome == ControlType::Commit;
            if sequence < 2 {
                assert_eq!(connection.ask(&producer.end(commits), 3).await.error_code, ErrorCode::NONE);
                history.committed.extend(commits.then_some(number));
            }
        }
        history.asked = Some(number);
        connection.send(&producer.end(true), 3, 9).await;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // An end takes about half a millisecond where a sync does.
        let patience = Duration::from_micros((random >> 33) % 600);
        if let Ok(Some(frame)) = tokio::time::timeout(patience, connection.receive()).await {
            assert_eq!(decode_response::<EndTxnRequest>(frame, 3).unwrap().1.error_code, ErrorCode::NONE);
            history.committed.extend(history.asked.take());
        }
        server.kill().await;
    }
    println!("not answered: {} aborted, {} committed", history.fates[0], history.fates[1]);
    assert!(history.committed.len() >= CYCLES);
}

/// Adds both partitions to a transaction and writes its number to each.
async fn begin(connection: &mut Connection, producer: &Transactional, sequence: i32, number: usize) {
    let added = connection.ask(&producer.add(TOPIC, &[0, 1]), 3).await;
    let added = &added.results[0].results_by_partition;
    assert!(added.iter().all(|result| result.partition_error_code.is_none()), "{added:?}");
    for partition in [0, 1] {
        let mut request = produce(TOPIC, -1, producer.batch(sequence, &number.to_string()));
        request.topic_data[0].partition_data[0].index = partition;
        let answer = connection.ask(&request, 9).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    }
}
