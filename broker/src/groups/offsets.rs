//! Committed offsets: written to the journal first, then shown. [`OffsetFetch`](crate::handlers::offset_fetch) waits for
//! what it shows to be safe.

use std::collections::{BTreeMap, BTreeSet};

use broker_wire::ErrorCode;

use super::coordinator::Coordinator;
use super::group::{Committed, Group};
use super::pending::Offsets;
use crate::log::committer::Ticket;

/// What is known of a group's offsets.
#[derive(Debug, Clone)]
pub struct Known {
    /// The offsets by topic and partition.
    pub offsets: Offsets,
    /// Those that a transaction may still change.
    pub pending: BTreeSet<(String, i32)>,
    /// All of this is safe when the ticket is durable.
    pub safe: Ticket,
}

impl Coordinator {
    /// Commits offsets in the name of a member, or of nobody; safe when the ticket is durable.
    ///
    /// # Errors
    /// Nothing was committed.
    pub fn commit(
        &self,
        name: &str,
        (member, instance, generation): (&str, Option<&str>, i32),
        offsets: Vec<((String, i32), Committed)>,
    ) -> Result<Ticket, ErrorCode> {
        let mut state = self.state.lock();
        let known = state.groups.contains_key(name);
        if !known && generation >= 0 {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if !state.has_room(name) {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let mut fresh = Group::default();
        let group = state.groups.get_mut(name).unwrap_or(&mut fresh);
        group.check_commit(self.clock.now_ms(), member, instance, generation)?;
        let ticket = self.write(&mut state, name, |entry| {
            offsets
                .iter()
                .try_for_each(|((topic, partition), committed)| entry.offset(name, topic, *partition, Some(committed)))
        })?;
        let group = state.groups.entry(name.to_owned()).or_default();
        offsets.into_iter().for_each(|(at, committed)| group.show(at, committed));
        Ok(ticket)
    }

    /// What a group has committed; nothing if there is no such group.
    pub fn offsets(&self, name: &str) -> Known {
        let state = self.state.lock();
        let group = state.groups.get(name);
        Known {
            offsets: group.map(|group| group.offsets.clone()).unwrap_or_default(),
            pending: group
                .into_iter()
                .flat_map(|group| group.pending.values())
                .flat_map(BTreeMap::keys)
                .cloned()
                .collect(),
            safe: state.journaled.get(name).cloned().unwrap_or(Ticket::DONE),
        }
    }

    /// Deletes the offsets that `doomed` picks; gives the outcome of each that was asked for.
    ///
    /// # Errors
    /// There is no such group, or nothing could be written.
    pub fn delete_offsets(
        &self,
        name: &str,
        wanted: &[(String, i32)],
        is_subscribed: impl Fn(&Group, &str) -> bool,
    ) -> Result<(Vec<ErrorCode>, Ticket), ErrorCode> {
        let mut state = self.state.lock();
        let group = state.groups.get(name).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let outcome = |(topic, _): &(String, i32)| {
            if is_subscribed(group, topic) { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE }
        };
        let outcomes: Vec<ErrorCode> = wanted.iter().map(outcome).collect();
        let doomed: Vec<_> =
            wanted.iter().zip(&outcomes).filter(|(_, code)| code.is_none()).map(|(at, _)| at).collect();
        let is_there = |at: &&&(String, i32)| group.offsets.contains_key(**at) || group.is_pending(at);
        let there: Vec<_> = doomed.iter().filter(is_there).copied().collect();
        let ticket = self.write(&mut state, name, |entry| {
            there.iter().try_for_each(|(topic, partition)| entry.offset(name, topic, *partition, None))
        })?;
        if let Some(group) = state.groups.get_mut(name) {
            there.iter().for_each(|at| group.forget(at));
        }
        Ok((outcomes, ticket))
    }

    /// Deletes a group without members; safe when the ticket is durable.
    ///
    /// # Errors
    /// There is no such group, or it has members.
    pub fn delete(&self, name: &str) -> Result<Ticket, ErrorCode> {
        let mut state = self.state.lock();
        let group = state.groups.get(name).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if !group.members.is_empty() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let at: Vec<_> = group.offsets.keys().cloned().collect();
        let ticket = self.write(&mut state, name, |entry| {
            at.iter().try_for_each(|(topic, partition)| entry.offset(name, topic, *partition, None))?;
            entry.group(name, None)
        })?;
        state.groups.remove(name);
        state.journaled.remove(name);
        Ok(ticket)
    }

    /// Forgets the offsets of topics that were deleted, as Kafka does.
    pub fn forget_topic(&self, topic: &str) {
        let mut state = self.state.lock();
        let names: Vec<String> = state.groups.keys().cloned().collect();
        for name in names {
            let group = &state.groups[&name];
            let held = group.pending.values().flat_map(BTreeMap::keys);
            let gone: BTreeSet<_> =
                group.offsets.keys().chain(held).filter(|(name, _)| name == topic).cloned().collect();
            let written = self.write(&mut state, &name, |entry| {
                gone.iter().try_for_each(|(topic, partition)| entry.offset(&name, topic, *partition, None))
            });
            if written.is_ok()
                && let Some(group) = state.groups.get_mut(&name)
            {
                gone.iter().for_each(|at| group.forget(at));
            }
        }
    }
}
