//! The worker's place in the herd: joins, hears, asks the supervisor what runs, joins again.

use std::sync::Arc;
use std::time::Duration;

use broker_client::{Assignor, Client, ClientError, GroupMember, MemberConfig, MemberEvent, Membership, Session};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::assignment::{
    CORE_WEIGHT, Item, Items, Measured, PROTOCOL, PROTOCOL_TYPE, Plan, Seat, Situation, WorkerInfo, share_out, weighed,
};
use super::standing::{Peer, Standing};
use super::status_log::{State, Subject};
use super::supervisor::SupervisorHandle;
use super::{ConfigStore, StatusStore};
use crate::config::WorkerConfig;
use crate::internal::now_ms;
use crate::secrets::any_sealed;

/// With so many connectors and tasks created since the last plan the leader makes a new one, so that what is kept in
/// between stays small.
const MOST_BIRTHS: usize = 10_000;

/// How often a worker looks whether it carries much more or less than the plan says.
const WEIGH_EVERY: Duration = Duration::from_secs(60);

/// What counts as much: half a core, and at least that part of what the plan says. Then it joins again, so that the leader
/// evens out what can be evened out.
const MUCH: (f64, f64) = (CORE_WEIGHT / 2.0, 0.3);

/// What a place in the herd is made of.
pub struct Joining {
    /// Who this worker is.
    pub me: Peer,
    /// What is wanted.
    pub configs: ConfigStore,
    /// How it goes.
    pub statuses: StatusStore,
    /// Where the herd shows, as this worker sees it.
    pub place: watch::Sender<Option<Arc<Standing>>>,
    /// How long what was lost waits for its worker.
    pub max_delay: Duration,
}

/// A place in the herd that nobody looks after yet.
pub struct Joined {
    seat: Seat,
    joining: Joining,
    membership: Membership,
    last_plan: LastPlan,
}

/// The newest plan that this worker has seen: if it comes to lead, it goes on from there.
type LastPlan = Arc<Mutex<Option<Plan>>>;

/// The worker's place in the herd, kept until [`leave`](Member::leave).
pub struct Member {
    leave: oneshot::Sender<oneshot::Sender<()>>,
    trouble: watch::Receiver<Option<String>>,
    refused: watch::Receiver<Option<String>>,
}

impl Member {
    /// Gives the place up, so that other workers need not wait for the session to end.
    pub async fn leave(self) {
        let (done, left) = oneshot::channel();
        if self.leave.send(done).is_ok() {
            let _ = left.await;
        }
    }

    /// What keeps the worker out of its herd at the moment, if anything does.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }

    /// Turns to a sentence once the log does not let the worker in any more.
    pub fn refused(&self) -> watch::Receiver<Option<String>> {
        self.refused.clone()
    }
}

/// Joins the herd and waits for the first plan. The error is a sentence for the user.
pub async fn join(config: &WorkerConfig, client: Client, joining: Joining) -> Result<Joined, String> {
    let member_config = MemberConfig {
        group: config.group_id.clone(),
        protocol_type: PROTOCOL_TYPE,
        protocols: vec![PROTOCOL.to_owned()],
        session_timeout: config.session_timeout,
        rebalance_timeout: config.rebalance_timeout,
        heartbeat_interval: config.heartbeat_interval,
        instance: None,
    };
    let last_plan = LastPlan::default();
    let assignor = assignor(&joining, last_plan.clone());
    let membership = Membership::start(&Handle::current(), client, member_config, assignor);
    let seat = Seat::of(joining.me.clone());
    let mut joined = Joined { seat, joining, membership, last_plan };
    joined.join(Default::default());
    loop {
        match joined.membership.event().await {
            Some(MemberEvent::Assigned { generation, member_id, assignment, .. }) => {
                if joined.assigned(generation, &member_id, &assignment).is_none() {
                    return Err(not_understood(&config.group_id));
                }
                if let Some(why) = joined.cannot_open() {
                    joined.membership.leave().await;
                    return Err(why);
                }
                return Ok(joined);
            }
            Some(MemberEvent::Retrying(error)) => {
                tracing::warn!(group = config.group_id, %error, "joining the herd is tried again");
            }
            Some(MemberEvent::Refused(error)) => return Err(refused(&config.group_id, &error)),
            Some(MemberEvent::RejoinWanted | MemberEvent::Lost(_)) => joined.join(Default::default()),
            None => return Err("the place in the herd was given up".to_owned()),
        }
    }
}

fn not_understood(group: &str) -> String {
    format!(
        "The leader of the herd {group} decides in a way that this version does not understand. Upgrade this worker."
    )
}

