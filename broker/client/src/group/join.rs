//! Joining: JoinGroup, the leader's assignment, SyncGroup.

use std::sync::Arc;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use broker_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use bytes::Bytes;

use super::member::MemberConfig;
use crate::client::{Client, Purpose};
use crate::connection::Connection;
use crate::error::{ClientError, Result};

/// A member, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id, given by the log.
    pub id: String,
    /// What it said of itself when it joined.
    pub metadata: Bytes,
}

/// Decides, for the member that the log made leader, what each member gets: ids and assignments. May ask the log.
pub type Assignor = Arc<
    dyn Fn(String, Vec<GroupMember>) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<(String, Bytes)>>> + Send>>
        + Send
        + Sync,
>;

/// What a member has once it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub member_id: String,
    pub generation: i32,
    pub leader: bool,
    pub assignment: Bytes,
}

/// What a failed attempt asks for.
#[derive(Debug)]
pub(super) enum JoinError {
    /// Try again with this id, at once.
    WithId(String),
    /// The group has moved on meanwhile: try again at once.
    Again,
    /// The log does not know the id any more: try again without one.
    Forgotten,
    /// Try again later.
    Later(ClientError),
    /// No attempt will do.
    Never(ClientError),
}

/// One attempt to join with that metadata.
pub(super) async fn join(
    client: &Client,
    config: &MemberConfig,
    assignor: &Assignor,
    member_id: &str,
    metadata: &Bytes,
) -> Result<Joined, JoinError> {
    let coordinator = client.coordinator(&config.group, Purpose::Group).await.map_err(sort)?;
    let answer = enter(&coordinator, config, member_id, metadata).await;
    let answer = answer.map_err(|error| forget_if_broken(client, config, error)).map_err(sort)?;
    check(client, config, answer.error_code, &answer.member_id)?;
    let leader = answer.leader == answer.member_id;
    let assignments = if leader { assign(assignor, &answer).await? } else { Vec::new() };
    let synced = coordinator.call(&SyncGroupRequest {
        group_id: config.group.clone(),
        generation_id: answer.generation_id,
        member_id: answer.member_id.clone(),
        group_instance_id: config.instance.clone(),
        protocol_type: Some(config.protocol_type.to_owned()),
        protocol_name: answer.protocol_name.clone(),
        assignments,
    });
    let synced = synced.await.map_err(|error| forget_if_broken(client, config, error)).map_err(sort)?;
    check(client, config, synced.error_code, &answer.member_id)?;
    let (member_id, generation) = (answer.member_id, answer.generation_id);
    Ok(Joined { member_id, generation, leader, assignment: synced.assignment })
}

async fn enter(
    coordinator: &Connection,
    config: &MemberConfig,
    member_id: &str,
    metadata: &Bytes,
) -> Result<JoinGroupResponse> {
    let protocol = |name: &String| JoinGroupRequestProtocol { name: name.clone(), metadata: metadata.clone() };
    let request = JoinGroupRequest {
        group_id: config.group.clone(),
        session_timeout_ms: config.session_timeout.as_millis() as i32,
        rebalance_timeout_ms: config.rebalance_timeout.as_millis() as i32,
        member_id: member_id.to_owned(),
        group_instance_id: config.instance.clone(),
        protocol_type: config.protocol_type.to_owned(),
        protocols: config.protocols.iter().map(protocol).collect(),
        reason: None,
    };
    // The log answers once everybody has joined, which may take as long as the slowest member is allowed.
    let limit = config.rebalance_timeout + Duration::from_secs(30);
    coordinator.call_up_to(&request, i16::MAX, limit).await
}

async fn assign(assignor: &Assignor, answer: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>, JoinError> {
    if answer.skip_assignment {
        return Ok(Vec::new());
    }
    let member = |member: &broker_wire::messages::join_group::JoinGroupResponseMember| GroupMember {
        id: member.member_id.clone(),
        metadata: member.metadata.clone(),
    };
    let members = answer.members.iter().map(member).collect();
    let decided =
        assignor(answer.protocol_name.clone().unwrap_or_default(), members).await.map_err(JoinError::Later)?;
    let entry = |(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment };
    Ok(decided.into_iter().map(entry).collect())
}

fn sort(error: ClientError) -> JoinError {
    if error.is_retriable() { JoinError::Later(error) } else { JoinError::Never(error) }
}

fn forget_if_broken(client: &Client, config: &MemberConfig, error: ClientError) -> ClientError {
    if error.breaks_connection() {
        client.forget_coordinator(&config.group);
    }
    error
}

fn check(client: &Client, config: &MemberConfig, code: ErrorCode, member_id: &str) -> Result<(), JoinError> {
    let refused = || ClientError::refused(format!("cannot join group {}", config.group), code);
    match code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::MEMBER_ID_REQUIRED => Err(JoinError::WithId(member_id.to_owned())),
        ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::ILLEGAL_GENERATION => Err(JoinError::Again),
        ErrorCode::UNKNOWN_MEMBER_ID => Err(JoinError::Forgotten),
        ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
            client.forget_coordinator(&config.group);
            Err(JoinError::Later(refused()))
        }
        code if code.is_retriable() => Err(JoinError::Later(refused())),
        _ => Err(JoinError::Never(refused())),
    }
}
