//! Transactions through frames.

use std::time::{Duration, Instant};

use broker::Session;
use broker_wire::ErrorCode;
use broker_wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use broker_wire::messages::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use broker_wire::messages::describe_producers::{DescribeProducersRequest, DescribeProducersTopic};
use broker_wire::messages::describe_transactions::DescribeTransactionsRequest;
use broker_wire::messages::end_txn::EndTxnRequest;
use broker_wire::messages::fetch::{FetchRequest, FetchResponse};
use broker_wire::messages::find_coordinator::FindCoordinatorRequest;
use broker_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use broker_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use broker_wire::messages::list_transactions::ListTransactionsRequest;
use broker_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use broker_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use broker_wire::records::{BatchBuilder, Compression, ProducerStamp};
use bytes::Bytes;

use crate::running::{ask, create, fetch, open, produce, values};

/// A transactional producer of raw frames.
pub struct Transactional {
    pub id: &'static str,
    pub producer_id: i64,
    pub epoch: i16,
}

pub fn init(id: &str, timeout_ms: i32) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(id.into()),
        transaction_timeout_ms: timeout_ms,
        ..InitProducerIdRequest::default()
    }
}

impl Transactional {
    pub fn of(id: &'static str, answer: &InitProducerIdResponse) -> Self {
        assert!(answer.error_code.is_none(), "{}", answer.error_code);
        Self { id, producer_id: answer.producer_id, epoch: answer.producer_epoch }
    }

    async fn start(session: &Session, id: &'static str) -> Self {
        Self::of(id, &ask(session, &init(id, 60_000), 4).await)
    }

    pub fn add(&self, topic: &str, partitions: &[i32]) -> AddPartitionsToTxnRequest {
        AddPartitionsToTxnRequest {
            transactional_id: self.id.into(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            topics: vec![AddPartitionsToTxnTopic { name: topic.into(), partitions: partitions.to_vec() }],
        }
    }

    pub fn end(&self, committed: bool) -> EndTxnRequest {
        let (producer_id, producer_epoch) = (self.producer_id, self.epoch);
        EndTxnRequest { transactional_id: self.id.into(), producer_id, producer_epoch, committed }
    }

    /// A batch of one record.
    pub fn batch(&self, base_sequence: i32, value: &str) -> Bytes {
        let mut builder = BatchBuilder::new();
        builder.push(1000, None, Some(value.as_bytes()), &[]);
        let stamp =
            ProducerStamp { producer_id: self.producer_id, epoch: self.epoch, base_sequence, transactional: true };
        builder.finish(Compression::None, Some(stamp)).unwrap()
    }

    async fn added(&self, session: &Session, topic: &str) -> ErrorCode {
        let answer = ask(session, &self.add(topic, &[0]), 3).await;
        answer.results[0].results_by_partition[0].partition_error_code
    }

    async fn sent(&self, session: &Session, topic: &str, sequence: i32, value: &str) -> ErrorCode {
        let request = produce(topic, -1, self.batch(sequence, value));
        ask(session, &request, 9).await.responses[0].partition_responses[0].error_code
    }

    async fn ended(&self, session: &Session, committed: bool) -> ErrorCode {
        ask(session, &self.end(committed), 3).await.error_code
    }

    fn offset(&self, group: &str, offset: i64) -> TxnOffsetCommitRequest {
        let partition =
            TxnOffsetCommitRequestPartition { committed_offset: offset, ..TxnOffsetCommitRequestPartition::default() };
        TxnOffsetCommitRequest {
            transactional_id: self.id.into(),
            group_id: group.into(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            topics: vec![TxnOffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition] }],
            ..TxnOffsetCommitRequest::default()
        }
    }

    async fn held(&self, session: &Session, request: &TxnOffsetCommitRequest) -> ErrorCode {
        ask(session, request, 3).await.topics[0].partitions[0].error_code
    }
}

fn committed(topic: &str, offset: i64) -> FetchRequest {
    FetchRequest { isolation_level: 1, ..fetch(topic, offset, 0) }
}

/// Offset after the last record for readers of that isolation level.
async fn end_offset(session: &Session, isolation_level: i8) -> i64 {
    let partition = ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() };
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions: vec![partition] }];
    let request = ListOffsetsRequest { replica_id: -1, isolation_level, topics, ..ListOffsetsRequest::default() };
    ask(session, &request, 7).await.topics[0].partitions[0].offset
}

