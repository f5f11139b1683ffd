//! The config topic: what the user wants, record by record, in Kafka Connect's formats.
//!
//! | key | value |
//! |---|---|
//! | `connector-NAME` | `{"properties":{..},"incarnation":".."}`; null deletes |
//! | `target-state-NAME` | `{"state":..,"state.v2":..}`; null with the connector |
//! | `task-NAME-N` | `{"properties":{..},"incarnation":".."}`: counts once the commit comes |
//! | `commit-NAME` | `{"tasks":N,"incarnation":".."}` |
//! | `session-key` | the key with which workers sign their calls: see [`crate::peers::SessionKey`] |
//! | `tasks-fencing-NAME` | `{"task-count":N}`: before tasks of the commit before this one start, earlier ones are fenced (KIP-618) |
//! | `restart-connector-NAME` | `{"include-tasks":..,"only-failed":..}`: an event, ignored in replay |
//!
//! `incarnation` is ours, and Kafka Connect passes over it: it names one life of a connector between creation and
//! deletion, so that what is left in the topic of a deleted connector never counts for a new one of the same name.
//! Records without it, which Kafka Connect wrote, count for any life.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connector_api::config::RawConfig;
use serde_json::{Map, Value as Json, json};

use super::assignment::{Birth, Item};
use crate::peers::{RECORD_KEY, SessionKey, SessionKeys};

/// What the user wants a connector to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Run.
    Started,
    /// Keep the tasks, but move nothing.
    Paused,
    /// Have no tasks.
    Stopped,
}

/// A connector, as the topic has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorEntry {
    /// The configuration as the user wrote it: variables are not resolved.
    pub config: RawConfig,
    /// What the user wants.
    pub target: TargetState,
    /// The configurations of its tasks, by number; empty until the first commit.
    pub tasks: Vec<RawConfig>,
    /// The life that this is; empty if Kafka Connect wrote the record.
    pub incarnation: String,
    /// The offset of the newest record that changed `config`.
    pub config_offset: i64,
    /// A commit named tasks whose records are not all there: the tasks have to be made anew.
    pub incomplete: bool,
    /// The offset of `config` to which the present tasks were made; -1 if there are none yet.
    pub tasks_for: i64,
}

/// Somebody asked for a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRequest {
    /// The connector.
    pub connector: String,
    /// Its tasks too.
    pub include_tasks: bool,
    /// Only what has failed.
    pub only_failed: bool,
}

/// The state of the config topic after some of its records. Reads no clock and no topic.
#[derive(Debug, Default)]
pub struct ConfigLog {
    connectors: BTreeMap<String, ConnectorEntry>,
    targets: HashMap<String, TargetState>,
    held: HashMap<String, BTreeMap<u32, Held>>,
    /// What came to be, and by which record; also what is gone again.
    births: Vec<Birth>,
    /// Connectors of which something has changed that nobody has asked for yet.
    changed: BTreeSet<String>,
    session_keys: SessionKeys,
    fencings: HashMap<String, Fencing>,
    next_offset: i64,
}

/// Which tasks of a connector may still write in transactions. It outlives the connector, as such tasks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fencing {
    /// Those with a number below this; `None` if none ever did.
    pub tasks: Option<u32>,
    /// Whether all are fenced that were there before the newest commit.
    pub is_current: bool,
}

#[derive(Debug)]
struct Held {
    properties: RawConfig,
    incarnation: Option<String>,
}

/// A record of the topic: key and value.
pub type Record = (String, Option<String>);

