//! Requests without a socket: what is appended, shown, created and told.

use std::time::{Duration, Instant};

use broker::{Broker, OpenError};
use broker_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use broker_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use broker_wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use broker_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use broker_wire::messages::describe_acls::DescribeAclsRequest;
use broker_wire::messages::describe_cluster::DescribeClusterRequest;
use broker_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use broker_wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use broker_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use broker_wire::messages::init_producer_id::InitProducerIdRequest;
use broker_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use broker_wire::messages::metadata::MetadataRequest;
use broker_wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use broker_wire::messages::{Message, Request};
use broker_wire::records::{BatchBuilder, Compression, ProducerStamp};
use broker_wire::{ApiKey, ErrorCode, Reader, decode_response, encode_request};
use bytes::Bytes;

use crate::running::{ask, batch, config, create, fetch, metadata, open, produce, send, values};

#[tokio::test]
async fn what_is_produced_is_fetched_with_its_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    assert_eq!(send(&session, "t", batch(&["a", "b"])).await.base_offset, 0);
    assert_eq!(send(&session, "t", batch(&["c"])).await.base_offset, 2);
    let answer = ask(&session, &fetch("t", 0, 0), 11).await;
    assert_eq!(values(&answer), [(0, "a".into()), (1, "b".into()), (2, "c".into())]);
    assert_eq!(answer.responses[0].partitions[0].high_watermark, 3);
    assert_eq!(answer.session_id, 0);
    assert_eq!(values(&ask(&session, &fetch("t", 2, 0), 11).await), [(2, "c".into())]);
    let beyond = ask(&session, &fetch("t", 4, 0), 11).await;
    assert_eq!(beyond.responses[0].partitions[0].error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_record_or_with_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let started = Instant::now();
    let empty = ask(&session, &fetch("t", 0, 150), 11).await;
    assert!(values(&empty).is_empty() && started.elapsed() >= Duration::from_millis(150));

    let waiting = session.clone();
    let waiting = tokio::spawn(async move { ask(&waiting, &fetch("t", 0, 20_000), 11).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    send(&session, "t", batch(&["a"])).await;
    assert_eq!(values(&waiting.await.unwrap()), [(0, "a".into())]);
    assert!(started.elapsed() < Duration::from_secs(5));

    let mut patient = fetch("t", 0, 300);
    patient.min_bytes = 1_000_000;
    let started = Instant::now();
    assert_eq!(values(&ask(&session, &patient, 11).await).len(), 1);
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_large_batch_comes_whole_even_over_the_limit_but_only_as_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    for topic in ["a", "b"] {
        create(&session, topic).await;
        send(&session, topic, batch(&[&"x".repeat(5000)])).await;
    }
    let topic = |name: &str| FetchTopic {
        topic: name.into(),
        partitions: vec![FetchPartition { partition_max_bytes: 1, ..FetchPartition::default() }],
        ..FetchTopic::default()
    };
    let request = FetchRequest { max_bytes: 10, topics: vec![topic("a"), topic("b")], ..FetchRequest::default() };
    let answer = ask(&session, &request, 11).await;
    let sizes = answer.responses.iter().map(|topic| topic.partitions[0].records.as_ref().unwrap().len());
    let sizes: Vec<usize> = sizes.collect();
    assert!(sizes[0] > 5000 && sizes[1] == 0, "{sizes:?}");
}

#[tokio::test]
async fn topics_are_named_by_id_where_the_version_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let topic_id = create(&session, "t").await.topics[0].topic_id;
    send(&session, "t", batch(&["a"])).await;
    let mut request = fetch("", 0, 0);
    request.topics[0].topic_id = topic_id;
    assert_eq!(values(&ask(&session, &request, 13).await), [(0, "a".into())]);
    request.topics[0].topic_id.0 ^= 1;
    let unknown = ask(&session, &request, 17).await;
    assert_eq!(unknown.responses[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[tokio::test]
async fn records_without_acknowledgement_have_no_answer_and_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let frame = encode_request(&produce("t", 0, batch(&["a"])), 9, 1, None).unwrap();
    assert_eq!(session.submit(frame).await, None);
    let answer = ask(&session, &fetch("t", 0, 5000), 11).await;
    assert_eq!(values(&answer), [(0, "a".into())]);
}

#[tokio::test]
async fn answers_may_be_awaited_on_another_runtime_and_many_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let replies: Vec<_> = (0..200)
        .map(|i| session.submit(encode_request(&produce("t", -1, batch(&[&i.to_string()])), 9, i, None).unwrap()))
        .collect();
    let poll = session.submit(encode_request(&fetch("t", 200, 5000), 11, 0, None).unwrap());
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            for (i, reply) in replies.into_iter().enumerate() {
                let (id, answer) =
                    decode_response::<broker_wire::messages::produce::ProduceRequest>(reply.await.unwrap(), 9).unwrap();
                assert_eq!(id, i as i32);
                assert_eq!(answer.responses[0].partition_responses[0].base_offset, i as i64);
            }
            poll.await.unwrap()
        })
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    send(&session, "t", batch(&["last"])).await;
    let frame = tokio::task::spawn_blocking(move || elsewhere.join().unwrap()).await.unwrap();
    let (_, answer) = decode_response::<FetchRequest>(frame, 11).unwrap();
    assert_eq!(values(&answer), [(200, "last".into())]);
}

