//! The state machine of one classic group.
//!
//! Follows the group protocol of Kafka's coordinator: KIP-62 (time-outs), KIP-345 (static members), KIP-394 (member id
//! first), KIP-814 (static leader keeps its assignment).

use std::collections::{BTreeMap, HashMap};

use broker_wire::ErrorCode;
use bytes::Bytes;

use super::member::Member;
use super::pending::Offsets;

/// A request that waits for its answer.
pub type Token = u64;

/// Where a group is between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No members; there may be offsets.
    Empty,
    /// Members are asked to join the next generation.
    PreparingRebalance,
    /// The generation has begun, its assignments are not there yet.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
}

impl Phase {
    /// Kafka's name of the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// The answer to a JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The generation that was entered.
    pub generation: i32,
    /// Kind of group.
    pub protocol_type: String,
    /// Protocol that the members agreed on.
    pub protocol: String,
    /// Member id of the leader.
    pub leader: String,
    /// The member's own id.
    pub member_id: String,
    /// Everybody, for the leader only: id, instance id, metadata.
    pub members: Vec<(String, Option<String>, Bytes)>,
    /// The leader need not compute assignments.
    pub skip_assignment: bool,
}

/// A refused JoinGroup: the code, and the member id to come back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRefused {
    /// What is wrong.
    pub error: ErrorCode,
    /// The member's id; a new one with MEMBER_ID_REQUIRED.
    pub member_id: String,
}

/// The answer to a SyncGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Kind of group.
    pub protocol_type: String,
    /// Protocol that the members agreed on.
    pub protocol: String,
    /// What the member was given.
    pub assignment: Bytes,
}

/// What follows from a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Answer a JoinGroup.
    Join(Token, Result<Joined, JoinRefused>),
    /// Answer a SyncGroup.
    Sync(Token, Result<Synced, ErrorCode>),
    /// Write the group down; answers after this one wait until it is safe.
    Persist,
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch of the last record read, -1 if unknown.
    pub leader_epoch: i32,
    /// Any text of the reader's.
    pub metadata: String,
}

/// One group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where it is between two generations.
    pub phase: Phase,
    /// Number of the generation.
    pub generation: i32,
    /// Kind of group; empty before the first member.
    pub protocol_type: String,
    /// Protocol that the members agreed on; empty without members.
    pub protocol: String,
    /// Member id of the leader.
    pub leader: Option<String>,
    /// The members by id.
    pub members: BTreeMap<String, Member>,
    /// Committed offsets by topic and partition.
    pub offsets: Offsets,
    /// Offsets that are held back until a transaction is over, by its producer's id.
    pub pending: BTreeMap<i64, Offsets>,
    /// Member ids by instance id.
    pub(super) statics: HashMap<String, String>,
    /// Ids that were given out and not used yet, and until when they may be.
    pub(super) expected: HashMap<String, i64>,
    /// When the phase ends by itself.
    pub(super) phase_deadline: Option<i64>,
    /// Until when a group that was empty waits for more members, and the latest time for that.
    pub(super) gathering: Option<(i64, i64)>,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: None,
            members: BTreeMap::new(),
            offsets: BTreeMap::new(),
            pending: BTreeMap::new(),
            statics: HashMap::new(),
            expected: HashMap::new(),
            phase_deadline: None,
            gathering: None,
        }
    }
}

impl Group {
    /// True if nothing would be lost with the group.
    pub fn is_disposable(&self) -> bool {
        let holds_nothing = self.offsets.is_empty() && self.pending.is_empty();
        self.phase == Phase::Empty && holds_nothing && self.expected.is_empty()
    }

    /// The next time at which [`expire`](Self::expire) has something to do.
    pub fn next_deadline(&self) -> Option<i64> {
        let members = self.members.values().filter(|member| !member.is_waiting()).map(|member| member.deadline);
        let expected = self.expected.values().copied();
        let gathering = self.gathering.map(|(until, _)| until);
        members.chain(expected).chain(self.phase_deadline).chain(gathering).min()
    }

