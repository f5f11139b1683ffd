//! The worker's place in the herd.

use std::sync::Arc;

use broker_client::{Assignor, Client, ClientError, GroupMember, MemberConfig, MemberEvent, Membership};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::assignment::{Assignment, PROTOCOL, PROTOCOL_TYPE, WorkerInfo, assign};
use crate::config::WorkerConfig;

/// The worker's place in the herd, kept until [`leave`](Member::leave).
pub struct Member {
    leave: tokio::sync::oneshot::Sender<tokio::sync::oneshot::Sender<()>>,
    trouble: watch::Receiver<Option<String>>,
    displaced: watch::Receiver<Option<String>>,
}

impl Member {
    /// Gives the place up, so that another worker need not wait for the session to end.
    pub async fn leave(self) {
        let (done, left) = tokio::sync::oneshot::channel();
        if self.leave.send(done).is_ok() {
            let _ = left.await;
        }
    }

    /// What keeps the worker out of its herd at the moment, if anything does.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }

    /// Turns to a sentence once another worker has taken this one's place.
    pub fn displaced(&self) -> watch::Receiver<Option<String>> {
        self.displaced.clone()
    }
}

/// Joins the herd and waits for the first assignment. `info` says what the worker has to say of itself at that moment.
/// The error is a sentence for the user.
pub async fn join(
    config: &WorkerConfig,
    client: Client,
    info: impl Fn(bool) -> WorkerInfo + Send + 'static,
) -> Result<Member, String> {
    let member_config = MemberConfig {
        group: config.group_id.clone(),
        protocol_type: PROTOCOL_TYPE,
        protocols: vec![PROTOCOL.to_owned()],
        session_timeout: config.session_timeout,
        rebalance_timeout: config.rebalance_timeout,
        heartbeat_interval: config.heartbeat_interval,
        instance: None,
    };
    let mut membership = Membership::start(&Handle::current(), client, member_config, assignor());
    membership.join(info(false).to_bytes().into());
    first_assignment(&mut membership, &config.group_id).await?;
    let (leave, left) = tokio::sync::oneshot::channel();
    let (trouble_sender, trouble) = watch::channel(None);
    let (displaced_sender, displaced) = watch::channel(None);
    tokio::spawn(keep(membership, info, left, trouble_sender, displaced_sender));
    Ok(Member { leave, trouble, displaced })
}

async fn first_assignment(membership: &mut Membership, group: &str) -> Result<(), String> {
    loop {
        match membership.event().await {
            Some(MemberEvent::Assigned { assignment, .. }) => {
                return match Assignment::from_bytes(&assignment) {
                    Assignment::All => Ok(()),
                    Assignment::Nothing { leader_url } => Err(second(group, &leader_url)),
                };
            }
            Some(MemberEvent::Retrying(error)) => tracing::warn!(group, %error, "joining the herd is tried again"),
            Some(MemberEvent::Refused(error)) => return Err(refused(group, &error)),
            Some(MemberEvent::RejoinWanted | MemberEvent::Lost(_)) => {}
            None => return Err("the place in the herd was given up".to_owned()),
        }
    }
}

fn second(group: &str, leader_url: &str) -> String {
    format!(
        "The herd {group} has a worker already, at {leader_url}, and this version runs one worker in a herd. Stop that \
         one, or give this one another `group.id` and other internal topics."
    )
}

fn refused(group: &str, error: &ClientError) -> String {
    use broker_wire::ErrorCode;
    if error.code() == Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) {
        return format!(
            "The group {group} is in use by others, Kafka Connect workers perhaps. Stop them, or choose another `group.id`."
        );
    }
    format!("The log does not let the worker into its herd {group}: {error}.")
}

type Leaving = tokio::sync::oneshot::Receiver<tokio::sync::oneshot::Sender<()>>;

/// Keeps the place: joins again when others come and go, tells of trouble.
async fn keep(
    mut membership: Membership,
    info: impl Fn(bool) -> WorkerInfo,
    mut leaving: Leaving,
    trouble: watch::Sender<Option<String>>,
    displaced: watch::Sender<Option<String>>,
) {
    loop {
        tokio::select! {
            leave = &mut leaving => {
                membership.leave().await;
                if let Ok(done) = leave {
                    let _ = done.send(());
                }
                return;
            }
            event = membership.event() => match event {
                Some(MemberEvent::Assigned { assignment, .. }) => match Assignment::from_bytes(&assignment) {
                    Assignment::All => drop(trouble.send_replace(None)),
                    Assignment::Nothing { leader_url } => {
                        let why = format!("another worker, at {leader_url}, has taken this worker's place in the herd");
                        displaced.send_replace(Some(why));
                    }
                },
                Some(MemberEvent::RejoinWanted) => membership.join(info(true).to_bytes().into()),
                Some(MemberEvent::Lost(error)) => {
                    tracing::warn!(%error, "the place in the herd is lost; joining again");
                    trouble.send_replace(Some(error.to_string()));
                    membership.join(info(true).to_bytes().into());
                }
                Some(MemberEvent::Retrying(error)) => drop(trouble.send_replace(Some(error.to_string()))),
                Some(MemberEvent::Refused(error)) => drop(displaced.send_replace(Some(error.to_string()))),
                None => return,
            }
        }
    }
}

fn assignor() -> Assignor {
    Arc::new(|_protocol, members| Box::pin(async move { Ok(decide(members)) }))
}

/// A member whose metadata makes no sense is left out, and so gets nothing.
fn decide(members: Vec<GroupMember>) -> Vec<(String, bytes::Bytes)> {
    let known = members.into_iter().filter_map(|member| Some((member.id, WorkerInfo::from_bytes(&member.metadata)?)));
    let decided = assign(&known.collect::<Vec<_>>());
    decided.into_iter().map(|(id, assignment)| (id, assignment.to_bytes().into())).collect()
}