#[tokio::test]
async fn what_a_producer_may_not_write_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let good = batch(&["a", "b"]);
    let change = |at: usize, byte: u8, fix: bool| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        if fix {
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        Bytes::from(bytes)
    };
    for (what, records, code) in [
        ("a wrong checksum", change(70, 1, false), ErrorCode::CORRUPT_MESSAGE),
        ("an old format", change(16, 1, false), ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT),
        ("a wrong count", change(60, 3, true), ErrorCode::INVALID_RECORD),
        ("a control batch", change(22, 0x20, true), ErrorCode::INVALID_RECORD),
        ("a transaction of nobody", change(22, 0x10, true), ErrorCode::INVALID_RECORD),
        ("the broker's time", change(22, 0x08, true), ErrorCode::INVALID_TIMESTAMP),
        ("an unknown codec", change(22, 0x07, true), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("two batches", [&good[..], &good[..]].concat().into(), ErrorCode::INVALID_RECORD),
        ("half a batch", good.slice(..good.len() / 2), ErrorCode::CORRUPT_MESSAGE),
        ("nothing", Bytes::new(), ErrorCode::CORRUPT_MESSAGE),
        ("too much", batch(&[&"x".repeat(1_048_600)]), ErrorCode::MESSAGE_TOO_LARGE),
    ] {
        let answer = send(&session, "t", records).await;
        assert_eq!((answer.error_code, answer.base_offset), (code, -1), "{what}");
        assert!(answer.error_message.is_some(), "{what}");
    }
    for (topic, code) in [
        ("nowhere", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("__consumer_offsets", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    ] {
        assert_eq!(send(&session, topic, batch(&["a"])).await.error_code, code);
    }
    create(&session, "__consumer_offsets").await;
    let own = send(&session, "__consumer_offsets", batch(&["a"])).await;
    assert_eq!(own.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(send(&session, "t", batch(&[&"x".repeat(900_000)])).await.base_offset, 0);
    let bad_acks = ask(&session, &produce("t", 2, batch(&["a"])), 9).await;
    assert_eq!(bad_acks.responses[0].partition_responses[0].error_code, ErrorCode::INVALID_REQUIRED_ACKS);
}

#[tokio::test]
async fn idempotent_producers_get_ids_of_their_own_and_no_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    let request = InitProducerIdRequest { transaction_timeout_ms: 1, ..InitProducerIdRequest::default() };
    let first = ask(&session, &request, 4).await;
    let second = ask(&session, &request, 4).await;
    assert!(first.error_code.is_none() && first.producer_epoch == 0 && first.producer_id != second.producer_id);
    let stamped = |base_sequence| {
        let mut builder = BatchBuilder::new();
        builder.push(1, None, Some(b"x"), &[]);
        let stamp = ProducerStamp { producer_id: first.producer_id, epoch: 0, base_sequence, transactional: false };
        builder.finish(Compression::None, Some(stamp)).unwrap()
    };
    for (sequence, offset, code) in [
        (0, 0, ErrorCode::NONE),
        (1, 1, ErrorCode::NONE),
        (0, 0, ErrorCode::NONE),
        (1, 1, ErrorCode::NONE),
        (3, -1, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        (2, 2, ErrorCode::NONE),
    ] {
        let answer = send(&session, "t", stamped(sequence)).await;
        assert_eq!((answer.base_offset, answer.error_code), (offset, code), "sequence {sequence}");
    }
}

#[tokio::test]
async fn just_what_is_implemented_is_offered_and_newer_clients_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let offered = ask(&session, &ApiVersionsRequest::default(), 3).await;
    for api in &offered.api_keys {
        let key = ApiKey::from_i16(api.api_key).unwrap();
        let lowest = if key == ApiKey::Produce { 0 } else { *key.versions().start() };
        assert_eq!((api.min_version, api.max_version), (lowest, *key.versions().end()), "{key:?}");
    }
    let keys: Vec<i16> = offered.api_keys.iter().map(|api| api.api_key).collect();
    assert!(keys.is_sorted() && !keys.contains(&(ApiKey::SaslHandshake as i16)));

    let mut frame = encode_request(&ApiVersionsRequest::default(), 3, 5, Some("new")).unwrap().to_vec();
    frame[3] = 99;
    let answer = session.submit(frame.into()).await.unwrap();
    let mut input = Reader::new(answer.slice(4..));
    let told = ApiVersionsResponse::decode(&mut input, 0).unwrap();
    assert_eq!((told.error_code, told.api_keys), (ErrorCode::UNSUPPORTED_VERSION, offered.api_keys));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_has_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    for frame in [
        &b""[..],
        b"short",
        &[0, 3, 0, 1, 0, 0, 0, 1, 255, 255, 127, 255, 255, 255],
        &[3, 231, 0, 0, 0, 0, 0, 1, 255, 255],
    ] {
        assert_eq!(session.submit(Bytes::copy_from_slice(frame)).await, None);
    }
    let handshake = broker_wire::messages::sasl_handshake::SaslHandshakeRequest::default();
    assert_eq!(session.submit(encode_request(&handshake, 1, 1, None).unwrap()).await, None);
}

fn wanted(name: &str, num_partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}

fn codes(response: &CreateTopicsResponse) -> Vec<ErrorCode> {
    response.topics.iter().map(|topic| topic.error_code).collect()
}

#[tokio::test]
async fn topics_are_created_as_asked_or_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let mut request = CreateTopicsRequest {
        topics: vec![
            wanted("good", 3, &[("cleanup.policy", "compact")]),
            wanted("default", -1, &[]),
            wanted("bad/name", 1, &[]),
            wanted("none", 0, &[]),
            wanted("replicated", 1, &[]),
            wanted("short-lived", 1, &[("retention.ms", "1000")]),
            wanted("misspelled", 1, &[("cleanup.polcy", "compact")]),
        ],
        ..CreateTopicsRequest::default()
    };
    request.topics[4].replication_factor = 3;
    let answer = ask(&session, &request, 7).await;
    assert_eq!(
        codes(&answer),
        [
            ErrorCode::NONE,
            ErrorCode::NONE,
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            ErrorCode::INVALID_PARTITIONS,
            ErrorCode::INVALID_REPLICATION_FACTOR,
            ErrorCode::INVALID_CONFIG,
            ErrorCode::INVALID_CONFIG,
        ]
    );
    let text = answer.topics[6].error_message.as_deref().unwrap();
    assert_eq!(text, "unknown topic config cleanup.polcy: did you mean cleanup.policy?");
    assert!(!answer.topics[0].topic_id.is_zero() && answer.topics[0].num_partitions == 3);
    let twice = CreateTopicsRequest { topics: vec![wanted("good", 1, &[])], ..CreateTopicsRequest::default() };
    let again = ask(&session, &twice, 7).await;
    assert_eq!(again.topics[0].error_message.as_deref(), Some("Topic 'good' already exists."));
    assert_eq!(codes(&again), [ErrorCode::TOPIC_ALREADY_EXISTS]);
    let dry = CreateTopicsRequest { topics: vec![wanted("dry", 1, &[])], validate_only: true, ..Default::default() };
    assert_eq!(codes(&ask(&session, &dry, 7).await), [ErrorCode::NONE]);
    let all = ask(&session, &MetadataRequest { topics: None, ..MetadataRequest::default() }, 12).await;
    let names: Vec<_> = all.topics.iter().map(|topic| topic.name.clone().unwrap()).collect();
    assert_eq!(names, ["default", "good"]);
}

#[tokio::test]
async fn topics_configs_and_data_survive_restarts_and_deletion_does_too() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    let topics = vec![wanted("keep", 2, &[("max.message.bytes", "500")]), wanted("drop", 1, &[])];
    let created = ask(&session, &CreateTopicsRequest { topics, ..Default::default() }, 7).await;
    send(&session, "keep", batch(&["a"])).await;
    send(&session, "drop", batch(&["b"])).await;
    let by_id = DeleteTopicState { topic_id: created.topics[1].topic_id, ..DeleteTopicState::default() };
    let by_name = DeleteTopicState { name: Some("gone".into()), ..DeleteTopicState::default() };
    let request = DeleteTopicsRequest { topics: vec![by_id, by_name], ..DeleteTopicsRequest::default() };
    let deleted = ask(&session, &request, 6).await;
    let outcome: Vec<_> = deleted.responses.iter().map(|one| (one.name.clone(), one.error_code)).collect();
    let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(outcome, [(Some("drop".into()), ErrorCode::NONE), (Some("gone".into()), gone)]);
    let grow = |count| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: "keep".into(), count, ..CreatePartitionsTopic::default() }],
        ..CreatePartitionsRequest::default()
    };
    let same = ask(&session, &grow(2), 3).await;
    assert_eq!(same.results[0].error_message.as_deref(), Some("Topic already has 2 partition(s)."));
    assert_eq!(ask(&session, &grow(1), 3).await.results[0].error_code, ErrorCode::INVALID_PARTITIONS);
    assert_eq!(ask(&session, &grow(5), 3).await.results[0].error_code, ErrorCode::NONE);

    for clean in [true, false] {
        if clean {
            broker.shutdown().await;
        }
        let copy = copied(dir.path());
        let session = open(copy.path()).session("here");
        let known = ask(&session, &metadata(&["keep"]), 12).await;
        assert_eq!(known.topics[0].partitions.len(), 5);
        assert_eq!(known.topics[0].topic_id, created.topics[0].topic_id);
        assert_eq!(values(&ask(&session, &fetch("keep", 0, 0), 11).await), [(0, "a".into())]);
        let large = send(&session, "keep", batch(&[&"x".repeat(600)])).await;
        assert_eq!(large.error_code, ErrorCode::MESSAGE_TOO_LARGE);
        let mut quiet = metadata(&["drop"]);
        quiet.allow_auto_topic_creation = false;
        let missing = ask(&session, &quiet, 12).await;
        assert_eq!(missing.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

/// A copy of a log folder, which nobody holds open.
fn copied(dir: &std::path::Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp").arg("-r").arg(dir.join("log")).arg(copy.path()).status().unwrap();
    assert!(status.success());
    copy
}

#[tokio::test]
async fn the_topics_of_a_worker_are_created_in_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let topics = vec![wanted("offsets", 25, &[]), wanted("status", 5, &[]), wanted("configs", 1, &[])];
    let started = Instant::now();
    for topic in topics {
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        assert_eq!(codes(&ask(&session, &request, 7).await), [ErrorCode::NONE]);
    }
    // Some milliseconds where the disk is quiet; the bound is for a busy machine.
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn offsets_are_found_by_time_and_at_the_ends() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    for (time, codec) in [(100, Compression::None), (300, Compression::Zstd), (200, Compression::Gzip)] {
        let mut builder = BatchBuilder::new();
        (0..3).for_each(|i| builder.push(time + i, None, Some(b"v"), &[]));
        send(&session, "t", builder.finish(codec, None).unwrap()).await;
    }
    for (timestamp, expected) in [
        (-2, (-1, 0)),
        (-1, (-1, 9)),
        (-3, (302, 5)),
        (-4, (-1, 0)),
        (-5, (-1, -1)),
        (0, (100, 0)),
        (102, (102, 2)),
        (103, (300, 3)),
        (301, (301, 4)),
        (303, (-1, -1)),
    ] {
        let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() };
        let answer = ask(&session, &request, 9).await.topics[0].partitions[0].clone();
        assert_eq!((answer.timestamp, answer.offset), expected, "time {timestamp}");
    }
}

