//! Handing out the assignments of a generation.

use broker_wire::ErrorCode;
use bytes::Bytes;

use super::group::{Effect, Group, Phase, Synced, Token};

/// A SyncGroup request.
#[derive(Debug, Clone, Default)]
pub struct Sync {
    /// Generation that the member is in.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// Its instance id, if it is a static one.
    pub instance_id: Option<String>,
    /// Kind of group, if the client says it.
    pub protocol_type: Option<String>,
    /// Protocol that the group agreed on, if the client says it.
    pub protocol: Option<String>,
    /// From the leader: what each member is given.
    pub assignments: Vec<(String, Bytes)>,
}

impl Group {
    /// A member asks for its assignment; the leader brings them all.
    pub fn sync(&mut self, now: i64, sync: Sync, token: Token) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Err(error) = self.try_sync(now, sync, token, &mut effects) {
            effects.push(Effect::Sync(token, Err(error)));
        }
        effects
    }

    fn try_sync(&mut self, now: i64, sync: Sync, token: Token, effects: &mut Vec<Effect>) -> Result<(), ErrorCode> {
        self.check_member(&sync.member_id, sync.instance_id.as_deref())?;
        self.check_generation(sync.generation)?;
        let differs = |said: &Option<String>, agreed: &str| said.as_deref().is_some_and(|said| said != agreed);
        if differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol, &self.protocol) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let phase = self.phase;
        let Some(member) = self.members.get_mut(&sync.member_id) else { return Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        member.heard(now);
        match phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::Stable => {
                member.synced = true;
                effects.push(Effect::Sync(token, Ok(self.synced(&sync.member_id))));
            }
            Phase::CompletingRebalance => {
                member.synced = true;
                let replaced = member.syncing.replace(token);
                effects.extend(replaced.map(|old| Effect::Sync(old, Err(ErrorCode::REBALANCE_IN_PROGRESS))));
                if self.leader.as_ref() == Some(&sync.member_id) {
                    self.assign(now, sync.assignments, effects);
                }
            }
        }
        Ok(())
    }

    /// The leader's assignments are there: the group is stable once they are written down. Members that the leader left
    /// out get an empty one.
    fn assign(&mut self, now: i64, assignments: Vec<(String, Bytes)>, effects: &mut Vec<Effect>) {
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        // Who has not asked for its assignment yet has as long as before.
        effects.push(Effect::Persist);
        let mut tokens = Vec::new();
        for member in self.members.values_mut() {
            if let Some(token) = member.syncing.take() {
                member.heard(now);
                tokens.push((token, member.id.clone()));
            }
        }
        self.phase_deadline = None;
        for (token, id) in tokens {
            effects.push(Effect::Sync(token, Ok(self.synced(&id))));
        }
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// The phase took too long: members that did not ask for their assignment are taken for dead.
    pub(super) fn remove_unsynced(&mut self, now: i64, effects: &mut Vec<Effect>) {
        let late: Vec<String> =
            self.members.values().filter(|member| !member.synced).map(|member| member.id.clone()).collect();
        self.phase_deadline = None;
        for id in late {
            self.remove(&id, now, effects);
        }
    }
}