fn aborted(answer: &FetchResponse) -> Vec<(i64, i64)> {
    let list = answer.responses[0].partitions[0].aborted_transactions.clone().unwrap();
    list.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect()
}

/// The group's offset for the first partition and the code beside it.
async fn offset(session: &Session, group: &str, require_stable: bool) -> (i64, ErrorCode) {
    let topics = vec![OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0] }];
    let wanted = OffsetFetchRequestGroup { group_id: group.into(), topics: Some(topics), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![wanted], require_stable, ..OffsetFetchRequest::default() };
    let partition = ask(session, &request, 8).await.groups[0].topics[0].partitions[0].clone();
    (partition.committed_offset, partition.error_code)
}

/// Waits until all transactions of the topic count.
async fn settled(session: &Session) {
    let until = Instant::now() + Duration::from_secs(10);
    while end_offset(session, 1).await < end_offset(session, 0).await {
        assert!(Instant::now() < until, "a transaction stays open");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn readers_of_committed_records_see_a_transaction_when_it_commits_and_are_told_what_was_aborted() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let lookup = FindCoordinatorRequest { coordinator_keys: vec!["tx".into()], key_type: 1, ..Default::default() };
    let coordinator = ask(&session, &lookup, 4).await;
    assert_eq!((coordinator.coordinators[0].error_code, coordinator.coordinators[0].node_id), (ErrorCode::NONE, 1));

    let producer = Transactional::start(&session, "tx").await;
    assert_eq!(producer.sent(&session, "t", 0, "early").await, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(producer.added(&session, "t").await, ErrorCode::NONE);
    assert_eq!(producer.sent(&session, "t", 0, "a").await, ErrorCode::NONE);
    let seen = ask(&session, &committed("t", 0), 11).await;
    let partition = &seen.responses[0].partitions[0];
    assert_eq!((partition.high_watermark, partition.last_stable_offset), (1, 0));
    assert!(values(&seen).is_empty());
    assert_eq!(values(&ask(&session, &fetch("t", 0, 0), 11).await), [(0, "a".into())]);
    assert_eq!((end_offset(&session, 0).await, end_offset(&session, 1).await), (1, 0));

    // A reader that waits gets the records as soon as they are committed.
    let waiting = FetchRequest { max_wait_ms: 20_000, ..committed("t", 0) };
    let frame = broker_wire::encode_request(&waiting, 11, 1, None).unwrap();
    let poll = session.submit(frame);
    assert_eq!(producer.ended(&session, true).await, ErrorCode::NONE);
    let (_, answer) = broker_wire::decode_response::<FetchRequest>(poll.await.unwrap(), 11).unwrap();
    assert_eq!(values(&answer)[0], (0, "a".into()));
    assert!(aborted(&answer).is_empty());

    assert_eq!(producer.sent(&session, "t", 1, "late").await, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(producer.added(&session, "t").await, ErrorCode::NONE);
    assert_eq!(producer.sent(&session, "t", 1, "b").await, ErrorCode::NONE);
    assert_eq!(producer.ended(&session, false).await, ErrorCode::NONE);
    settled(&session).await;
    // Offsets: a 0, its marker 1, b 2, its marker 3.
    let answer = ask(&session, &committed("t", 0), 11).await;
    assert_eq!(aborted(&answer), [(producer.producer_id, 2)]);
    assert_eq!(answer.responses[0].partitions[0].last_stable_offset, 4);
    assert_eq!(ask(&session, &fetch("t", 0, 0), 11).await.responses[0].partitions[0].aborted_transactions, None);
    // The end of a transaction may be asked for again, the other end may not.
    assert_eq!(producer.ended(&session, false).await, ErrorCode::NONE);
    assert_eq!(producer.ended(&session, true).await, ErrorCode::INVALID_TXN_STATE);
}

#[tokio::test]
async fn a_second_producer_with_the_same_id_aborts_what_the_first_left_open_and_fences_it() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let first = Transactional::start(&session, "tx").await;
    first.added(&session, "t").await;
    assert_eq!(first.sent(&session, "t", 0, "open").await, ErrorCode::NONE);
    let second = Transactional::start(&session, "tx").await;
    assert_eq!(second.producer_id, first.producer_id);
    assert!(second.epoch > first.epoch);
    settled(&session).await;
    let answer = ask(&session, &committed("t", 0), 11).await;
    assert_eq!(aborted(&answer), [(first.producer_id, 0)]);

    assert_eq!(first.sent(&session, "t", 1, "zombie").await, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(first.added(&session, "t").await, ErrorCode::PRODUCER_FENCED);
    assert_eq!(first.ended(&session, true).await, ErrorCode::PRODUCER_FENCED);
    assert_eq!(ask(&session, &first.end(true), 1).await.error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    let back =
        InitProducerIdRequest { producer_id: first.producer_id, producer_epoch: first.epoch, ..init("tx", 60_000) };
    assert_eq!(ask(&session, &back, 4).await.error_code, ErrorCode::PRODUCER_FENCED);
    assert_eq!(ask(&session, &back, 3).await.error_code, ErrorCode::INVALID_PRODUCER_EPOCH);

    assert_eq!(second.added(&session, "t").await, ErrorCode::NONE);
    assert_eq!(second.sent(&session, "t", 0, "new").await, ErrorCode::NONE);
    assert_eq!(second.ended(&session, true).await, ErrorCode::NONE);
    // Whoever was fenced while nothing was open is fenced as well.
    let third = Transactional::start(&session, "tx").await;
    assert_eq!(second.added(&session, "t").await, ErrorCode::PRODUCER_FENCED);
    assert_eq!(third.ended(&session, true).await, ErrorCode::INVALID_TXN_STATE);
}

#[tokio::test]
async fn what_a_producer_asks_in_vain_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    for (request, code) in [
        (init("", 60_000), ErrorCode::INVALID_REQUEST),
        (init("tx", 0), ErrorCode::INVALID_TRANSACTION_TIMEOUT),
        (init("tx", 900_001), ErrorCode::INVALID_TRANSACTION_TIMEOUT),
        (InitProducerIdRequest { producer_id: 5, ..init("tx", 60_000) }, ErrorCode::INVALID_REQUEST),
        (init(&"x".repeat(5000), 60_000), ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(ask(&session, &request, 4).await.error_code, code, "{request:?}");
    }
    let stranger = Transactional { id: "nobody", producer_id: 99, epoch: 0 };
    assert_eq!(stranger.added(&session, "t").await, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(stranger.ended(&session, true).await, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    let producer = Transactional::start(&session, "tx").await;
    let other = Transactional { producer_id: producer.producer_id + 1, ..Transactional { id: "tx", ..producer } };
    assert_eq!(other.added(&session, "t").await, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    let producer = Transactional { producer_id: other.producer_id - 1, ..other };
    // All of them are added, or none.
    let mut request = producer.add("t", &[0, 7]);
    request.topics.push(AddPartitionsToTxnTopic { name: "__transaction_state".into(), partitions: vec![0] });
    let answer = ask(&session, &request, 3).await;
    let codes: Vec<_> = answer.results.iter().flat_map(|topic| &topic.results_by_partition).collect();
    let codes: Vec<_> = codes.into_iter().map(|result| result.partition_error_code).collect();
    let (unknown, own) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(codes, [ErrorCode::OPERATION_NOT_ATTEMPTED, unknown, own]);
    assert_eq!(producer.sent(&session, "t", 0, "x").await, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(producer.held(&session, &producer.offset("g", 1)).await, ErrorCode::INVALID_TXN_STATE);
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_aborted_by_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let producer = Transactional::of("tx", &ask(&session, &init("tx", 150), 4).await);
    producer.added(&session, "t").await;
    assert_eq!(producer.sent(&session, "t", 0, "slow").await, ErrorCode::NONE);
    assert_eq!(end_offset(&session, 1).await, 0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    settled(&session).await;
    assert_eq!(aborted(&ask(&session, &committed("t", 0), 11).await), [(producer.producer_id, 0)]);
    assert_eq!(producer.sent(&session, "t", 1, "later").await, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(producer.ended(&session, true).await, ErrorCode::PRODUCER_FENCED);
    // The producer may abort what is aborted, and go on in the next epoch (KIP-360).
    assert_eq!(producer.ended(&session, false).await, ErrorCode::NONE);
    let again = InitProducerIdRequest {
        producer_id: producer.producer_id,
        producer_epoch: producer.epoch,
        ..init("tx", 60_000)
    };
    let next = Transactional::of("tx", &ask(&session, &again, 4).await);
    assert_eq!((next.producer_id, next.epoch), (producer.producer_id, producer.epoch + 1));
    assert_eq!(next.added(&session, "t").await, ErrorCode::NONE);
    assert_eq!(next.sent(&session, "t", 0, "new").await, ErrorCode::NONE);
    assert_eq!(next.ended(&session, true).await, ErrorCode::NONE);
}

#[tokio::test]
async fn offsets_of_a_transaction_are_held_back_until_it_commits() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    create(&session, "t").await;
    let producer = Transactional::start(&session, "tx").await;
    let add = AddOffsetsToTxnRequest {
        transactional_id: "tx".into(),
        producer_id: producer.producer_id,
        producer_epoch: producer.epoch,
        group_id: "g".into(),
    };
    let code = |answer: broker_wire::messages::add_offsets_to_txn::AddOffsetsToTxnResponse| answer.error_code;
    assert_eq!(code(ask(&session, &add, 3).await), ErrorCode::NONE);
    assert_eq!(producer.held(&session, &producer.offset("g", 5)).await, ErrorCode::NONE);
    let member = TxnOffsetCommitRequest { generation_id: 3, member_id: "m".into(), ..producer.offset("g", 6) };
    assert_eq!(producer.held(&session, &member).await, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(offset(&session, "g", false).await, (-1, ErrorCode::NONE));
    assert_eq!(offset(&session, "g", true).await, (-1, ErrorCode::UNSTABLE_OFFSET_COMMIT));
    broker.shutdown().await;

    let broker = open(dir.path());
    let session = broker.session("here");
    assert_eq!(offset(&session, "g", true).await, (-1, ErrorCode::UNSTABLE_OFFSET_COMMIT));
    assert_eq!(producer.ended(&session, true).await, ErrorCode::NONE);
    assert_eq!(offset(&session, "g", true).await, (5, ErrorCode::NONE));
    assert_eq!(code(ask(&session, &add, 3).await), ErrorCode::NONE);
    assert_eq!(producer.held(&session, &producer.offset("g", 9)).await, ErrorCode::NONE);
    assert_eq!(producer.ended(&session, false).await, ErrorCode::NONE);
    assert_eq!(offset(&session, "g", true).await, (5, ErrorCode::NONE));
    broker.shutdown().await;
    assert_eq!(offset(&open(dir.path()).session("here"), "g", true).await, (5, ErrorCode::NONE));
}

#[tokio::test]
async fn transactions_and_producers_are_described() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let producer = Transactional::start(&session, "tx").await;
    Transactional::start(&session, "idle").await;
    producer.added(&session, "t").await;
    producer.sent(&session, "t", 0, "a").await;
    let ids = vec!["tx".to_owned(), "idle".to_owned(), "nobody".to_owned()];
    let described = ask(&session, &DescribeTransactionsRequest { transactional_ids: ids }, 0).await.transaction_states;
    let states: Vec<_> = described.iter().map(|one| (one.error_code, one.transaction_state.as_str())).collect();
    let missing = ErrorCode::TRANSACTIONAL_ID_NOT_FOUND;
    assert_eq!(states, [(ErrorCode::NONE, "Ongoing"), (ErrorCode::NONE, "Empty"), (missing, "")]);
    assert_eq!((described[0].topics[0].topic.as_str(), &described[0].topics[0].partitions[..]), ("t", &[0][..]));
    assert!(described[0].transaction_start_time_ms > 0 && described[1].transaction_start_time_ms == -1);

    let names = |answer: broker_wire::messages::list_transactions::ListTransactionsResponse| {
        answer.transaction_states.into_iter().map(|one| one.transactional_id).collect::<Vec<_>>()
    };
    let all = ListTransactionsRequest::default();
    assert_eq!(names(ask(&session, &all, 1).await), ["idle", "tx"]);
    let open = ListTransactionsRequest { state_filters: vec!["Ongoing".into(), "Odd".into()], ..all.clone() };
    let answer = ask(&session, &open, 1).await;
    assert_eq!(answer.unknown_state_filters, ["Odd"]);
    assert_eq!(names(answer), ["tx"]);
    let long = ListTransactionsRequest { duration_filter: 60_000, ..all.clone() };
    assert!(names(ask(&session, &long, 1).await).is_empty());
    let of_one = ListTransactionsRequest { producer_id_filters: vec![producer.producer_id], ..all };
    assert_eq!(names(ask(&session, &of_one, 0).await), ["tx"]);

    let topic = DescribeProducersTopic { name: "t".into(), partition_indexes: vec![0, 1] };
    let answer = ask(&session, &DescribeProducersRequest { topics: vec![topic] }, 0).await;
    let [there, missing] = &answer.topics[0].partitions[..] else { panic!() };
    let seen = &there.active_producers[0];
    assert_eq!((seen.producer_id, seen.last_sequence, seen.current_txn_start_offset), (producer.producer_id, 0, 0));
    assert_eq!(missing.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}