impl ConfigLog {
    /// Takes in the record at `offset`. Returns a restart request if it is one. What is not understood is passed over:
    /// a newer worker may have written it.
    pub fn apply(&mut self, offset: i64, key: &str, value: Option<&[u8]>) -> Option<RestartRequest> {
        self.next_offset = offset + 1;
        self.changed.extend(connector_of(key).map(str::to_owned));
        let value = value.and_then(|bytes| serde_json::from_slice::<Json>(bytes).ok());
        if let Some(name) = key.strip_prefix("target-state-") {
            self.apply_target(name, value.as_ref());
        } else if let Some(name) = key.strip_prefix("restart-connector-") {
            return restart_request(name, value.as_ref()?);
        } else if let Some(name) = key.strip_prefix("tasks-fencing-") {
            self.apply_fencing(name, value.as_ref());
        } else if let Some(name) = key.strip_prefix("connector-") {
            self.apply_connector(offset, name, value.as_ref());
        } else if let Some(rest) = key.strip_prefix("task-") {
            self.apply_task(rest, value.as_ref());
        } else if let Some(name) = key.strip_prefix("commit-") {
            self.fencings.entry(name.to_owned()).or_default().is_current = false;
            self.apply_commit(offset, name, value.as_ref());
        } else if key == RECORD_KEY {
            self.session_keys.apply(value.as_ref());
        }
        None
    }

    /// The keys with which workers sign their calls.
    pub fn session_keys(&self) -> &SessionKeys {
        &self.session_keys
    }

    /// Which tasks of a connector may still write in transactions.
    pub fn fencing(&self, name: &str) -> Fencing {
        self.fencings.get(name).copied().unwrap_or_default()
    }

    fn apply_fencing(&mut self, name: &str, value: Option<&Json>) {
        let tasks = value.and_then(|value| value.get("task-count")).and_then(Json::as_u64);
        let tasks = tasks.map(|tasks| u32::try_from(tasks).unwrap_or(u32::MAX));
        self.fencings.insert(name.to_owned(), Fencing { tasks, is_current: tasks.is_some() });
    }

    /// The offset after the last record taken in.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// All connectors by name.
    pub fn connectors(&self) -> &BTreeMap<String, ConnectorEntry> {
        &self.connectors
    }

    /// The connectors of which something has changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// All connectors and tasks.
    pub fn items(&self) -> BTreeSet<Item> {
        let items = self.connectors.iter().flat_map(|(name, entry)| {
            let tasks = (0..entry.tasks.len()).map(|task| Item::Task(name.clone(), task as u32));
            std::iter::once(Item::Connector(name.clone())).chain(tasks)
        });
        items.collect()
    }

    /// Whether there is such a connector, or such a task of it.
    pub fn has(&self, item: &Item) -> bool {
        let entry = self.connectors.get(item.connector());
        entry.is_some_and(|entry| match item {
            Item::Connector(_) => true,
            Item::Task(_, task) => (*task as usize) < entry.tasks.len(),
        })
    }

    /// What came to be by the records from `offset` on, in their order; also what is gone again.
    pub fn births_since(&self, offset: i64) -> &[Birth] {
        let first = self.births.partition_point(|(born, _)| *born < offset);
        self.births.get(first..).unwrap_or_default()
    }

    /// What came to be by records before `offset` is not asked for any more.
    pub fn forget_births(&mut self, offset: i64) {
        let first = self.births.partition_point(|(born, _)| *born < offset);
        self.births.drain(..first);
    }

    fn apply_target(&mut self, name: &str, value: Option<&Json>) {
        let state = value.and_then(|value| value.get("state.v2").or_else(|| value.get("state")));
        match state.and_then(Json::as_str).and_then(target_of) {
            Some(target) => {
                self.targets.insert(name.to_owned(), target);
                self.connectors.entry(name.to_owned()).and_modify(|known| known.target = target);
            }
            None => {
                self.targets.remove(name);
            }
        }
    }

    fn apply_connector(&mut self, offset: i64, name: &str, value: Option<&Json>) {
        let Some((config, incarnation)) = value.and_then(properties) else {
            self.connectors.remove(name);
            self.targets.remove(name);
            self.held.remove(name);
            return;
        };
        let incarnation = incarnation.unwrap_or_default();
        match self.connectors.get_mut(name).filter(|known| known.incarnation == incarnation) {
            Some(known) => {
                known.config = config;
                known.config_offset = offset;
            }
            None => {
                let target = self.targets.get(name).copied().unwrap_or(TargetState::Started);
                let entry = ConnectorEntry {
                    config,
                    target,
                    tasks: Vec::new(),
                    incarnation,
                    config_offset: offset,
                    incomplete: false,
                    tasks_for: -1,
                };
                self.connectors.insert(name.to_owned(), entry);
                self.births.push((offset, Item::Connector(name.to_owned())));
            }
        }
    }

