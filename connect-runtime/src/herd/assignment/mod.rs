//! Which worker runs what.
//!
//! Workers find each other through the log's group coordinator, with a protocol type of their own, so that a Kafka
//! Connect worker of the same group name is refused rather than mixed in. The member that the log makes leader decides
//! for all. This version decides simply: one worker runs everything, and whoever comes second is told so.

mod item;
mod ownership;

pub use item::{CORE_WEIGHT, Item};
pub use ownership::Ownership;
use serde_json::{Value as Json, json};

/// The kind of group that workers form.
pub const PROTOCOL_TYPE: &str = "naru";

/// The protocol that they speak: this layout of metadata and assignments.
pub const PROTOCOL: &str = "naru-v1";

/// What a worker says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Its advertised `host:port`.
    pub worker_id: String,
    /// Where its REST is.
    pub url: String,
    /// How far it has read the config topic.
    pub config_offset: i64,
    /// Whether it runs the herd's work already.
    pub runs: bool,
}

/// What a worker is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// Everything.
    All,
    /// Nothing: the worker at that address runs everything.
    Nothing {
        /// Where the leader's REST is.
        leader_url: String,
    },
}

impl WorkerInfo {
    /// As it stands in a join request.
    pub fn to_bytes(&self) -> Vec<u8> {
        json!({
            "worker": self.worker_id,
            "url": self.url,
            "config-offset": self.config_offset,
            "runs": self.runs,
        })
        .to_string()
        .into()
    }

    /// Reads a join request. What is missing is empty: a newer worker may leave it out.
    pub fn from_bytes(bytes: &[u8]) -> Option<WorkerInfo> {
        let json: Json = serde_json::from_slice(bytes).ok()?;
        let text = |name| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let config_offset = json.get("config-offset").and_then(Json::as_i64).unwrap_or(0);
        let runs = json.get("runs").and_then(Json::as_bool).unwrap_or(false);
        Some(WorkerInfo { worker_id: text("worker"), url: text("url"), config_offset, runs })
    }
}

impl Assignment {
    /// As it stands in a sync request.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = match self {
            Assignment::All => json!({ "run": "all" }),
            Assignment::Nothing { leader_url } => json!({ "run": "nothing", "leader-url": leader_url }),
        };
        json.to_string().into()
    }

    /// Reads a sync answer. What is not understood means to run nothing.
    pub fn from_bytes(bytes: &[u8]) -> Assignment {
        let json: Json = serde_json::from_slice(bytes).unwrap_or_default();
        if json.get("run").and_then(Json::as_str) == Some("all") {
            return Assignment::All;
        }
        let leader_url = json.get("leader-url").and_then(Json::as_str).unwrap_or_default().to_owned();
        Assignment::Nothing { leader_url }
    }
}

/// Decides for all members, by member id: whoever runs the work already goes on with it.
pub fn assign(members: &[(String, WorkerInfo)]) -> Vec<(String, Assignment)> {
    let first = members.iter().min_by_key(|(id, info)| (!info.runs, id.clone()));
    let leader_url = first.map(|(_, info)| info.url.clone()).unwrap_or_default();
    let decide = |id: &String| match first {
        Some((first, _)) if first == id => Assignment::All,
        _ => Assignment::Nothing { leader_url: leader_url.clone() },
    };
    members.iter().map(|(id, _)| (id.clone(), decide(id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(port: u16, runs: bool) -> WorkerInfo {
        let worker_id = format!("h:{port}");
        WorkerInfo { url: format!("http://{worker_id}"), worker_id, config_offset: 7, runs }
    }

    #[test]
    fn who_runs_the_work_goes_on_with_it_and_the_others_know_where() {
        let members = [("a".to_owned(), worker(1, false)), ("b".to_owned(), worker(2, true))];
        let decided = assign(&members);
        let nothing = Assignment::Nothing { leader_url: "http://h:2".into() };
        assert_eq!(decided, [("a".to_owned(), nothing), ("b".to_owned(), Assignment::All)]);
    }

    #[test]
    fn what_crosses_the_log_reads_back_and_nonsense_runs_nothing() {
        assert_eq!(WorkerInfo::from_bytes(&worker(1, true).to_bytes()), Some(worker(1, true)));
        for assignment in [Assignment::All, Assignment::Nothing { leader_url: "u".into() }] {
            assert_eq!(Assignment::from_bytes(&assignment.to_bytes()), assignment);
        }
        assert_eq!(Assignment::from_bytes(b"\xff"), Assignment::Nothing { leader_url: String::new() });
    }
}
