//! What the leader decides.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::packed::{items_of_json, items_to_json, pack, text, unpack};
use super::worker_info::{peer_of_json, peer_to_json};
use super::{Item, Items, Ownership};
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
    /// What it runs.
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

    /// What everything in it weighs.
    pub fn weights(&self) -> HashMap<&Item, f64> {
        let given = self.members.iter().flat_map(|member| &member.items).chain(&self.moving);
        let given = given.map(|(item, weight)| (item, *weight));
        given.chain(self.waiting.iter().map(|waiting| (&waiting.item, waiting.weight))).collect()
    }

    /// Who runs what by this plan.
    pub fn ownership(&self) -> Ownership {
        let mut ownership = Ownership::of(self.members.len());
        for (place, member) in self.members.iter().enumerate() {
            member.items.iter().for_each(|(item, weight)| ownership.give(item.clone(), place, *weight));
        }
        ownership
    }
}