    fn apply_task(&mut self, rest: &str, value: Option<&Json>) {
        let Some((name, number)) = rest.rsplit_once('-') else { return };
        let Ok(number) = number.parse() else { return };
        let held = self.held.entry(name.to_owned()).or_default();
        match value.and_then(properties) {
            Some((properties, incarnation)) => held.insert(number, Held { properties, incarnation }),
            None => held.remove(&number),
        };
    }

    /// Tasks count only if all that the commit names are there, in the life that it names.
    fn apply_commit(&mut self, offset: i64, name: &str, value: Option<&Json>) {
        let Some(count) = value.and_then(|value| value.get("tasks")).and_then(Json::as_u64) else { return };
        let incarnation = value.and_then(|value| value.get("incarnation")).and_then(Json::as_str);
        let Some(known) = self.connectors.get_mut(name) else { return };
        let of_this_life = |said: Option<&str>| said.is_none_or(|said| said == known.incarnation);
        if !of_this_life(incarnation) {
            return;
        }
        let held = self.held.get(name);
        let task = |number: u64| {
            let task = held?.get(&u32::try_from(number).ok()?)?;
            of_this_life(task.incarnation.as_deref()).then(|| task.properties.clone())
        };
        match (0..count).map(task).collect::<Option<Vec<RawConfig>>>() {
            Some(tasks) => {
                let new = known.tasks.len()..tasks.len();
                self.births.extend(new.map(|task| (offset, Item::Task(name.to_owned(), task as u32))));
                known.tasks = tasks;
                known.incomplete = false;
                let stored = value.and_then(|value| value.get("config-offset")).and_then(Json::as_i64);
                known.tasks_for = stored.unwrap_or(known.config_offset);
            }
            None => known.incomplete = true,
        }
    }
}

/// The connector that a record changes, tasks that nobody has committed left aside.
fn connector_of(key: &str) -> Option<&str> {
    ["target-state-", "connector-", "commit-"].iter().find_map(|prefix| key.strip_prefix(prefix))
}

fn properties(value: &Json) -> Option<(RawConfig, Option<String>)> {
    let text = |(key, value): (&String, &Json)| Some((key.clone(), value.as_str()?.to_owned()));
    let properties = value.get("properties")?.as_object()?.iter().filter_map(text).collect();
    Some((properties, value.get("incarnation").and_then(Json::as_str).map(str::to_owned)))
}

fn target_of(state: &str) -> Option<TargetState> {
    match state {
        "STARTED" => Some(TargetState::Started),
        "PAUSED" => Some(TargetState::Paused),
        "STOPPED" => Some(TargetState::Stopped),
        _ => None,
    }
}

fn restart_request(name: &str, value: &Json) -> Option<RestartRequest> {
    let flag = |name| value.get(name).and_then(Json::as_bool);
    Some(RestartRequest {
        connector: name.to_owned(),
        include_tasks: flag("include-tasks")?,
        only_failed: flag("only-failed")?,
    })
}

/// A record that creates or changes a connector.
pub fn connector_record(name: &str, config: &RawConfig, incarnation: &str) -> Record {
    (format!("connector-{name}"), Some(with_incarnation(config, incarnation)))
}

/// A record that says what a connector is to do. Old workers know no STOPPED: they read PAUSED.
pub fn target_record(name: &str, target: TargetState) -> Record {
    let (old, new) = match target {
        TargetState::Started => ("STARTED", "STARTED"),
        TargetState::Paused => ("PAUSED", "PAUSED"),
        TargetState::Stopped => ("PAUSED", "STOPPED"),
    };
    (format!("target-state-{name}"), Some(json!({ "state": old, "state.v2": new }).to_string()))
}