    /// Does what time asks for: members that are silent, phases that took too long.
    pub fn expire(&mut self, now: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let expected = self.expected.len();
        self.expected.retain(|_, deadline| *deadline > now);
        let silent = |member: &&Member| !member.is_waiting() && member.deadline <= now;
        let silent: Vec<String> = self.members.values().filter(silent).map(|member| member.id.clone()).collect();
        for id in silent {
            self.remove(&id, now, &mut effects);
        }
        if self.gathering.is_some_and(|(until, _)| until <= now) {
            self.gathering = None;
            self.try_complete_join(now, &mut effects);
        }
        if self.expected.len() < expected {
            self.try_complete_join(now, &mut effects);
        }
        if self.phase_deadline.is_some_and(|deadline| deadline <= now) {
            match self.phase {
                Phase::PreparingRebalance => self.complete_join(now, &mut effects),
                Phase::CompletingRebalance => self.remove_unsynced(now, &mut effects),
                Phase::Empty | Phase::Stable => self.phase_deadline = None,
            }
        }
        effects
    }

    /// A sign of life.
    ///
    /// # Errors
    /// The code that tells the member what to do.
    pub fn heartbeat(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.hear(now, member_id, instance_id, generation)?;
        if self.phase == Phase::PreparingRebalance { Err(ErrorCode::REBALANCE_IN_PROGRESS) } else { Ok(()) }
    }

    /// Something came from a member.
    ///
    /// # Errors
    /// It is none, or of another generation.
    pub(super) fn hear(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.check_member(member_id, instance_id)?;
        self.check_generation(generation)?;
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(now);
        }
        Ok(())
    }

    /// Whether offsets may be committed in the name of a member, or of nobody (generation -1, no member id).
    ///
    /// # Errors
    /// The code that tells the caller what is wrong.
    pub fn check_commit(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            let free = self.phase == Phase::Empty;
            return if free { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        }
        self.check_member(member_id, instance_id)?;
        self.check_generation(generation)?;
        if self.phase == Phase::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(now);
        }
        Ok(())
    }

    /// Ends a membership: by member id, or of a static member by its instance id alone.
    ///
    /// # Errors
    /// There is no such member.
    pub fn leave(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&str>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let id = match instance_id {
            Some(instance) if member_id.is_empty() => {
                self.statics.get(instance).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
            }
            _ => member_id.to_owned(),
        };
        if self.expected.remove(&id).is_some() {
            self.try_complete_join(now, effects);
            return Ok(());
        }
        self.check_member(&id, instance_id)?;
        self.remove(&id, now, effects);
        Ok(())
    }

    pub(super) fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance_id {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(current) if current != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    pub(super) fn check_generation(&self, generation: i32) -> Result<(), ErrorCode> {
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    /// Takes a member out, answers what it waits for, and lets the others rebalance.
    pub(super) fn remove(&mut self, id: &str, now: i64, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.profile.instance_id {
            self.statics.remove(instance);
        }
        refuse_waiting(&member, ErrorCode::UNKNOWN_MEMBER_ID, effects);
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        match self.phase {
            Phase::Stable | Phase::CompletingRebalance => self.prepare_rebalance(now, effects),
            Phase::PreparingRebalance => self.try_complete_join(now, effects),
            Phase::Empty => {}
        }
    }

    pub(super) fn max_rebalance_timeout(&self) -> i64 {
        self.members.values().map(|member| member.profile.rebalance_timeout_ms).max().unwrap_or(0)
    }
}

/// Answers whatever a member waits for with an error.
pub(super) fn refuse_waiting(member: &Member, error: ErrorCode, effects: &mut Vec<Effect>) {
    let refused = JoinRefused { error, member_id: member.id.clone() };
    effects.extend(member.joining.map(|token| Effect::Join(token, Err(refused))));
    effects.extend(member.syncing.map(|token| Effect::Sync(token, Err(error))));
}
