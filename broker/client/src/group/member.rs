//! Membership: an actor that joins, keeps the place by heartbeats, and leaves.

use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::heartbeat::HeartbeatRequest;
use broker_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::join::{Assignor, JoinError, Joined, join};
use super::session::Session;
use crate::backoff::Backoff;
use crate::client::{Client, Purpose};
use crate::error::{ClientError, Result};

/// The first heartbeat after a join comes in that part of the interval.
const FIRST_HEARTBEAT: u32 = 32;

/// How a member takes part.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The group.
    pub group: String,
    /// The kind of group; members of another kind are refused by the log.
    pub protocol_type: &'static str,
    /// Protocols that the member can use, the one that it likes best first. Their metadata is the same.
    pub protocols: Vec<String>,
    /// Silence after which the log takes the member for dead.
    pub session_timeout: Duration,
    /// How long the log waits for this member to join again.
    pub rebalance_timeout: Duration,
    /// Time between heartbeats. They come more often right after each join: where partitions move, they do so in two steps,
    /// and every member hears of the second one by a heartbeat.
    pub heartbeat_interval: Duration,
    /// The id of a static member (KIP-345): whoever joins under it takes the place of the one who had it before, at once and
    /// with what was assigned to that one, who is refused from then on. Letters, digits, `.`, `_` and `-`, at most 249 of them.
    pub instance: Option<String>,
}

/// What happens to a member.
#[derive(Debug)]
pub enum MemberEvent {
    /// It is in, with that assignment.
    Assigned {
        /// The generation: commits carry it.
        generation: i32,
        /// The id that the log gave: commits carry it.
        member_id: String,
        /// Whether this member decided who gets what.
        leader: bool,
        /// What it got; empty if nothing.
        assignment: Bytes,
    },
    /// Somebody came or went: call [`Membership::join`] again, as soon as what moves has been given up. Meanwhile the
    /// assignment stays valid, up to the rebalance time-out.
    RejoinWanted,
    /// The place is lost, and what was assigned is somebody else's by now: drop it, and join again.
    Lost(ClientError),
    /// An attempt failed and is made again.
    Retrying(ClientError),
    /// No attempt will succeed.
    Refused(ClientError),
}

/// A place in a group. It is kept by an actor on the runtime that is given, so a caller that is busy for long does not
/// lose it.
pub struct Membership {
    session: Session,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<MemberEvent>,
}

enum Command {
    Join(Bytes),
    Leave(oneshot::Sender<()>),
}

impl Membership {
    /// Starts the actor. It joins when told to.
    pub fn start(runtime: &Handle, client: Client, config: MemberConfig, assignor: Assignor) -> Membership {
        let (commands, received) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        let session = Session::open();
        let (member_id, has_place) = (String::new(), false);
        let actor = Actor { client, config, assignor, events: told, session: session.clone(), member_id, has_place };
        runtime.spawn(actor.run(received));
        Membership { session, commands, events }
    }

    /// Joins, or joins again, with what the member says of itself.
    pub fn join(&self, metadata: Bytes) {
        let _ = self.commands.send(Command::Join(metadata));
    }

    /// How long the log keeps the place without another sign of life.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What happens next; `None` after leaving.
    pub async fn event(&mut self) -> Option<MemberEvent> {
        self.events.recv().await
    }

    /// Leaves the group, so that the others need not wait for the session to end.
    pub async fn leave(self) {
        let (done, left) = oneshot::channel();
        if self.commands.send(Command::Leave(done)).is_ok() {
            let _ = left.await;
        }
    }
}

struct Actor {
    client: Client,
    config: MemberConfig,
    assignor: Assignor,
    events: mpsc::UnboundedSender<MemberEvent>,
    session: Session,
    member_id: String,
    /// Something was assigned to it under its present id.
    has_place: bool,
}

