//! The shell around the groups: requests that wait, timers, and the journal.

use std::collections::HashMap;
use std::sync::Arc;

use broker_wire::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::assignment::Sync;
use super::group::{Effect, Group, JoinRefused, Joined, Synced, Token};
use super::journal::{Entry, JournalError, Replay};
use super::membership::{Join, JoinLimits};
use super::pending::Pending;
use crate::clock::{Clock, Timed};
use crate::log::append::AppendError;
use crate::log::committer::Ticket;
use crate::log::partition::PartitionLog;
use crate::log::producers::SequenceError;
use crate::log::replay::replay;
use crate::topics::Registry;
use crate::topics::name::OFFSETS_TOPIC;
use broker_wire::records::{ProducerStamp, check_batch};

/// Groups at a time; a client that makes up names shall not fill the memory.
const MAX_GROUPS: usize = 100_000;

/// Settings of the coordinator.
#[derive(Debug, Clone, Copy)]
pub struct GroupLimits {
    /// What joining depends on.
    pub join: JoinLimits,
    /// Shortest session time-out in ms.
    pub min_session_ms: i64,
    /// Longest session time-out in ms.
    pub max_session_ms: i64,
    /// Longest text that may be kept with an offset, in bytes.
    pub max_metadata: usize,
    /// Partitions of `__consumer_offsets`, used when it is created.
    pub journal_partitions: u32,
}

/// An answer that is true once the ticket is durable.
#[derive(Debug)]
pub struct Once<T> {
    value: T,
    safe: Ticket,
}

impl<T> Once<T> {
    /// The answer, when it is safe.
    ///
    /// # Errors
    /// The log folder failed first.
    pub async fn safe(self) -> Result<T, ErrorCode> {
        match self.safe.durable().await {
            Ok(()) => Ok(self.value),
            Err(_) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }
}

type JoinAnswer = Once<Result<Joined, JoinRefused>>;
type SyncAnswer = Once<Result<Synced, ErrorCode>>;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) groups: HashMap<String, Group>,
    joins: HashMap<Token, oneshot::Sender<JoinAnswer>>,
    syncs: HashMap<Token, oneshot::Sender<SyncAnswer>>,
    next_token: Token,
    /// How many members will come into groups, as was said of them and is not so yet.
    awaited: HashMap<String, usize>,
    /// When the timer wakes next, in ms.
    timer: Option<i64>,
    /// For each group the ticket of its last journal entry.
    pub(super) journaled: HashMap<String, Ticket>,
    /// What is held back for transactions.
    pub(super) pending: Pending,
}

/// The groups of this broker.
#[derive(Debug)]
pub struct Coordinator {
    limits: GroupLimits,
    pub(super) clock: Clock,
    pub(super) registry: Arc<Registry>,
    pub(super) state: Mutex<State>,
    earlier: Notify,
}

impl Coordinator {
    /// Loads the groups from the journal.
    ///
    /// # Errors
    /// The journal cannot be read; the text says where.
    pub fn load(limits: GroupLimits, clock: Clock, registry: Arc<Registry>) -> Result<Self, String> {
        let mut replay = Replay::default();
        for log in registry.get(OFFSETS_TOPIC).iter().flat_map(|topic| &topic.partitions).filter_map(|p| p.online()) {
            load_partition(&mut replay, log).map_err(|error| format!("{}: {error}", log.name()))?;
        }
        let Replay { mut groups, pending } = replay;
        groups.retain(|_, group: &mut Group| !group.is_disposable());
        let state = Mutex::new(State { groups, pending, ..State::default() });
        Ok(Self { limits, clock, registry, state, earlier: Notify::new() })
    }

    /// The settings.
    pub fn limits(&self) -> &GroupLimits {
        &self.limits
    }

    /// The journal's partition of a group; the topic is created if need be.
    pub(super) fn journal(&self, group: &str) -> Option<Arc<PartitionLog>> {
        self.registry.journal(OFFSETS_TOPIC, self.limits.journal_partitions, group)
    }

    /// True if groups can be served: the journal is there, or can be made.
    pub fn is_available(&self, group: &str) -> bool {
        self.journal(group).is_some()
    }

