//! Tests of every message in every version: against the generated crate `kafka-protocol` as an oracle, and against bytes
//! that lie.

use bytes::Bytes;
use kafka_protocol::messages as oracle;
use kafka_protocol::protocol::{Decodable, Encodable, Message as OracleMessage};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary::{Arbitrary, Entropy};
use crate::messages::{self, Message};
use crate::primitives::Layout;
use crate::reader::{DecodeError, Reader};

/// Calls `$check!(Ours, Oracle)` for both directions of every API.
macro_rules! every_message {
    ($check:ident) => {
        $check!(messages::add_offsets_to_txn::AddOffsetsToTxnRequest, oracle::AddOffsetsToTxnRequest);
        $check!(messages::add_offsets_to_txn::AddOffsetsToTxnResponse, oracle::AddOffsetsToTxnResponse);
        $check!(messages::add_partitions_to_txn::AddPartitionsToTxnRequest, oracle::AddPartitionsToTxnRequest);
        $check!(messages::add_partitions_to_txn::AddPartitionsToTxnResponse, oracle::AddPartitionsToTxnResponse);
        $check!(messages::api_versions::ApiVersionsRequest, oracle::ApiVersionsRequest);
        $check!(messages::api_versions::ApiVersionsResponse, oracle::ApiVersionsResponse);
        $check!(messages::create_partitions::CreatePartitionsRequest, oracle::CreatePartitionsRequest);
        $check!(messages::create_partitions::CreatePartitionsResponse, oracle::CreatePartitionsResponse);
        $check!(messages::create_topics::CreateTopicsRequest, oracle::CreateTopicsRequest);
        $check!(messages::create_topics::CreateTopicsResponse, oracle::CreateTopicsResponse);
        $check!(messages::delete_groups::DeleteGroupsRequest, oracle::DeleteGroupsRequest);
        $check!(messages::delete_groups::DeleteGroupsResponse, oracle::DeleteGroupsResponse);
        $check!(messages::delete_topics::DeleteTopicsRequest, oracle::DeleteTopicsRequest);
        $check!(messages::delete_topics::DeleteTopicsResponse, oracle::DeleteTopicsResponse);
        $check!(messages::describe_acls::DescribeAclsRequest, oracle::DescribeAclsRequest);
        $check!(messages::describe_acls::DescribeAclsResponse, oracle::DescribeAclsResponse);
        $check!(messages::describe_cluster::DescribeClusterRequest, oracle::DescribeClusterRequest);
        $check!(messages::describe_cluster::DescribeClusterResponse, oracle::DescribeClusterResponse);
        $check!(messages::describe_configs::DescribeConfigsRequest, oracle::DescribeConfigsRequest);
        $check!(messages::describe_configs::DescribeConfigsResponse, oracle::DescribeConfigsResponse);
        $check!(messages::describe_groups::DescribeGroupsRequest, oracle::DescribeGroupsRequest);
        $check!(messages::describe_groups::DescribeGroupsResponse, oracle::DescribeGroupsResponse);
        $check!(messages::describe_log_dirs::DescribeLogDirsRequest, oracle::DescribeLogDirsRequest);
        $check!(messages::describe_log_dirs::DescribeLogDirsResponse, oracle::DescribeLogDirsResponse);
        $check!(messages::describe_producers::DescribeProducersRequest, oracle::DescribeProducersRequest);
        $check!(messages::describe_producers::DescribeProducersResponse, oracle::DescribeProducersResponse);
        $check!(messages::describe_transactions::DescribeTransactionsRequest, oracle::DescribeTransactionsRequest);
        $check!(messages::describe_transactions::DescribeTransactionsResponse, oracle::DescribeTransactionsResponse);
        $check!(messages::end_txn::EndTxnRequest, oracle::EndTxnRequest);
        $check!(messages::end_txn::EndTxnResponse, oracle::EndTxnResponse);
        $check!(messages::fetch::FetchRequest, oracle::FetchRequest);
        $check!(messages::fetch::FetchResponse, oracle::FetchResponse);
        $check!(messages::find_coordinator::FindCoordinatorRequest, oracle::FindCoordinatorRequest);
        $check!(messages::find_coordinator::FindCoordinatorResponse, oracle::FindCoordinatorResponse);
        $check!(messages::heartbeat::HeartbeatRequest, oracle::HeartbeatRequest);
        $check!(messages::heartbeat::HeartbeatResponse, oracle::HeartbeatResponse);
        $check!(
            messages::incremental_alter_configs::IncrementalAlterConfigsRequest,
            oracle::IncrementalAlterConfigsRequest
        );
        $check!(
            messages::incremental_alter_configs::IncrementalAlterConfigsResponse,
            oracle::IncrementalAlterConfigsResponse
        );
        $check!(messages::init_producer_id::InitProducerIdRequest, oracle::InitProducerIdRequest);
        $check!(messages::init_producer_id::InitProducerIdResponse, oracle::InitProducerIdResponse);
        $check!(messages::join_group::JoinGroupRequest, oracle::JoinGroupRequest);
        $check!(messages::join_group::JoinGroupResponse, oracle::JoinGroupResponse);
        $check!(messages::leave_group::LeaveGroupRequest, oracle::LeaveGroupRequest);
        $check!(messages::leave_group::LeaveGroupResponse, oracle::LeaveGroupResponse);
        $check!(messages::list_groups::ListGroupsRequest, oracle::ListGroupsRequest);
        $check!(messages::list_groups::ListGroupsResponse, oracle::ListGroupsResponse);
        $check!(messages::list_offsets::ListOffsetsRequest, oracle::ListOffsetsRequest);
        $check!(messages::list_offsets::ListOffsetsResponse, oracle::ListOffsetsResponse);
        $check!(messages::list_transactions::ListTransactionsRequest, oracle::ListTransactionsRequest);
        $check!(messages::list_transactions::ListTransactionsResponse, oracle::ListTransactionsResponse);
        $check!(messages::metadata::MetadataRequest, oracle::MetadataRequest);
        $check!(messages::metadata::MetadataResponse, oracle::MetadataResponse);
        $check!(messages::offset_commit::OffsetCommitRequest, oracle::OffsetCommitRequest);
        $check!(messages::offset_commit::OffsetCommitResponse, oracle::OffsetCommitResponse);
        $check!(messages::offset_delete::OffsetDeleteRequest, oracle::OffsetDeleteRequest);
        $check!(messages::offset_delete::OffsetDeleteResponse, oracle::OffsetDeleteResponse);
        $check!(messages::offset_fetch::OffsetFetchRequest, oracle::OffsetFetchRequest);
        $check!(messages::offset_fetch::OffsetFetchResponse, oracle::OffsetFetchResponse);
        $check!(messages::offset_for_leader_epoch::OffsetForLeaderEpochRequest, oracle::OffsetForLeaderEpochRequest);
        $check!(messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse, oracle::OffsetForLeaderEpochResponse);
        $check!(messages::produce::ProduceRequest, oracle::ProduceRequest);
        $check!(messages::produce::ProduceResponse, oracle::ProduceResponse);
        $check!(messages::sasl_authenticate::SaslAuthenticateRequest, oracle::SaslAuthenticateRequest);
        $check!(messages::sasl_authenticate::SaslAuthenticateResponse, oracle::SaslAuthenticateResponse);
        $check!(messages::sasl_handshake::SaslHandshakeRequest, oracle::SaslHandshakeRequest);
        $check!(messages::sasl_handshake::SaslHandshakeResponse, oracle::SaslHandshakeResponse);
        $check!(messages::sync_group::SyncGroupRequest, oracle::SyncGroupRequest);
        $check!(messages::sync_group::SyncGroupResponse, oracle::SyncGroupResponse);
        $check!(messages::txn_offset_commit::TxnOffsetCommitRequest, oracle::TxnOffsetCommitRequest);
        $check!(messages::txn_offset_commit::TxnOffsetCommitResponse, oracle::TxnOffsetCommitResponse);
    };
}

