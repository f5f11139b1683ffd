//! Who runs what, from one decision of the leader to the next.
//!
//! The leader decides when workers come and go. What users create in between needs no decision: every worker takes in the
//! same births, in the order of the config topic, and gives each to the worker that has least by then. So all agree, and
//! a new connector disturbs nobody.

use std::collections::{HashMap, HashSet};

use super::Item;

/// Who runs what, by the member's place in the list of members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ownership {
    owners: HashMap<Item, usize>,
    /// What a worker is to stop before it is given to anybody.
    moving: HashSet<Item>,
    loads: Vec<f64>,
}

impl Ownership {
    /// Of that many members, which run nothing yet.
    pub fn of(members: usize) -> Ownership {
        Ownership { owners: HashMap::new(), moving: HashSet::new(), loads: vec![0.0; members] }
    }

    /// Gives an item to a member.
    pub fn give(&mut self, item: Item, member: usize, weight: f64) {
        if let Some(load) = self.loads.get_mut(member) {
            *load += weight;
            self.owners.insert(item, member);
        }
    }

    /// Gives an item to nobody until the next decision, whatever comes to be meanwhile: its worker is still stopping it.
    pub fn keep_from_all(&mut self, item: Item) {
        self.moving.insert(item);
    }

    /// Takes from a member what is over: if it comes to be again, it is nobody's until the next decision.
    pub fn forget(&mut self, member: usize, is_over: impl Fn(&Item) -> bool) {
        self.owners.retain(|item, owner| *owner != member || !is_over(item));
    }

    /// Takes in an item that has come to be. One that was there before stays where it was, and one that moves is nobody's, so that
    /// what is left of an old life and the new one never run on two workers.
    pub fn born(&mut self, item: &Item) {
        if self.owners.contains_key(item) || self.moving.contains(item) {
            return;
        }
        let siblings = self.siblings(item.connector());
        let key = |member: &usize| (self.loads[*member], siblings[*member]);
        let chosen = (0..self.loads.len()).min_by(|one, other| {
            let ((load, count), (other_load, other_count)) = (key(one), key(other));
            load.total_cmp(&other_load).then(count.cmp(&other_count)).then(one.cmp(other))
        });
        if let Some(member) = chosen {
            self.give(item.clone(), member, item.base_weight());
        }
    }

    /// How many items of a connector each member has.
    fn siblings(&self, connector: &str) -> Vec<usize> {
        let mut counts = vec![0; self.loads.len()];
        self.owners.iter().filter(|(item, _)| item.connector() == connector).for_each(|(_, owner)| counts[*owner] += 1);
        counts
    }

    /// The member that runs an item; `None` while it is being handed over or waits for its worker to come back.
    pub fn owner(&self, item: &Item) -> Option<usize> {
        self.owners.get(item).copied()
    }

    /// What a member runs.
    pub fn items_of(&self, member: usize) -> impl Iterator<Item = &Item> {
        self.owners.iter().filter(move |(_, owner)| **owner == member).map(|(item, _)| item)
    }

    /// What each member carries.
    pub fn loads(&self) -> &[f64] {
        &self.loads
    }
}