#[tokio::test]
async fn the_brokers_time_is_set_where_the_topic_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let topics = vec![wanted("t", 1, &[("message.timestamp.type", "LogAppendTime")])];
    ask(&session, &CreateTopicsRequest { topics, ..Default::default() }, 7).await;
    let answer = send(&session, "t", batch(&["a"])).await;
    assert!(answer.log_append_time_ms > 1_600_000_000_000);
    let fetched = ask(&session, &fetch("t", 0, 0), 11).await;
    let records = fetched.responses[0].partitions[0].records.clone().unwrap();
    let batch = broker_wire::records::batches(records).next().unwrap().unwrap();
    assert_eq!(batch.header.max_timestamp, answer.log_append_time_ms);
}

#[tokio::test]
async fn what_user_interfaces_ask_for_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    send(&session, "t", batch(&["a"])).await;
    let describe = DescribeClusterRequest { endpoint_type: 1, ..DescribeClusterRequest::default() };
    let cluster = ask(&session, &describe, 1).await;
    assert_eq!((cluster.brokers.len(), cluster.cluster_id.len()), (1, 22));
    let request = DescribeLogDirsRequest { topics: None };
    let dirs = ask(&session, &request, 4).await.results[0].clone();
    assert!(dirs.topics[0].partitions[0].partition_size > 60 && dirs.usable_bytes > 0);
    assert_eq!(ask(&session, &DescribeAclsRequest::default(), 1).await.error_code, ErrorCode::SECURITY_DISABLED);
    let resource = |resource_type, name: &str| DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource(2, "t"), resource(4, "1"), resource(2, "none"), resource(4, "9")],
        ..DescribeConfigsRequest::default()
    };
    let results = ask(&session, &request, 4).await.results;
    let found = |at: usize, name: &str| results[at].configs.iter().find(|config| config.name == name).cloned().unwrap();
    assert_eq!(found(0, "cleanup.policy").value.as_deref(), Some("delete"));
    assert_eq!((found(1, "log.dirs").config_source, found(1, "num.partitions").config_source), (4, 5));
    assert_eq!(results[2].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(results[3].error_code, ErrorCode::INVALID_REQUEST);
    let partition = OffsetForLeaderPartition { current_leader_epoch: -1, ..OffsetForLeaderPartition::default() };
    let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
    let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..OffsetForLeaderEpochRequest::default() };
    assert_eq!(ask(&session, &request, 4).await.topics[0].partitions[0].end_offset, 1);
}