fn sample<M: Message + Arbitrary>(pool: &[u8], version: i16) -> M {
    let layout = Layout { version, flexible: M::KEY.is_flexible(version) };
    M::arbitrary(&mut Entropy::new(pool.to_vec()), layout, true)
}

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut out = Vec::new();
    message.encode(version, &mut out).unwrap();
    Bytes::from(out)
}

fn decode<M: Message>(bytes: &Bytes, version: i16) -> Result<M, DecodeError> {
    M::decode(&mut Reader::new(bytes.clone()), version)
}

/// What one encodes the other decodes, in both directions, and both mean the same by it.
fn agree<M, O>(pool: &[u8])
where
    M: Message + Arbitrary + PartialEq + std::fmt::Debug,
    O: OracleMessage + Encodable + Decodable + std::fmt::Debug,
{
    for version in M::KEY.versions() {
        assert!((O::VERSIONS.min..=O::VERSIONS.max).contains(&version), "{} {version}", M::NAME);
        let message: M = sample(pool, version);
        let bytes = encode(&message, version);
        assert_eq!(decode::<M>(&bytes, version).unwrap(), message, "{} {version}", M::NAME);

        let mut rest = bytes.clone();
        let theirs = O::decode(&mut rest, version).unwrap();
        assert!(rest.is_empty(), "{} {version}: {} bytes more than the oracle reads", M::NAME, rest.len());
        let mut back = Vec::new();
        theirs.encode(&mut back, version).unwrap();
        assert_eq!(back, bytes, "{} {version}: {message:?}", M::NAME);
        assert_eq!(numbers(&message), numbers(&theirs), "{} {version}", M::NAME);
    }
}