    /// Writes to the journal; gives the ticket that says when it is durable.
    pub(super) fn write(
        &self,
        state: &mut State,
        group: &str,
        fill: impl FnOnce(&mut Entry) -> Result<(), JournalError>,
    ) -> Result<Ticket, ErrorCode> {
        self.write_stamped(state, group, None, fill)
    }

    /// The same, with a stamp as a part of that producer's transaction.
    pub(super) fn write_stamped(
        &self,
        state: &mut State,
        group: &str,
        stamp: Option<ProducerStamp>,
        fill: impl FnOnce(&mut Entry) -> Result<(), JournalError>,
    ) -> Result<Ticket, ErrorCode> {
        let log = self.journal(group).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let now_ms = self.clock.wall_ms();
        let mut entry = Entry::new(now_ms);
        let batch = fill(&mut entry).and_then(|()| entry.finish(stamp)).map_err(|_| ErrorCode::INVALID_REQUEST)?;
        if batch.is_empty() {
            return Ok(state.journaled.get(group).cloned().unwrap_or(Ticket::DONE));
        }
        let header = check_batch(&batch).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let appended = log.append(&batch, &header, now_ms).map_err(|error| {
            tracing::warn!(group, %error, "group could not be written down");
            match error {
                AppendError::Sequence(SequenceError::Epoch { .. }) => ErrorCode::INVALID_PRODUCER_EPOCH,
                AppendError::Sequence(_) => ErrorCode::INVALID_TXN_STATE,
                _ => ErrorCode::COORDINATOR_NOT_AVAILABLE,
            }
        })?;
        state.journaled.insert(group.to_owned(), appended.ticket.clone());
        Ok(appended.ticket)
    }