fn refused(group: &str, error: &ClientError) -> String {
    use broker_wire::ErrorCode;
    if error.code() == Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) {
        return format!(
            "The group {group} is in use by others, Kafka Connect workers perhaps. Stop them, or choose another `group.id`."
        );
    }
    if error.code() == Some(ErrorCode::INVALID_SESSION_TIMEOUT) {
        return "The log does not take the worker's `session.timeout.ms`. Set it between the log's \
                `group.min.session.timeout.ms` (6000 by default) and `group.max.session.timeout.ms`."
            .to_owned();
    }
    format!("The log does not let the worker into its herd {group}: {error}.")
}

impl Joined {
    /// Looks after the place from now on.
    pub fn keep(self, group: &str, supervisor: SupervisorHandle) -> Member {
        let (leave, left) = oneshot::channel();
        let (trouble_sender, trouble) = watch::channel(None);
        let (refused_sender, refused) = watch::channel(None);
        let keeper = Keeper {
            group: group.to_owned(),
            joined: self,
            supervisor,
            releasing: None,
            trouble: trouble_sender,
            refused: refused_sender,
        };
        tokio::spawn(keeper.run(left));
        Member { leave, trouble, refused }
    }

    /// Until when the place is this worker's.
    pub fn session(&self) -> &Session {
        self.membership.session()
    }

    /// To be called before the supervisor is asked what runs here, so that it starts nothing afterwards that was not said.
    fn prepare(&mut self) {
        self.seat.prepare(&self.joining.configs.items().1);
        self.show();
    }

    fn join(&mut self, running: Measured) {
        let info = self.seat.join(self.joining.configs.offset(), self.weighed(running));
        self.membership.join(info.to_bytes().into());
    }

    fn weighed(&self, running: Measured) -> Items {
        weighed(running, self.last_plan.lock().as_ref())
    }

    /// Takes a plan in. True if there is something to stop; `None` if it makes no sense.
    fn assigned(&mut self, generation: i32, member_id: &str, assignment: &[u8]) -> Option<bool> {
        let plan = Plan::from_bytes(assignment)?;
        let births = self.joining.configs.births_since(plan.config_offset);
        let gives_up = self.seat.assigned(generation, member_id, &plan, &births)?;
        tracing::info!(generation, workers = plan.members.len(), gives_up, "the herd has shared out its work");
        *self.last_plan.lock() = Some(plan);
        self.show();
        Some(gives_up)
    }

    /// Says so if connectors have passwords that others have sealed and this worker cannot open.
    fn cannot_open(&self) -> Option<String> {
        let standing = self.seat.standing()?;
        let own = &self.joining.me.seal_id;
        let other = standing.members.iter().find(|peer| peer.seal_id != *own)?;
        let all = self.joining.configs.all();
        any_sealed(all.values().flat_map(|entry| std::iter::once(&entry.config).chain(&entry.tasks))).then(|| {
            format!(
                "Connectors of this herd have passwords that were sealed with the key of other workers, such as {}. Copy the \
                 `secret.key` from there into this worker's data folder, or name it with `secret.key.file`.",
                other.worker_id
            )
        })
    }

    fn show(&self) {
        self.joining.place.send_replace(self.seat.standing().cloned().map(Arc::new));
    }

    /// Until when something waits that this worker, as the leader, has to give out then.
    fn waits_until(&self) -> Option<Duration> {
        self.seat.standing().filter(|standing| standing.is_leader())?;
        let until = self.last_plan.lock().as_ref()?.wait_until_ms?;
        Some(Duration::from_millis(until.saturating_sub(now_ms()).max(0) as u64))
    }
}

/// Looks after the place.
struct Keeper {
    group: String,
    joined: Joined,
    supervisor: SupervisorHandle,
    /// Ends once nothing runs here any more that is not this worker's.
    releasing: Option<oneshot::Receiver<()>>,
    trouble: watch::Sender<Option<String>>,
    refused: watch::Sender<Option<String>>,
}

impl Keeper {
    async fn run(mut self, mut leaving: oneshot::Receiver<oneshot::Sender<()>>) {
        let mut changes = self.joined.joining.configs.changes();
        let mut weigh = tokio::time::interval(WEIGH_EVERY);
        loop {
            let waits = self.joined.waits_until();
            tokio::select! {
                leave = &mut leaving => {
                    self.joined.membership.leave().await;
                    if let Ok(done) = leave {
                        let _ = done.send(());
                    }
                    return;
                }
                event = self.joined.membership.event() => match event {
                    Some(event) => self.on_event(event).await,
                    None => return,
                },
                () = released(&mut self.releasing), if self.releasing.is_some() => self.join_again().await,
                changed = changes.changed() => match changed {
                    Ok(()) => self.take_births().await,
                    Err(_) => return,
                },
                () = tokio::time::sleep(waits.unwrap_or_default()), if waits.is_some() => self.join_again().await,
                _ = weigh.tick() => self.weigh().await,
            }
        }
    }