/// Every `name: number` of a debug text that is large enough to be no accident, in the order of the text.
fn numbers(message: &impl std::fmt::Debug) -> Vec<(String, String)> {
    let text = format!("{message:?}");
    let words: Vec<&str> = text.split([' ', ',', '(', ')', '{', '}', '[', ']']).filter(|w| !w.is_empty()).collect();
    let pair = |pair: &[&str]| {
        let name = pair[0].strip_suffix(':')?;
        let number = pair[1].parse::<i64>().ok().filter(|number| number.unsigned_abs() > 99 && *number != i64::MAX)?;
        let skipped = name.ends_with("error_code") || name.starts_with("v3_and_below") || name.starts_with("producer_");
        (!skipped).then(|| (name.to_owned(), number.to_string()))
    };
    let mut pairs: Vec<_> = words.windows(2).filter_map(pair).collect();
    pairs.sort();
    pairs
}

/// Every cut of a valid message is refused.
fn refuse_cuts<M: Message + Arbitrary>(pool: &[u8]) {
    for version in M::KEY.versions() {
        let bytes = encode(&sample::<M>(pool, version), version);
        for cut in 0..bytes.len() {
            assert!(decode::<M>(&bytes.slice(..cut), version).is_err(), "{} {version} cut at {cut}", M::NAME);
        }
    }
}