    /// A member wants in; the answer comes when the generation begins.
    pub fn join(&self, name: &str, join: Join) -> oneshot::Receiver<JoinAnswer> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        let token = state.token();
        state.joins.insert(token, sender);
        let session = join.profile.session_timeout_ms;
        let refuse = |error| Effect::Join(token, Err(JoinRefused { error, member_id: join.member_id.clone() }));
        let effects = if !(self.limits.min_session_ms..=self.limits.max_session_ms).contains(&session) {
            vec![refuse(ErrorCode::INVALID_SESSION_TIMEOUT)]
        } else if !state.groups.contains_key(name) && !join.member_id.is_empty() {
            vec![refuse(ErrorCode::UNKNOWN_MEMBER_ID)]
        } else if !state.has_room(name) {
            vec![refuse(ErrorCode::GROUP_MAX_SIZE_REACHED)]
        } else {
            let limits = JoinLimits { awaited: state.awaited.get(name).copied(), ..self.limits.join };
            let group = state.groups.entry(name.to_owned()).or_default();
            let effects = group.join(self.clock.now_ms(), join, limits, token);
            if limits.awaited.is_some_and(|awaited| group.members.len() >= awaited) {
                state.awaited.remove(name);
            }
            effects
        };
        self.carry_out(&mut state, name, effects);
        receiver
    }

    /// That many members will come into a group, so that one that is empty need not wait for more.
    pub fn await_members(&self, name: &str, members: usize) {
        self.state.lock().awaited.insert(name.to_owned(), members);
    }

    /// A member asks for its assignment; the answer comes when the leader has brought it.
    pub fn sync(&self, name: &str, sync: Sync) -> oneshot::Receiver<SyncAnswer> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        let token = state.token();
        state.syncs.insert(token, sender);
        let effects = match state.groups.get_mut(name) {
            Some(group) => group.sync(self.clock.now_ms(), sync, token),
            None => vec![Effect::Sync(token, Err(ErrorCode::UNKNOWN_MEMBER_ID))],
        };
        self.carry_out(&mut state, name, effects);
        receiver
    }

    /// A sign of life.
    ///
    /// # Errors
    /// The code that tells the member what to do.
    pub fn heartbeat(
        &self,
        name: &str,
        member: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        let group = state.groups.get_mut(name).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        group.heartbeat(self.clock.now_ms(), member, instance, generation)
    }

    /// Members leave; the outcome of each.
    pub fn leave(&self, name: &str, members: &[(String, Option<String>)]) -> Vec<Result<(), ErrorCode>> {
        let mut state = self.state.lock();
        let now = self.clock.now_ms();
        let mut effects = Vec::new();
        let outcomes = members.iter().map(|(id, instance)| match state.groups.get_mut(name) {
            Some(group) => group.leave(now, id, instance.as_deref(), &mut effects),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        });
        let outcomes = outcomes.collect();
        self.carry_out(&mut state, name, effects);
        outcomes
    }

    /// A copy of a group.
    pub fn describe(&self, name: &str) -> Option<Group> {
        self.state.lock().groups.get(name).cloned()
    }

    /// Name, kind and state of every group.
    pub fn list(&self) -> Vec<(String, String, &'static str)> {
        let state = self.state.lock();
        let row = |(name, group): (&String, &Group)| (name.clone(), group.protocol_type.clone(), group.phase.name());
        let mut list: Vec<_> = state.groups.iter().map(row).collect();
        list.sort();
        list
    }

    /// Does what a step of a group asks for. Answers after a `Persist` wait until it is safe.
    fn carry_out(&self, state: &mut State, name: &str, effects: Vec<Effect>) {
        let mut safe = Ticket::DONE;
        let mut failed = false;
        for effect in effects {
            match effect {
                Effect::Persist => match self.persist(state, name) {
                    Ok(ticket) => safe = ticket,
                    Err(_) => failed = true,
                },
                Effect::Join(token, value) => {
                    let answer = Once { value, safe: safe.clone() };
                    if let Some(sender) = state.joins.remove(&token) {
                        sender.send(answer).ok();
                    }
                }
                Effect::Sync(token, value) => {
                    let value = if failed { Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) } else { value };
                    let answer = Once { value, safe: safe.clone() };
                    if let Some(sender) = state.syncs.remove(&token) {
                        sender.send(answer).ok();
                    }
                }
            }
        }
        self.settle(state, name);
    }

    fn persist(&self, state: &mut State, name: &str) -> Result<Ticket, ErrorCode> {
        let Some(group) = state.groups.remove(name) else { return Ok(Ticket::DONE) };
        let gone = group.is_disposable();
        let written = self.write(state, name, |entry| entry.group(name, (!gone).then_some(&group)));
        state.groups.insert(name.to_owned(), group);
        written
    }

    /// Lets go of a group that is nothing any more, and has the timer wake early enough for one that is.
    pub(super) fn settle(&self, state: &mut State, name: &str) {
        let Some(group) = state.groups.get(name) else { return };
        if group.is_disposable() {
            state.groups.remove(name);
            state.journaled.remove(name);
            return;
        }
        let deadline = group.next_deadline();
        if deadline.is_some_and(|deadline| state.timer.is_none_or(|timer| deadline < timer)) {
            state.timer = deadline;
            self.earlier.notify_one();
        }
    }

    /// Lets go of all requests that wait, because the broker stops.
    pub fn hang_up(&self) {
        let mut state = self.state.lock();
        state.joins.clear();
        state.syncs.clear();
    }
}

impl Timed for Coordinator {
    fn tick(self: &Arc<Self>) -> Option<i64> {
        let mut state = self.state.lock();
        let now = self.clock.now_ms();
        let due = |group: &Group| group.next_deadline().is_some_and(|deadline| deadline <= now);
        let names: Vec<String> = state.groups.iter().filter(|(_, g)| due(g)).map(|(name, _)| name.clone()).collect();
        for name in names {
            let effects = state.groups.get_mut(&name).map(|group| group.expire(now)).unwrap_or_default();
            self.carry_out(&mut state, &name, effects);
        }
        state.timer = state.groups.values().filter_map(Group::next_deadline).min();
        state.timer
    }

    async fn earlier(&self) {
        self.earlier.notified().await;
    }
}

impl State {
    /// Whether the group is there, or may be.
    pub(super) fn has_room(&self, name: &str) -> bool {
        self.groups.len() < MAX_GROUPS || self.groups.contains_key(name)
    }

    fn token(&mut self) -> Token {
        self.next_token += 1;
        // Whoever hung up does not wait any more.
        self.joins.retain(|_, sender| !sender.is_closed());
        self.syncs.retain(|_, sender| !sender.is_closed());
        self.next_token
    }
}

fn load_partition(known: &mut Replay, log: &Arc<PartitionLog>) -> Result<(), String> {
    let (_, partition) = log.key();
    replay(log, |batch| known.apply(partition, batch).map_err(|error| error.to_string()))
}
