//! What a worker says of itself when it joins.

use serde_json::{Value as Json, json};

use super::Items;
use super::packed::{items_of_json, items_to_json, pack, text, unpack};
use crate::herd::standing::Peer;

/// What a worker says of itself when it joins.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerInfo {
    /// Who it is, and where.
    pub peer: Peer,
    /// How far it has read the config topic.
    pub config_offset: i64,
    /// The generation in which it was given what it runs; -1 if it runs nothing.
    pub generation: i32,
    /// What it runs, or still runs until it has stopped it, as it was measured.
    pub runs: Items,
}

impl WorkerInfo {
    /// As it stands in a join request.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut json = peer_to_json(&self.peer);
        json["config-offset"] = json!(self.config_offset);
        json["generation"] = json!(self.generation);
        json["runs"] = items_to_json(&self.runs);
        pack(&json)
    }

    /// Reads a join request. What is missing is empty: a newer worker may leave it out. `None` if it is no such message.
    pub fn from_bytes(bytes: &[u8]) -> Option<WorkerInfo> {
        let json = unpack(bytes)?;
        Some(WorkerInfo {
            peer: peer_of_json(&json),
            config_offset: json.get("config-offset").and_then(Json::as_i64).unwrap_or(0),
            generation: json.get("generation").and_then(Json::as_i64).unwrap_or(-1) as i32,
            runs: items_of_json(json.get("runs")),
        })
    }
}

pub(super) fn peer_to_json(peer: &Peer) -> Json {
    json!({ "worker": peer.worker_id, "url": peer.peer_url, "seal": peer.seal_id })
}

pub(super) fn peer_of_json(json: &Json) -> Peer {
    Peer { worker_id: text(json, "worker"), peer_url: text(json, "url"), seal_id: text(json, "seal") }
}