/// The record of a new session key.
pub fn session_key_record(key: &SessionKey) -> Record {
    (RECORD_KEY.to_owned(), Some(key.to_json()))
}

/// The records that delete a connector.
pub fn delete_records(name: &str) -> Vec<Record> {
    vec![(format!("connector-{name}"), None), (format!("target-state-{name}"), None)]
}

/// The records that replace a connector's tasks, made from the configuration at `config_offset`. They count together,
/// once the last one is there.
pub fn task_records(name: &str, tasks: &[RawConfig], incarnation: &str, config_offset: i64) -> Vec<Record> {
    let task = |(number, config)| (format!("task-{name}-{number}"), Some(with_incarnation(config, incarnation)));
    let mut records: Vec<Record> = tasks.iter().enumerate().map(task).collect();
    let mut commit = json!({ "tasks": tasks.len(), "config-offset": config_offset });
    if !incarnation.is_empty() {
        commit["incarnation"] = incarnation.into();
    }
    records.push((format!("commit-{name}"), Some(commit.to_string())));
    records
}

/// A record that says that all tasks are fenced that were there before so many tasks may start.
pub fn fencing_record(name: &str, tasks: u32) -> Record {
    (format!("tasks-fencing-{name}"), Some(json!({ "task-count": tasks }).to_string()))
}

