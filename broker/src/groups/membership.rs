//! Joining a group, and how a generation begins.

use std::collections::BTreeMap;

use broker_wire::ErrorCode;
use bytes::Bytes;

use super::group::{Effect, Group, JoinRefused, Joined, Phase, Token, refuse_waiting};
use super::member::{Member, Profile};

/// A JoinGroup request.
#[derive(Debug, Clone)]
pub struct Join {
    /// The member's id, empty if it has none yet.
    pub member_id: String,
    /// A new id that nobody else has, for a member without one.
    pub fresh_id: String,
    /// Kind of group.
    pub protocol_type: String,
    /// What the member brings along.
    pub profile: Profile,
    /// The client can come back with an id that it is given (version 4).
    pub id_first: bool,
    /// The client understands that a leader need not compute assignments (version 9).
    pub can_skip_assignment: bool,
}

/// Settings that joining depends on.
#[derive(Debug, Clone, Copy)]
pub struct JoinLimits {
    /// How long in ms an empty group waits for more members after the first.
    pub initial_delay_ms: i64,
    /// How many members end that wait, because no more will come; `None` if nobody has said.
    pub awaited: Option<usize>,
    /// Most members.
    pub max_size: usize,
}

impl Group {
    /// A member wants in.
    pub fn join(&mut self, now: i64, join: Join, limits: JoinLimits, token: Token) -> Vec<Effect> {
        let mut effects = Vec::new();
        let member_id = join.member_id.clone();
        if let Err(error) = self.try_join(now, join, limits, token, &mut effects) {
            effects.push(Effect::Join(token, Err(JoinRefused { error, member_id })));
        }
        effects
    }

    fn try_join(
        &mut self,
        now: i64,
        join: Join,
        limits: JoinLimits,
        token: Token,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if !self.accepts_protocols(&join) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let known_instance = join.profile.instance_id.as_ref().and_then(|id| self.statics.get(id)).cloned();
        match known_instance {
            Some(old_id) if join.member_id.is_empty() => self.replace_static(now, &old_id, join, token, effects),
            _ if join.member_id.is_empty() => self.join_new(now, join, limits, token, effects)?,
            _ if self.expected.remove(&join.member_id).is_some() => {
                let id = join.member_id.clone();
                self.add(now, id, join, limits, token, effects);
            }
            _ => self.rejoin(now, join, token, effects)?,
        }
        Ok(())
    }

    fn accepts_protocols(&self, join: &Join) -> bool {
        if join.protocol_type.is_empty() || join.profile.protocols.is_empty() {
            return false;
        }
        let others: Vec<&Member> = self.members.values().filter(|member| member.id != join.member_id).collect();
        let common = |name: &str| others.iter().all(|member| member.supports(name));
        let same_type = self.members.is_empty() || self.protocol_type == join.protocol_type;
        same_type && join.profile.protocols.iter().any(|(name, _)| common(name))
    }