/// Every offered API in every offered version: an answer comes back that its own codec can read whole.
#[tokio::test]
async fn every_version_of_every_api_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    async fn check<R: Request + Default>(session: &broker::Session) {
        for version in R::KEY.versions() {
            let mut frame = Vec::new();
            let request = R::default();
            if request.encode(version, &mut frame).is_err() {
                continue; // a default that this version cannot say
            }
            let answer = session.submit(encode_request(&request, version, 1, None).unwrap()).await;
            if R::KEY != ApiKey::Produce {
                decode_response::<R>(answer.unwrap_or_else(|| panic!("{} {version}", R::NAME)), version).unwrap();
            }
        }
    }
    use broker_wire::messages as m;
    check::<m::produce::ProduceRequest>(&session).await;
    check::<m::fetch::FetchRequest>(&session).await;
    check::<m::list_offsets::ListOffsetsRequest>(&session).await;
    check::<m::metadata::MetadataRequest>(&session).await;
    check::<m::offset_commit::OffsetCommitRequest>(&session).await;
    check::<m::offset_fetch::OffsetFetchRequest>(&session).await;
    check::<m::find_coordinator::FindCoordinatorRequest>(&session).await;
    check::<m::join_group::JoinGroupRequest>(&session).await;
    check::<m::heartbeat::HeartbeatRequest>(&session).await;
    check::<m::leave_group::LeaveGroupRequest>(&session).await;
    check::<m::sync_group::SyncGroupRequest>(&session).await;
    check::<m::describe_groups::DescribeGroupsRequest>(&session).await;
    check::<m::list_groups::ListGroupsRequest>(&session).await;
    check::<m::api_versions::ApiVersionsRequest>(&session).await;
    check::<m::create_topics::CreateTopicsRequest>(&session).await;
    check::<m::delete_topics::DeleteTopicsRequest>(&session).await;
    check::<m::init_producer_id::InitProducerIdRequest>(&session).await;
    check::<m::offset_for_leader_epoch::OffsetForLeaderEpochRequest>(&session).await;
    check::<m::describe_acls::DescribeAclsRequest>(&session).await;
    check::<m::describe_configs::DescribeConfigsRequest>(&session).await;
    check::<m::describe_log_dirs::DescribeLogDirsRequest>(&session).await;
    check::<m::create_partitions::CreatePartitionsRequest>(&session).await;
    check::<m::delete_groups::DeleteGroupsRequest>(&session).await;
    check::<m::offset_delete::OffsetDeleteRequest>(&session).await;
    check::<m::describe_cluster::DescribeClusterRequest>(&session).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_opened_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = Broker::open(config(dir.path(), &[])).unwrap_err();
    let text = second.to_string();
    assert!(matches!(second, OpenError::Locked { .. }));
    assert!(text.contains(&format!("(pid {})", std::process::id())) && text.contains("log.dirs"), "{text}");
    assert!(!text.contains('\n'));
    first.shutdown().await;
    let again = open(dir.path());
    again.shutdown().await;

    let meta = dir.path().join("log/meta.properties");
    let newer = std::fs::read_to_string(&meta).unwrap().replace("log.format=1", "log.format=2");
    std::fs::write(&meta, newer).unwrap();
    let text = Broker::open(config(dir.path(), &[])).unwrap_err().to_string();
    assert!(text.contains("format 2") && text.contains("newer release"), "{text}");

    let blocked = tempfile::tempdir().unwrap();
    std::fs::write(blocked.path().join("log"), "a file").unwrap();
    let text = Broker::open(config(blocked.path(), &[])).unwrap_err().to_string();
    assert!(text.contains("set log.dirs to another folder"), "{text}");
}