    async fn on_event(&mut self, event: MemberEvent) {
        match event {
            MemberEvent::Assigned { generation, member_id, assignment, .. } => {
                match self.joined.assigned(generation, &member_id, &assignment) {
                    Some(gives_up) => {
                        self.trouble.send_replace(None);
                        self.releasing = gives_up.then(|| self.supervisor.release());
                    }
                    None => drop(self.refused.send_replace(Some(not_understood(&self.group)))),
                }
            }
            MemberEvent::RejoinWanted => self.join_again().await,
            MemberEvent::Lost(error) => {
                tracing::warn!(%error, "the place in the herd is lost: everything here is given up, and the worker joins again");
                self.trouble.send_replace(Some(error.to_string()));
                self.releasing = None;
                self.joined.seat.lost();
                self.joined.show();
                self.supervisor.give_up_all().await;
                self.joined.join(Default::default());
            }
            MemberEvent::Retrying(error) => drop(self.trouble.send_replace(Some(error.to_string()))),
            MemberEvent::Refused(error) => drop(self.refused.send_replace(Some(refused(&self.group, &error)))),
        }
    }

    async fn join_again(&mut self) {
        self.releasing = None;
        self.joined.prepare();
        let running = self.supervisor.running().await;
        self.joined.join(running);
    }

    /// A herd of one has nothing to even out.
    async fn weigh(&mut self) {
        let Some(standing) = self.joined.seat.standing().filter(|standing| standing.members.len() > 1) else { return };
        let said = standing.ownership.loads().get(standing.me).copied().unwrap_or(0.0);
        let now: f64 = self.joined.weighed(self.supervisor.running().await).values().sum();
        let difference = (now - said).abs();
        if difference > MUCH.0 && difference > MUCH.1 * said {
            tracing::info!(said, now, "this worker carries much more or less than the plan says: joining again");
            self.join_again().await;
        }
    }

    /// What users have created since the last plan.
    async fn take_births(&mut self) {
        let configs = &self.joined.joining.configs;
        let from = self.joined.seat.births_to();
        let births = configs.births_since(from);
        let many = births.len() > MOST_BIRTHS;
        if self.joined.seat.born(&births) {
            self.joined.show();
        }
        if many && self.joined.seat.standing().is_some_and(Standing::is_leader) {
            self.join_again().await;
        }
    }
}

async fn released(releasing: &mut Option<oneshot::Receiver<()>>) {
    if let Some(released) = releasing {
        let _ = released.await;
    }
}

/// Decides, if the log has made this worker the leader. First it reads the config topic to its end, so that it has read
/// all that any member has.
fn assignor(joining: &Joining, last_plan: LastPlan) -> Assignor {
    let (me, configs, statuses) = (joining.me.clone(), joining.configs.clone(), joining.statuses.clone());
    let max_delay_ms = joining.max_delay.as_millis() as i64;
    Arc::new(move |_protocol, members| {
        let (me, configs, statuses, last_plan) = (me.clone(), configs.clone(), statuses.clone(), last_plan.clone());
        Box::pin(async move {
            configs.catch_up().await?;
            let (config_offset, wanted) = configs.items();
            let members = understood(members);
            let plan = share_out(&Situation {
                members: &members,
                leader: &me.worker_id,
                wanted: &wanted,
                config_offset,
                previous: last_plan.lock().as_ref(),
                released: &|item, worker_id| is_released(&statuses, item, worker_id),
                now_ms: now_ms(),
                max_delay_ms,
            });
            let bytes = bytes::Bytes::from(plan.to_bytes());
            Ok(plan.members.into_iter().map(|member| (member.id, bytes.clone())).collect())
        })
    })
}

/// A member that says what makes no sense is left out, and so gets nothing.
fn understood(members: Vec<GroupMember>) -> Vec<(String, WorkerInfo)> {
    let known = members.into_iter().filter_map(|member| Some((member.id, WorkerInfo::from_bytes(&member.metadata)?)));
    known.collect()
}

/// Whether a worker that is gone has said of an item that it had stopped it.
fn is_released(statuses: &StatusStore, item: &Item, worker_id: &str) -> bool {
    let status = statuses.get(&Subject::of(item));
    status.is_some_and(|status| status.state == State::Unassigned && status.worker_id == worker_id)
}
