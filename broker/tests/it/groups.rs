//! Groups and committed offsets through frames.

use std::time::Duration;

use broker::Session;
use broker_wire::ErrorCode;
use broker_wire::consumer_protocol::{Subscription, Versioned};
use broker_wire::messages::delete_groups::DeleteGroupsRequest;
use broker_wire::messages::delete_topics::DeleteTopicsRequest;
use broker_wire::messages::describe_groups::DescribeGroupsRequest;
use broker_wire::messages::find_coordinator::FindCoordinatorRequest;
use broker_wire::messages::heartbeat::HeartbeatRequest;
use broker_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use broker_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use broker_wire::messages::list_groups::ListGroupsRequest;
use broker_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use broker_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use broker_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use broker_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use broker_wire::{decode_response, encode_request};
use bytes::Bytes;

use crate::running::{ask, create, open};

fn join(group: &str, member_id: &str, protocol_type: &str) -> JoinGroupRequest {
    let subscription = Subscription { topics: vec!["t".into()], ..Subscription::default() };
    let protocol =
        JoinGroupRequestProtocol { name: "range".into(), metadata: subscription.to_versioned_bytes(0).unwrap() };
    JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.into(),
        protocol_type: protocol_type.into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

/// Joins as a client does that is told its id first.
async fn enter(session: &Session, group: &str, protocol_type: &str) -> JoinGroupResponse {
    let told = ask(session, &join(group, "", protocol_type), 9).await;
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    ask(session, &join(group, &told.member_id, protocol_type), 9).await
}

fn sync(group: &str, joined: &JoinGroupResponse, assignments: &[(&str, &'static str)]) -> SyncGroupRequest {
    let assignment = |(member, text): &(&str, &'static str)| SyncGroupRequestAssignment {
        member_id: (*member).into(),
        assignment: Bytes::from_static(text.as_bytes()),
    };
    SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: assignments.iter().map(assignment).collect(),
        ..SyncGroupRequest::default()
    }
}

fn beat(group: &str, joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..HeartbeatRequest::default()
    }
}

fn commit(group: &str, (member_id, generation): (&str, i32), offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        committed_metadata: Some("note".into()),
        ..OffsetCommitRequestPartition::default()
    };
    OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.into(),
        topics: vec![OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition] }],
        ..OffsetCommitRequest::default()
    }
}

async fn commit_code(session: &Session, request: &OffsetCommitRequest) -> ErrorCode {
    ask(session, request, 8).await.topics[0].partitions[0].error_code
}

/// The group's offset of the first partition; -1 for none.
async fn committed(session: &Session, group: &str) -> i64 {
    let wanted = OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![wanted], require_stable: true, ..OffsetFetchRequest::default() };
    let answer = ask(session, &request, 8).await.groups[0].clone();
    answer.topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset)
}