/// `durability=os`: acknowledged from the page cache, which a kill does not take.
#[tokio::test]
async fn without_syncs_records_are_shown_at_once_and_survive_the_end_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::open(config(dir.path(), &[("durability", "os")])).unwrap();
    let session = broker.session("here");
    create(&session, "t").await;
    for i in 0..200i64 {
        assert_eq!(send(&session, "t", batch(&["a"])).await.base_offset, i);
        let last = ask(&session, &fetch("t", i, 0), 11).await;
        assert_eq!(values(&last), [(i, "a".into())]);
    }
    let copy = copied(dir.path());
    let session = open(copy.path()).session("here");
    assert_eq!(values(&ask(&session, &fetch("t", 0, 0), 11).await).len(), 200);
    broker.shutdown().await;
    let session = open(dir.path()).session("here");
    assert_eq!(send(&session, "t", batch(&["b"])).await.base_offset, 200);
}

#[tokio::test]
async fn after_a_stop_nothing_is_written_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    create(&session, "t").await;
    send(&session, "t", batch(&["a"])).await;
    broker.shutdown().await;
    assert_eq!(send(&session, "t", batch(&["b"])).await.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let request = CreateTopicsRequest { topics: vec![wanted("late", 1, &[])], ..CreateTopicsRequest::default() };
    assert_eq!(codes(&ask(&session, &request, 7).await), [ErrorCode::KAFKA_STORAGE_ERROR]);
    let again = open(dir.path());
    let session = again.session("here");
    assert_eq!(values(&ask(&session, &fetch("t", 0, 0), 11).await).len(), 1);
    broker.shutdown().await;
    assert_eq!(send(&session, "t", batch(&["b"])).await.base_offset, 1, "a second stop of the old one changes nothing");
}