impl Actor {
    /// Waits for commands; joining and heartbeats are given up for them.
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut next = commands.recv().await;
        while let Some(Command::Join(metadata)) = next {
            next = tokio::select! {
                command = commands.recv() => command,
                () = self.take_part(metadata) => commands.recv().await,
            };
        }
        self.leave().await;
        if let Some(Command::Leave(done)) = next {
            let _ = done.send(());
        }
    }

    /// Joins and keeps the place until it is lost or refused.
    async fn take_part(&mut self, metadata: Bytes) {
        let Some(joined) = self.join(&metadata).await else { return };
        let generation = joined.generation;
        self.tell(MemberEvent::Assigned {
            generation,
            member_id: joined.member_id,
            leader: joined.leader,
            assignment: joined.assignment,
        });
        let lost = self.beat(generation).await;
        if lost.code() == Some(ErrorCode::UNKNOWN_MEMBER_ID) {
            self.member_id.clear();
        }
        self.has_place = false;
        self.tell(MemberEvent::Lost(lost));
    }

    async fn join(&mut self, metadata: &Bytes) -> Option<Joined> {
        let mut backoff = Backoff::default();
        // While it waits for the others it need not give signs of life.
        self.session.extend(None);
        loop {
            match join(&self.client, &self.config, &self.assignor, &self.member_id, metadata).await {
                Ok(joined) => {
                    self.member_id.clone_from(&joined.member_id);
                    self.has_place = true;
                    return Some(joined);
                }
                Err(JoinError::WithId(id)) => self.member_id = id,
                Err(JoinError::Again) => {}
                Err(JoinError::Forgotten) => {
                    self.member_id.clear();
                    // What it says of itself is not true any more: others have what it had.
                    if std::mem::take(&mut self.has_place) {
                        let what = format!("lost the place in group {}", self.config.group);
                        self.tell(MemberEvent::Lost(ClientError::refused(what, ErrorCode::UNKNOWN_MEMBER_ID)));
                        return None;
                    }
                }
                Err(JoinError::Later(error)) => {
                    self.tell(MemberEvent::Retrying(error));
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(JoinError::Never(error)) => {
                    self.tell(MemberEvent::Refused(error));
                    return None;
                }
            }
        }
    }

    /// Heartbeats until the place is lost; why.
    async fn beat(&mut self, generation: i32) -> ClientError {
        let (mut last_answer, mut told) = (Instant::now(), false);
        let mut pace = pace(self.config.heartbeat_interval);
        self.session.extend(Some(last_answer + self.config.session_timeout));
        loop {
            tokio::time::sleep(pace.next_delay()).await;
            let asked = Instant::now();
            let answer = self.heartbeat(generation).await;
            if let Ok(ErrorCode::NONE | ErrorCode::REBALANCE_IN_PROGRESS) = answer {
                last_answer = Instant::now();
                self.session.extend(Some(asked + self.config.session_timeout));
            }
            match answer {
                Ok(ErrorCode::NONE) => {}
                Ok(ErrorCode::REBALANCE_IN_PROGRESS) => {
                    if !told {
                        self.tell(MemberEvent::RejoinWanted);
                        told = true;
                    }
                }
                Ok(code) if !code.is_retriable() => {
                    return ClientError::refused(format!("lost the place in group {}", self.config.group), code);
                }
                Ok(_) => self.client.forget_coordinator(&self.config.group),
                Err(error) if last_answer.elapsed() > self.config.session_timeout => return error,
                Err(error) => {
                    self.client.forget_coordinator(&self.config.group);
                    self.tell(MemberEvent::Retrying(error));
                }
            }
        }
    }

    async fn heartbeat(&self, generation: i32) -> Result<ErrorCode> {
        let request = HeartbeatRequest {
            group_id: self.config.group.clone(),
            generation_id: generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance.clone(),
        };
        let coordinator = self.client.coordinator(&self.config.group, Purpose::Group).await?;
        // A coordinator that hangs must be given up while there is still time to find the one that has taken over.
        let limit = (self.config.session_timeout / 3).max(self.config.heartbeat_interval);
        let answer = coordinator.call_up_to(&request, i16::MAX, limit).await?;
        Ok(answer.error_code)
    }

    /// Static members leave too: only one that says nothing comes back to its place.
    async fn leave(&mut self) {
        if self.member_id.is_empty() {
            return;
        }
        let member_id = std::mem::take(&mut self.member_id);
        let group_instance_id = self.config.instance.clone();
        let member = MemberIdentity { member_id: member_id.clone(), group_instance_id, ..Default::default() };
        let request = LeaveGroupRequest { group_id: self.config.group.clone(), member_id, members: vec![member] };
        let coordinator = self.client.coordinator(&self.config.group, Purpose::Control).await;
        if let Ok(coordinator) = coordinator {
            let _ = coordinator.call_up_to(&request, i16::MAX, Duration::from_secs(3)).await;
        }
    }

    fn tell(&self, event: MemberEvent) {
        let _ = self.events.send(event);
    }
}

/// The time before each heartbeat after a join: twice the one before, up to the interval.
fn pace(interval: Duration) -> Backoff {
    Backoff::new(interval / FIRST_HEARTBEAT, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_come_more_often_right_after_a_join() {
        let mut pace = pace(Duration::from_millis(3_200));
        let first: Vec<u128> = (0..8).map(|_| pace.next_delay().as_millis()).collect();
        assert_eq!(first, [100, 200, 400, 800, 1_600, 3_200, 3_200, 3_200]);
    }
}
