//! A worker's part: what it says when it joins, what it makes of a plan, what it takes in until the next one.

use std::collections::BTreeSet;

use super::{Item, Items, Plan, WorkerInfo};
use crate::herd::standing::{Peer, Standing};

/// Something that came to be in the config topic, and the offset of the record that made it be.
pub type Birth = (i64, Item);

/// A worker's part in the herd. Reads no clock and talks to nobody.
#[derive(Debug)]
pub struct Seat {
    me: Peer,
    standing: Option<Standing>,
    /// Up to which offset of the config topic births are shared out.
    births_to: i64,
    /// It has said what it runs, and waits for the plan: until then it takes nothing new.
    joining: bool,
    /// What it said.
    claimed: BTreeSet<Item>,
}

impl Seat {
    /// Of a worker that has not joined yet.
    pub fn of(me: Peer) -> Seat {
        Seat { me, standing: None, births_to: 0, joining: false, claimed: BTreeSet::new() }
    }

    /// The herd as this worker knows it; `None` while it has no place.
    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// From which offset of the config topic on births are still to be taken in.
    pub fn births_to(&self) -> i64 {
        self.births_to
    }

    /// The worker is about to join again. Until the plan comes it takes nothing new, and does not start again what was deleted. It is
    /// asked what it runs only after that, and then it [joins](Seat::join).
    pub fn prepare(&mut self, wanted: &BTreeSet<Item>) {
        self.joining = true;
        if let Some(standing) = &mut self.standing {
            standing.ownership.forget(standing.me, |item| !wanted.contains(item));
        }
    }

    /// What the worker says to join, or to join again. `running` is all that it has not stopped yet; what it was given
    /// and has not started yet counts too.
    pub fn join(&mut self, config_offset: i64, running: Items) -> WorkerInfo {
        let mut runs = running;
        if let Some(standing) = &self.standing {
            for item in standing.ownership.items_of(standing.me) {
                runs.entry(item.clone()).or_insert_with(|| item.base_weight());
            }
        }
        self.joining = true;
        self.claimed = runs.keys().cloned().collect();
        let generation = self.standing.as_ref().map_or(-1, |standing| standing.generation);
        WorkerInfo { peer: self.me.clone(), config_offset, generation, runs }
    }

    /// Takes a plan in, and what came to be since. True if there is something to stop, after which the worker joins
    /// again; so does everybody then. `None` if the plan does not know this worker.
    pub fn assigned(&mut self, generation: i32, member_id: &str, plan: &Plan, births: &[Birth]) -> Option<bool> {
        let me = plan.members.iter().position(|member| member.id == member_id)?;
        let members = plan.members.iter().map(|member| member.peer.clone()).collect();
        let standing = Standing { generation, members, me, leader: plan.leader, ownership: plan.ownership() };
        let gives_up = plan.moving.keys().any(|item| self.claimed.contains(item));
        self.standing = Some(standing);
        self.births_to = plan.config_offset;
        self.joining = false;
        self.born(births);
        Some(gives_up)
    }

    /// Takes in what has come to be, in the order of the topic. True if that changes anything.
    pub fn born(&mut self, births: &[Birth]) -> bool {
        let Some(standing) = self.standing.as_mut().filter(|_| !self.joining) else { return false };
        let from = self.births_to;
        let mut news = births.iter().filter(|(offset, _)| *offset >= from).peekable();
        let changed = news.peek().is_some();
        for (offset, item) in news {
            standing.ownership.born(item);
            self.births_to = *offset + 1;
        }
        changed
    }

    /// The place is lost: nothing is this worker's any more.
    pub fn lost(&mut self) {
        self.standing = None;
        self.joining = false;
        self.claimed.clear();
    }
}