#[test]
fn without_a_runtime_the_log_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Broker::open(config(dir.path(), &[])), Err(OpenError::NoRuntime)));
}

#[tokio::test]
async fn damage_in_acknowledged_data_takes_one_partition_offline_and_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    for topic in ["good", "bad"] {
        create(&session, topic).await;
        send(&session, topic, batch(&["a", "b"])).await;
        send(&session, topic, batch(&["c"])).await;
    }
    broker.shutdown().await;
    // A machine that died: no mark of a clean stop, and a bad byte in the middle.
    std::fs::remove_file(dir.path().join("log/clean-shutdown")).unwrap();
    let log = dir.path().join("log/bad-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[65] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let session = open(dir.path()).session("here");
    assert_eq!(values(&ask(&session, &fetch("good", 0, 0), 11).await).len(), 3);
    let refused = ask(&session, &fetch("bad", 0, 0), 11).await;
    assert_eq!(refused.responses[0].partitions[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let refused = send(&session, "bad", batch(&["d"])).await;
    let text = refused.error_message.unwrap();
    assert!(refused.error_code == ErrorCode::KAFKA_STORAGE_ERROR && text.contains("bad-0"), "{text}");
    assert_eq!(std::fs::read(&log).unwrap(), bytes, "the damaged file is left as it is");
}