#[tokio::test]
async fn a_group_of_any_kind_rebalances_as_members_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let lookup = FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..FindCoordinatorRequest::default() };
    let coordinator = ask(&session, &lookup, 4).await;
    assert_eq!((coordinator.coordinators[0].error_code, coordinator.coordinators[0].node_id), (ErrorCode::NONE, 1));

    let first = enter(&session, "g", "naru").await;
    assert_eq!((first.leader == first.member_id, first.members.len()), (true, 1));
    let given = ask(&session, &sync("g", &first, &[(&first.member_id, "all six")]), 5).await;
    assert_eq!((given.error_code, &given.assignment[..]), (ErrorCode::NONE, &b"all six"[..]));
    assert_eq!(given.protocol_type.as_deref(), Some("naru"));

    let told = ask(&session, &join("g", "", "naru"), 9).await;
    let frame = encode_request(&join("g", &told.member_id, "naru"), 9, 1, None).unwrap();
    let second = session.submit(frame);
    assert_eq!(ask(&session, &beat("g", &first), 4).await.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    let first = ask(&session, &join("g", &first.member_id, "naru"), 9).await;
    let (_, second) = decode_response::<JoinGroupRequest>(second.await.unwrap(), 9).unwrap();
    assert_eq!((first.generation_id, second.generation_id, first.members.len()), (2, 2, 2));
    let follower = session.submit(encode_request(&sync("g", &second, &[]), 5, 1, None).unwrap());
    let halves = [(first.member_id.as_str(), "three"), (second.member_id.as_str(), "others")];
    ask(&session, &sync("g", &first, &halves), 5).await;
    let (_, given) = decode_response::<SyncGroupRequest>(follower.await.unwrap(), 5).unwrap();
    assert_eq!(&given.assignment[..], b"others");

    let described = ask(&session, &DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() }, 5).await;
    assert_eq!(described.groups[0].group_state, "Stable");
    assert_eq!(described.groups[0].members.len(), 2);
    assert_eq!(described.groups[0].members[0].client_host, "/here");

    let member = |joined: &JoinGroupResponse| MemberIdentity {
        member_id: joined.member_id.clone(),
        ..MemberIdentity::default()
    };
    let stranger = MemberIdentity { member_id: "nobody".into(), ..MemberIdentity::default() };
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        members: vec![member(&second), stranger],
        ..LeaveGroupRequest::default()
    };
    let left = ask(&session, &leave, 5).await;
    let codes: Vec<_> = left.members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID]);
    assert_eq!(ask(&session, &beat("g", &first), 4).await.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(ask(&session, &beat("g", &second), 4).await.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[tokio::test]
async fn silent_members_are_dropped_by_the_timer() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    let mut request = join("g", "", "consumer");
    request.session_timeout_ms = 150;
    let told = ask(&session, &request, 9).await;
    request.member_id = told.member_id;
    let joined = ask(&session, &request, 9).await;
    ask(&session, &sync("g", &joined, &[]), 5).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ask(&session, &beat("g", &joined), 4).await.error_code, ErrorCode::NONE);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(ask(&session, &beat("g", &joined), 4).await.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let too_short = JoinGroupRequest { session_timeout_ms: 99, ..join("g", "", "consumer") };
    assert_eq!(ask(&session, &too_short, 9).await.error_code, ErrorCode::INVALID_SESSION_TIMEOUT);
}

#[tokio::test]
async fn commits_are_fenced_and_survive_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    create(&session, "t").await;
    assert_eq!(committed(&session, "simple").await, -1);
    assert_eq!(commit_code(&session, &commit("simple", ("", -1), 5)).await, ErrorCode::NONE);
    assert_eq!(commit_code(&session, &commit("simple", ("", 3), 6)).await, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(commit_code(&session, &commit("new", ("m", 3), 6)).await, ErrorCode::ILLEGAL_GENERATION);

    let member = enter(&session, "g", "consumer").await;
    ask(&session, &sync("g", &member, &[]), 5).await;
    let own = (member.member_id.as_str(), member.generation_id);
    assert_eq!(commit_code(&session, &commit("g", own, 7)).await, ErrorCode::NONE);
    assert_eq!(commit_code(&session, &commit("g", (own.0, own.1 - 1), 8)).await, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(commit_code(&session, &commit("g", ("", -1), 8)).await, ErrorCode::UNKNOWN_MEMBER_ID);
    let mut unknown = commit("g", own, 9);
    unknown.topics[0].name = "nowhere".into();
    assert_eq!(commit_code(&session, &unknown).await, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut wordy = commit("g", own, 9);
    wordy.topics[0].partitions[0].committed_metadata = Some("x".repeat(5000));
    assert_eq!(commit_code(&session, &wordy).await, ErrorCode::OFFSET_METADATA_TOO_LARGE);
    assert_eq!((committed(&session, "simple").await, committed(&session, "g").await), (5, 7));

    broker.shutdown().await;
    let session = open(dir.path()).session("here");
    assert_eq!((committed(&session, "simple").await, committed(&session, "g").await), (5, 7));
    // The member comes back: it is told that it is not known, and joins a later generation.
    assert_eq!(ask(&session, &beat("g", &member), 4).await.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(commit_code(&session, &commit("g", own, 6)).await, ErrorCode::UNKNOWN_MEMBER_ID);
    let again = enter(&session, "g", "consumer").await;
    assert!(again.generation_id > member.generation_id);
}

#[tokio::test]
async fn an_offset_is_seen_by_the_fetch_sent_right_behind_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    for offset in 0..20 {
        let commit = session.submit(encode_request(&commit("g", ("", -1), offset), 8, 1, None).unwrap());
        assert_eq!(committed(&session, "g").await, offset);
        commit.await.unwrap();
    }
}

#[tokio::test]
async fn groups_and_offsets_are_listed_and_deleted_if_nobody_uses_them() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let session = broker.session("here");
    create(&session, "t").await;
    commit_code(&session, &commit("idle", ("", -1), 5)).await;
    let member = enter(&session, "busy", "consumer").await;
    ask(&session, &sync("busy", &member, &[]), 5).await;
    commit_code(&session, &commit("busy", (&member.member_id, member.generation_id), 6)).await;

    let listed = ask(&session, &ListGroupsRequest::default(), 5).await;
    let rows: Vec<_> = listed.groups.iter().map(|g| (g.group_id.as_str(), g.group_state.as_str())).collect();
    assert_eq!(rows, [("busy", "Stable"), ("idle", "Empty")]);
    let stable = ListGroupsRequest { states_filter: vec!["stable".into()], ..ListGroupsRequest::default() };
    assert_eq!(ask(&session, &stable, 5).await.groups.len(), 1);

    let offset_delete = |group: &str| {
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
        let topics = vec![OffsetDeleteRequestTopic { name: "t".into(), partitions }];
        OffsetDeleteRequest { group_id: group.into(), topics }
    };
    let refused = ask(&session, &offset_delete("busy"), 0).await;
    assert_eq!(refused.topics[0].partitions[0].error_code, ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
    assert_eq!(ask(&session, &offset_delete("none"), 0).await.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    let groups = DeleteGroupsRequest { groups_names: vec!["busy".into(), "idle".into(), "none".into()] };
    let deleted = ask(&session, &groups, 2).await;
    let codes: Vec<_> = deleted.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::NON_EMPTY_GROUP, ErrorCode::NONE, ErrorCode::GROUP_ID_NOT_FOUND]);
    broker.shutdown().await;

    let broker = open(dir.path());
    let session = broker.session("here");
    assert_eq!((committed(&session, "idle").await, committed(&session, "busy").await), (-1, 6));
    let gone = ask(&session, &offset_delete("busy"), 0).await;
    assert_eq!(gone.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(committed(&session, "busy").await, -1);
    let missing = DescribeGroupsRequest { groups: vec!["idle".into()], ..DescribeGroupsRequest::default() };
    assert_eq!(ask(&session, &missing, 6).await.groups[0].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(ask(&session, &missing, 5).await.groups[0].group_state, "Dead");
}

#[tokio::test]
async fn the_offsets_of_a_deleted_topic_are_gone_for_its_namesake() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).session("here");
    create(&session, "t").await;
    commit_code(&session, &commit("g", ("", -1), 5)).await;
    let delete = DeleteTopicsRequest { topic_names: vec!["t".into()], ..DeleteTopicsRequest::default() };
    assert_eq!(ask(&session, &delete, 5).await.responses[0].error_code, ErrorCode::NONE);
    create(&session, "t").await;
    assert_eq!(committed(&session, "g").await, -1);
}
