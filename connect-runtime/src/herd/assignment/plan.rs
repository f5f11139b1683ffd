//! What the leader decides.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::packed::{items_of_json, items_to_json, pack, text, unpack};
use super::worker_info::{peer_of_json, peer_to_json};
use super::{Item, Items, Measured, Ownership};
use crate::herd::standing::Peer;

/// What the leader decides for all members. Each of them gets the whole, so that any of them can lead next, and knows
/// where everything runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// How far the config topic had been read. What came to be later is shared out by [`Ownership::born`].
    pub config_offset: i64,
    /// The members.
    pub members: Vec<Member>,
    /// The leader's place among them.
    pub leader: usize,
    /// What its worker is to stop, so that another one can be given it in the next round.
    pub moving: Items,
    /// What nobody runs, because its worker may come back.
    pub waiting: Vec<Waiting>,
    /// Until when that waits, in milliseconds since 1970-01-01 UTC.
    pub wait_until_ms: Option<i64>,
}

/// A member, and what it runs from now on. What it ran before and does not find here it stops, and joins again.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its id in the group.
    pub id: String,
    /// Who it is, and where.
    pub peer: Peer,
    /// What it runs. What is not wanted any more and may not have stopped there yet weighs 0: if it comes to be again before
    /// the next plan, then there.
    pub items: Items,
}

/// What waits for its worker to come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// What waits.
    pub item: Item,
    /// What it weighs.
    pub weight: f64,
    /// The worker, by its `host:port`.
    pub worker_id: String,
}

impl Plan {
    /// As it stands in a sync request.
    pub fn to_bytes(&self) -> Vec<u8> {
        let member = |member: &Member| {
            let mut json = peer_to_json(&member.peer);
            json["id"] = json!(member.id);
            json["items"] = items_to_json(&member.items);
            json
        };
        let waiting = |waiting: &Waiting| {
            let items = Items::from([(waiting.item.clone(), waiting.weight)]);
            json!({ "item": items_to_json(&items), "worker": waiting.worker_id })
        };
        pack(&json!({
            "config-offset": self.config_offset,
            "members": self.members.iter().map(member).collect::<Vec<_>>(),
            "leader": self.leader,
            "moving": items_to_json(&self.moving),
            "waiting": self.waiting.iter().map(waiting).collect::<Vec<_>>(),
            "wait-until": self.wait_until_ms,
        }))
    }

    /// Reads a sync answer; `None` if it is no plan.
    pub fn from_bytes(bytes: &[u8]) -> Option<Plan> {
        let json = unpack(bytes)?;
        let list = |name| json.get(name).and_then(Json::as_array).into_iter().flatten();
        let member = |json: &Json| Member {
            id: text(json, "id"),
            peer: peer_of_json(json),
            items: items_of_json(json.get("items")),
        };
        let waiting = |json: &Json| {
            let (item, weight) = items_of_json(json.get("item")).pop_first()?;
            Some(Waiting { item, weight, worker_id: text(json, "worker") })
        };
        Some(Plan {
            config_offset: json.get("config-offset")?.as_i64()?,
            members: list("members").map(member).collect(),
            leader: json.get("leader")?.as_u64()? as usize,
            moving: items_of_json(json.get("moving")),
            waiting: list("waiting").filter_map(waiting).collect(),
            wait_until_ms: json.get("wait-until").and_then(Json::as_i64),
        })
    }

    /// What everything in it weighs that is wanted.
    pub fn weights(&self) -> HashMap<&Item, f64> {
        let given = self.members.iter().flat_map(|member| &member.items).chain(&self.moving);
        let given = given.filter(|(_, weight)| **weight > 0.0).map(|(item, weight)| (item, *weight));
        given.chain(self.waiting.iter().map(|waiting| (&waiting.item, waiting.weight))).collect()
    }

    /// Who runs what by this plan.
    pub fn ownership(&self) -> Ownership {
        let mut ownership = Ownership::of(self.members.len());
        for (place, member) in self.members.iter().enumerate() {
            member.items.iter().for_each(|(item, weight)| ownership.give(item.clone(), place, *weight));
        }
        self.moving.keys().for_each(|item| ownership.keep_from_all(item.clone()));
        ownership
    }
}

/// What a worker says that it carries: what has not run there for long enough to be measured weighs what the plan says, and what
/// the plan does not have either weighs as little as anything can.
pub fn weighed(running: Measured, plan: Option<&Plan>) -> Items {
    let planned = plan.map(Plan::weights).unwrap_or_default();
    let weight = |(item, measured): (Item, Option<f64>)| {
        let weight = measured.or_else(|| planned.get(&item).copied()).unwrap_or_else(|| item.base_weight());
        (item, weight)
    };
    running.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::super::simulation::peer;
    use super::*;

    #[test]
    fn tasks_that_use_little_weigh_the_same_and_young_ones_what_they_weighed_before() {
        let task = |number| Item::Task("a".into(), number);
        assert_eq!([0.0, 0.019, 0.5, 1.0].map(|cores| task(0).weight_with(cores)), [1.0, 1.0, 25.0, 50.0]);
        let items = [(task(0), 7.0), (task(1), 8.0)].into();
        let plan = Plan {
            members: vec![Member { id: "m".into(), peer: peer(1), items }],
            moving: [(task(2), 9.0)].into(),
            ..Plan::default()
        };
        let running = || Measured::from([(task(0), Some(2.0)), (task(1), None), (task(2), None), (task(3), None)]);
        let weights = |plan| weighed(running(), plan).into_values().collect::<Vec<f64>>();
        assert_eq!(weights(Some(&plan)), [2.0, 8.0, 9.0, 1.0]);
        assert_eq!(weights(None), [2.0, 1.0, 1.0, 1.0]);
    }
}