/// A message with four bytes overwritten is read or refused, with memory in proportion to its size.
fn survive_lies<M: Message + Arbitrary>(pool: &[u8]) {
    const LIES: [[u8; 4]; 4] = [[0x7f, 0xff, 0xff, 0xff], [0xff; 4], [0x80, 0, 0, 0], [0xff, 0xff, 0xff, 0x0f]];
    for version in M::KEY.versions() {
        let bytes = encode(&sample::<M>(pool, version), version);
        for at in 0..bytes.len() {
            for lie in LIES {
                let mut lying = bytes.to_vec();
                let end = bytes.len().min(at + 4);
                lying[at..end].copy_from_slice(&lie[..end - at]);
                let lying = Bytes::from(lying);
                let taken = allocation_counter::measure(|| drop(decode::<M>(&lying, version)));
                let limit = 1024 + 512 * bytes.len() as u64;
                assert!(taken.bytes_max <= limit, "{} {version}: {} of {limit}", M::NAME, taken.bytes_max);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn messages_agree_with_the_oracle_in_every_version(pool in vec(any::<u8>(), 0..700)) {
        macro_rules! check { ($ours:ty, $oracle:ty) => { agree::<$ours, $oracle>(&pool) }; }
        every_message!(check);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_cut_message_is_refused(pool in vec(any::<u8>(), 200..400)) {
        macro_rules! check { ($ours:ty, $oracle:ty) => { refuse_cuts::<$ours>(&pool) }; }
        every_message!(check);
    }

    #[test]
    fn a_lying_message_takes_no_more_memory_than_an_honest_one(pool in vec(any::<u8>(), 200..400)) {
        macro_rules! check { ($ours:ty, $oracle:ty) => { survive_lies::<$ours>(&pool) }; }
        every_message!(check);
    }
}

#[test]
fn every_api_is_in_the_list_of_this_test() {
    let mut listed = Vec::new();
    macro_rules! check {
        ($ours:ty, $oracle:ty) => {
            listed.push(<$ours as Message>::KEY)
        };
    }
    every_message!(check);
    listed.dedup();
    listed.sort();
    assert_eq!(listed, crate::ApiKey::ALL);
}

#[test]
fn a_claim_of_two_thousand_million_topics_is_refused() {
    let claim = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let error = decode::<messages::metadata::MetadataRequest>(&claim, 1).unwrap_err();
    assert_eq!(error, DecodeError::Count { count: i64::from(i32::MAX), left: 4 });
}

#[test]
fn arrays_that_are_larger_in_memory_than_on_the_wire_stop_at_the_budget() {
    let request =
        messages::delete_topics::DeleteTopicsRequest { topics: vec![Default::default(); 10_000], ..Default::default() };
    let bytes = encode(&request, 6);
    let mut input = Reader::with_budget(bytes.clone(), 100_000);
    let error = messages::delete_topics::DeleteTopicsRequest::decode(&mut input, 6).unwrap_err();
    assert_eq!(error, DecodeError::Budget { budget: 100_000 });
    assert_eq!(decode::<messages::delete_topics::DeleteTopicsRequest>(&bytes, 6).unwrap(), request);
}

#[test]
fn a_version_that_is_not_known_is_refused_both_ways() {
    let request = messages::produce::ProduceRequest::default();
    assert!(request.encode(2, &mut Vec::new()).is_err());
    assert!(decode::<messages::produce::ProduceRequest>(&Bytes::new(), 13).is_err());
}

#[test]
fn null_is_refused_where_a_version_has_none() {
    let request = messages::metadata::MetadataRequest { topics: None, ..Default::default() };
    assert!(request.encode(0, &mut Vec::new()).is_err());
    assert!(request.encode(1, &mut Vec::new()).is_ok());
    assert!(decode::<messages::metadata::MetadataRequest>(&Bytes::from_static(&[0xff; 4]), 0).is_err());
}

#[test]
fn unknown_tags_are_skipped_and_trailing_bytes_left_alone() {
    let mut bytes = encode(&messages::heartbeat::HeartbeatRequest::default(), 4).to_vec();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend_from_slice(&[1, 99, 2, b'x', b'y', 7, 7, 7]);
    let mut input = Reader::new(bytes.into());
    let request = messages::heartbeat::HeartbeatRequest::decode(&mut input, 4).unwrap();
    assert_eq!((request, input.remaining()), (Default::default(), 3));
}

#[test]
fn byte_fields_are_slices_of_the_frame() {
    let records = Bytes::from(vec![7; 100]);
    let partition = messages::produce::PartitionProduceData { index: 0, records: Some(records) };
    let topic = messages::produce::TopicProduceData { name: "t".into(), partition_data: vec![partition] };
    let request = messages::produce::ProduceRequest { topic_data: vec![topic], ..Default::default() };
    let bytes = encode(&request, 9);
    let read: messages::produce::ProduceRequest = decode(&bytes, 9).unwrap();
    let slice = read.topic_data[0].partition_data[0].records.clone().unwrap();
    assert!(bytes.as_ptr_range().contains(&slice.as_ptr()));
}
