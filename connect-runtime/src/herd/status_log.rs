//! The status topic: how it goes, record by record, in Kafka Connect's formats.
//!
//! | key | value |
//! |---|---|
//! | `status-connector-NAME` | `{"state","trace","worker_id","generation","version"}`; null removes |
//! | `status-task-NAME-N` | the same |

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::assignment::Item;

/// What a connector or a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody runs it.
    Unassigned,
    /// It runs.
    Running,
    /// It waits, because the user wants it to.
    Paused,
    /// It has ended in an error.
    Failed,
    /// It is being started anew.
    Restarting,
    /// The user wants no tasks; only connectors have this state.
    Stopped,
}

impl State {
    /// Kafka Connect's name of the state.
    pub fn name(self) -> &'static str {
        match self {
            State::Unassigned => "UNASSIGNED",
            State::Running => "RUNNING",
            State::Paused => "PAUSED",
            State::Failed => "FAILED",
            State::Restarting => "RESTARTING",
            State::Stopped => "STOPPED",
        }
    }

    fn of(name: &str) -> Option<State> {
        let all = [State::Unassigned, State::Running, State::Paused, State::Failed, State::Restarting, State::Stopped];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// How a connector or a task is doing, as the topic has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why it failed.
    pub trace: Option<String>,
    /// The worker that says so: its advertised `host:port`.
    pub worker_id: String,
    /// The herd's generation in which it says so.
    pub generation: i32,
    /// The plugin's version, where known.
    pub version: Option<String>,
}

/// A connector, or one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The connector of that name.
    Connector(String),
    /// That task of the connector.
    Task(String, u32),
}

impl Subject {
    /// Of an item that is assigned to workers.
    pub fn of(item: &Item) -> Subject {
        match item {
            Item::Connector(name) => Subject::Connector(name.clone()),
            Item::Task(name, task) => Subject::Task(name.clone(), *task),
        }
    }

    /// As an item that is assigned to workers.
    pub fn item(&self) -> Item {
        match self {
            Subject::Connector(name) => Item::Connector(name.clone()),
            Subject::Task(name, task) => Item::Task(name.clone(), *task),
        }
    }

    /// The key of its records.
    pub fn key(&self) -> String {
        match self {
            Subject::Connector(name) => format!("status-connector-{name}"),
            Subject::Task(name, task) => format!("status-task-{name}-{task}"),
        }
    }

    fn of_key(key: &str) -> Option<Subject> {
        if let Some(name) = key.strip_prefix("status-connector-") {
            return Some(Subject::Connector(name.to_owned()));
        }
        let (name, task) = key.strip_prefix("status-task-")?.rsplit_once('-')?;
        Some(Subject::Task(name.to_owned(), task.parse().ok()?))
    }
}

impl Status {
    /// The value of its record.
    pub fn to_json(&self) -> String {
        json!({
            "state": self.state.name(),
            "trace": self.trace,
            "worker_id": self.worker_id,
            "generation": self.generation,
            "version": self.version,
        })
        .to_string()
    }

    fn of_json(value: &Json) -> Option<Status> {
        let text = |name| value.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(Status {
            state: State::of(value.get("state")?.as_str()?)?,
            trace: text("trace"),
            worker_id: text("worker_id").unwrap_or_default(),
            generation: value.get("generation").and_then(Json::as_i64).unwrap_or(0) as i32,
            version: text("version"),
        })
    }
}

/// The state of the status topic after some of its records.
#[derive(Debug, Default)]
pub struct StatusLog {
    known: BTreeMap<Subject, Status>,
}

impl StatusLog {
    /// Takes in a record. An UNASSIGNED that arrives behind a RUNNING of the same or a later generation is out of date.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>) {
        let Some(subject) = Subject::of_key(key) else { return };
        let Some(value) = value else {
            self.known.remove(&subject);
            return;
        };
        let Some(status) = serde_json::from_slice(value).ok().as_ref().and_then(Status::of_json) else { return };
        let outdated = |known: &Status| {
            status.state == State::Unassigned && known.state == State::Running && known.generation >= status.generation
        };
        if !self.known.get(&subject).is_some_and(outdated) {
            self.known.insert(subject, status);
        }
    }

    /// The newest status.
    pub fn get(&self, subject: &Subject) -> Option<&Status> {
        self.known.get(subject)
    }

    /// Everything known.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Status)> {
        self.known.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, generation: i32) -> Status {
        let trace = (state == State::Failed).then(|| "why".to_owned());
        Status { state, trace, worker_id: "w:1".into(), generation, version: Some("1".into()) }
    }

    #[test]
    fn a_status_comes_back_by_its_key() {
        let mut log = StatusLog::default();
        for subject in [Subject::Connector("a-1".into()), Subject::Task("a-1".into(), 3)] {
            log.apply(&subject.key(), Some(status(State::Failed, 2).to_json().as_bytes()));
            assert_eq!(log.get(&subject), Some(&status(State::Failed, 2)));
            log.apply(&subject.key(), None);
            assert_eq!(log.get(&subject), None);
        }
    }

    #[test]
    fn an_outdated_unassigned_is_passed_over() {
        let (mut log, subject) = (StatusLog::default(), Subject::Task("a".into(), 0));
        log.apply(&subject.key(), Some(status(State::Running, 5).to_json().as_bytes()));
        log.apply(&subject.key(), Some(status(State::Unassigned, 4).to_json().as_bytes()));
        assert_eq!(log.get(&subject).unwrap().state, State::Running);
        log.apply(&subject.key(), Some(status(State::Unassigned, 6).to_json().as_bytes()));
        assert_eq!(log.get(&subject).unwrap().state, State::Unassigned);
    }
}