    fn join_new(
        &mut self,
        now: i64,
        join: Join,
        limits: JoinLimits,
        token: Token,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if self.members.len() + self.expected.len() >= limits.max_size {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let id = join.fresh_id.clone();
        if join.id_first && join.profile.instance_id.is_none() {
            self.expected.insert(id.clone(), now + join.profile.session_timeout_ms);
            let refused = JoinRefused { error: ErrorCode::MEMBER_ID_REQUIRED, member_id: id };
            effects.push(Effect::Join(token, Err(refused)));
            return Ok(());
        }
        self.add(now, id, join, limits, token, effects);
        Ok(())
    }

    fn add(&mut self, now: i64, id: String, join: Join, limits: JoinLimits, token: Token, effects: &mut Vec<Effect>) {
        self.protocol_type = join.protocol_type;
        if let Some(instance) = &join.profile.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        let mut member = Member::new(id.clone(), join.profile, now);
        member.joining = Some(token);
        self.members.insert(id.clone(), member);
        self.leader.get_or_insert(id);
        self.gather(now, limits);
        match self.phase {
            Phase::PreparingRebalance => self.try_complete_join(now, effects),
            _ => self.prepare_rebalance(now, effects),
        }
    }

    /// A group that was empty waits a little for more members, again with each that comes, unless all are there.
    fn gather(&mut self, now: i64, limits: JoinLimits) {
        if limits.awaited.is_some_and(|awaited| self.members.len() >= awaited) {
            self.gathering = None;
            return;
        }
        let delay_ms = limits.initial_delay_ms;
        match &mut self.gathering {
            Some((until, latest)) => *until = (now + delay_ms).min(*latest),
            None if self.phase == Phase::Empty && delay_ms > 0 => {
                self.gathering = Some((now + delay_ms, now + self.max_rebalance_timeout().max(delay_ms)));
            }
            None => {}
        }
    }

    /// A member that is in the group joins again.
    fn rejoin(&mut self, now: i64, join: Join, token: Token, effects: &mut Vec<Effect>) -> Result<(), ErrorCode> {
        self.check_member(&join.member_id, join.profile.instance_id.as_deref())?;
        let is_leader = self.leader.as_deref() == Some(&join.member_id);
        let unchanged =
            self.members.get(&join.member_id).is_some_and(|m| m.profile.protocols == join.profile.protocols);
        let again = match self.phase {
            Phase::CompletingRebalance => unchanged,
            Phase::Stable => unchanged && !is_leader,
            Phase::PreparingRebalance | Phase::Empty => false,
        };
        if again {
            // The answer was lost on the way: it is given again.
            if let Some(member) = self.members.get_mut(&join.member_id) {
                member.heard(now);
            }
            effects.push(Effect::Join(token, Ok(self.joined(&join.member_id))));
            return Ok(());
        }
        if let Some(member) = self.members.get_mut(&join.member_id) {
            let replaced = member.joining.replace(token);
            let refused = JoinRefused { error: ErrorCode::REBALANCE_IN_PROGRESS, member_id: join.member_id.clone() };
            effects.extend(replaced.map(|old| Effect::Join(old, Err(refused))));
            member.profile = join.profile;
            member.heard(now);
        }
        match self.phase {
            Phase::PreparingRebalance => self.try_complete_join(now, effects),
            _ => self.prepare_rebalance(now, effects),
        }
        Ok(())
    }

    /// A static member comes back without its id: it gets a new one and its old self is fenced. In a stable group
    /// nothing else changes, if the group would still agree on the same protocol.
    fn replace_static(&mut self, now: i64, old_id: &str, join: Join, token: Token, effects: &mut Vec<Effect>) {
        let Some(mut member) = self.members.remove(old_id) else { return };
        refuse_waiting(&member, ErrorCode::FENCED_INSTANCE_ID, effects);
        let id = join.fresh_id;
        let was_leader = self.leader.as_deref() == Some(old_id);
        if let Some(instance) = &join.profile.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        if was_leader {
            self.leader = Some(id.clone());
        }
        member.id.clone_from(&id);
        member.profile = join.profile;
        (member.joining, member.syncing) = (Some(token), None);
        member.heard(now);
        self.members.insert(id.clone(), member);
        match self.phase {
            Phase::Stable if self.select_protocol() == self.protocol => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.joining = None;
                }
                let mut joined = self.joined(&id);
                if was_leader && join.can_skip_assignment {
                    joined.skip_assignment = true;
                } else if was_leader {
                    // An older client would assign anew as the leader; told another leader it just asks for its part.
                    old_id.clone_into(&mut joined.leader);
                    joined.members.clear();
                }
                effects.push(Effect::Persist);
                effects.push(Effect::Join(token, Ok(joined)));
            }
            Phase::PreparingRebalance => self.try_complete_join(now, effects),
            _ => self.prepare_rebalance(now, effects),
        }
    }

    /// Asks everybody to join the next generation.
    pub(super) fn prepare_rebalance(&mut self, now: i64, effects: &mut Vec<Effect>) {
        for member in self.members.values_mut() {
            let error = ErrorCode::REBALANCE_IN_PROGRESS;
            effects.extend(member.syncing.take().map(|token| Effect::Sync(token, Err(error))));
        }
        self.phase = Phase::PreparingRebalance;
        self.phase_deadline = Some(now + self.max_rebalance_timeout());
        self.try_complete_join(now, effects);
    }

    /// Begins the generation if everybody is there.
    pub(super) fn try_complete_join(&mut self, now: i64, effects: &mut Vec<Effect>) {
        let everybody = self.members.values().all(|member| member.joining.is_some());
        let ready = everybody && self.expected.is_empty() && self.gathering.is_none();
        if self.phase == Phase::PreparingRebalance && (ready || self.members.is_empty()) {
            self.complete_join(now, effects);
        }
    }

    /// Begins the generation with those that are there. Static members that are not there keep their place until their
    /// session ends, but at least one member must be there.
    pub(super) fn complete_join(&mut self, now: i64, effects: &mut Vec<Effect>) {
        self.members.retain(|_, member| member.joining.is_some() || member.is_static());
        let there = self.members.values().find(|member| member.joining.is_some()).map(|member| member.id.clone());
        if there.is_none() && !self.members.is_empty() {
            self.phase_deadline = Some(now + self.max_rebalance_timeout());
            return;
        }
        let leads = |id: &String| self.members.get(id).is_some_and(|member| member.joining.is_some());
        self.leader = self.leader.take().filter(leads).or(there);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.gathering = None;
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.phase_deadline = None;
            self.protocol.clear();
            effects.push(Effect::Persist);
            return;
        }
        self.protocol = self.select_protocol();
        self.phase = Phase::CompletingRebalance;
        self.phase_deadline = Some(now + self.max_rebalance_timeout());
        self.answer_joins(now, effects);
    }

    fn answer_joins(&mut self, now: i64, effects: &mut Vec<Effect>) {
        let mut tokens = Vec::new();
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            member.synced = false;
            member.heard(now);
            tokens.extend(member.joining.take().map(|token| (token, member.id.clone())));
        }
        for (token, id) in tokens {
            effects.push(Effect::Join(token, Ok(self.joined(&id))));
        }
    }

    /// The answer to a member of the present generation.
    fn joined(&self, member_id: &str) -> Joined {
        let leader = self.leader.clone().unwrap_or_default();
        let list =
            |member: &Member| (member.id.clone(), member.profile.instance_id.clone(), member.metadata(&self.protocol));
        let members = if leader == member_id { self.members.values().map(list).collect() } else { Vec::new() };
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader,
            member_id: member_id.to_owned(),
            members,
            skip_assignment: false,
        }
    }

    /// The protocol that most members like best among those that all can use.
    fn select_protocol(&self) -> String {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let names = member.profile.protocols.iter().map(|(name, _)| name.as_str());
            let usable = |name: &&str| self.members.values().all(|other| other.supports(name));
            if let Some(best) = names.into_iter().find(usable) {
                *votes.entry(best).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(name, _)| name.to_owned())
    }
}