fn with_incarnation(config: &RawConfig, incarnation: &str) -> String {
    let properties: Map<String, Json> =
        config.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let mut value = json!({ "properties": properties });
    if !incarnation.is_empty() {
        value["incarnation"] = incarnation.into();
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(value: &str) -> RawConfig {
        RawConfig::from([("k".to_owned(), value.to_owned())])
    }

    fn replay(records: &[Record]) -> ConfigLog {
        let mut log = ConfigLog::default();
        for (offset, (key, value)) in records.iter().enumerate() {
            log.apply(offset as i64, key, value.as_deref().map(str::as_bytes));
        }
        log
    }

    #[test]
    fn tasks_count_once_their_commit_is_there() {
        let mut records = vec![connector_record("a", &config("1"), "x")];
        records.extend(task_records("a", &[config("t0"), config("t1")], "x", 0));
        assert!(replay(&records[..3]).connectors()["a"].tasks.is_empty());
        let whole = replay(&records);
        assert_eq!(whole.connectors()["a"].tasks, [config("t0"), config("t1")]);
        assert_eq!(whole.connectors()["a"].tasks_for, 0);
        assert_eq!(whole.next_offset(), 4);
    }

    #[test]
    fn what_a_deleted_connector_left_does_not_count_for_a_new_one_of_its_name() {
        let mut records = vec![connector_record("a", &config("1"), "x")];
        records.extend(task_records("a", &[config("t0")], "x", 0));
        records.extend(delete_records("a"));
        records.push(connector_record("a", &config("2"), "y"));
        records.extend(task_records("a", &[config("old")], "x", 0));
        let log = replay(&records);
        assert_eq!(log.connectors()["a"].tasks, Vec::<RawConfig>::new());
        assert_eq!(log.connectors()["a"].config, config("2"));
    }

    #[test]
    fn a_commit_whose_tasks_are_not_all_there_is_told_as_incomplete() {
        let mut records = vec![connector_record("a", &config("1"), "x")];
        records.extend(task_records("a", &[config("t0"), config("t1")], "x", 0));
        records.remove(1);
        let log = replay(&records);
        assert!(log.connectors()["a"].incomplete);
        assert!(log.connectors()["a"].tasks.is_empty());
    }

    #[test]
    fn records_that_kafka_connect_wrote_are_read() {
        let records: Vec<Record> = [
            ("session-key", r#"{"key":"AAAA","algorithm":"HmacSHA256","creation-timestamp":1}"#),
            ("connector-my-file", r#"{"properties":{"name":"my-file","file":"/tmp/a"}}"#),
            ("target-state-my-file", r#"{"state":"PAUSED","state.v2":"STOPPED"}"#),
            ("task-my-file-0", r#"{"properties":{"task.class":"FileStreamSourceTask","file":"/tmp/a"}}"#),
            ("commit-my-file", r#"{"tasks":1}"#),
            ("tasks-fencing-my-file", r#"{"task-count":1}"#),
            ("logger-cluster-a.b", r#"{"level":"DEBUG"}"#),
        ]
        .map(|(key, value)| (key.to_owned(), Some(value.to_owned())))
        .into();
        let log = replay(&records);
        let entry = &log.connectors()["my-file"];
        assert_eq!(log.connectors().len(), 1);
        assert_eq!((entry.target, entry.tasks.len()), (TargetState::Stopped, 1));
        assert_eq!(entry.config["file"], "/tmp/a");
        assert_eq!(log.fencing("my-file"), Fencing { tasks: Some(1), is_current: true });
    }

    #[test]
    fn a_fencing_counts_until_the_next_commit_and_its_number_beyond_the_connector() {
        let mut records = vec![connector_record("a", &config("1"), "x")];
        assert_eq!(replay(&records).fencing("a"), Fencing::default());
        records.extend(task_records("a", &[config("t0"), config("t1")], "x", 0));
        records.push(fencing_record("a", 2));
        assert_eq!(replay(&records).fencing("a"), Fencing { tasks: Some(2), is_current: true });
        records.extend(delete_records("a"));
        records.push(connector_record("a", &config("2"), "y"));
        records.extend(task_records("a", &[config("t0")], "y", 6));
        assert_eq!(replay(&records).fencing("a"), Fencing { tasks: Some(2), is_current: false });
    }

    #[test]
    fn a_restart_is_an_event() {
        let mut log = ConfigLog::default();
        let value = br#"{"include-tasks":true,"only-failed":false}"#;
        let request = log.apply(5, "restart-connector-a-b", Some(value)).unwrap();
        assert_eq!(request, RestartRequest { connector: "a-b".into(), include_tasks: true, only_failed: false });
    }

    proptest! {
        /// Compaction keeps the last record of each key, in order. What a worker reads from the compacted topic is what
        /// it would have read from the whole one, or it knows that tasks are missing and have to be made anew.
        #[test]
        fn a_compacted_topic_gives_the_same_or_says_that_tasks_are_missing(
            steps in proptest::collection::vec((0u8..5, 0usize..2, 0usize..4), 1..40),
        ) {
            let mut records: Vec<Record> = Vec::new();
            let mut lives = [0u32; 2];
            for (step, who, count) in steps {
                let (name, life) = (["a", "a-1"][who], lives[who].to_string());
                match step {
                    0 => records.push(connector_record(name, &config(&count.to_string()), &life)),
                    1 => {
                        let tasks: Vec<_> = (0..count).map(|n| config(&format!("{count}.{n}"))).collect();
                        records.extend(task_records(name, &tasks, &life, 0));
                    }
                    2 => records.push(target_record(name, [TargetState::Started, TargetState::Paused, TargetState::Stopped][count % 3])),
                    3 => { records.extend(delete_records(name)); lives[who] += 1; }
                    _ => {}
                }
            }
            let whole = replay(&records);
            let mut compacted = ConfigLog::default();
            for (offset, (key, value)) in records.iter().enumerate() {
                let last = records.iter().rposition(|(other, _)| other == key);
                if last == Some(offset) {
                    compacted.apply(offset as i64, key, value.as_deref().map(str::as_bytes));
                }
            }
            prop_assert_eq!(whole.connectors().keys().collect::<Vec<_>>(), compacted.connectors().keys().collect::<Vec<_>>());
            for (name, expected) in whole.connectors() {
                let found = &compacted.connectors()[name];
                prop_assert_eq!(&found.config, &expected.config);
                prop_assert_eq!(found.target, expected.target);
                let missing = found.incomplete || found.tasks.is_empty();
                prop_assert!(missing || found.tasks == expected.tasks, "{:?} {:?}", found, expected);
            }
        }
    }
}
