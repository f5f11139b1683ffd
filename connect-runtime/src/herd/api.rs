//! What users may ask for: create, change, pause, restart, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker_client::ClientError;
use connector_api::config::{Issue, RawConfig};
use connector_api::{ExactlyOnce, Plugin};
use uuid::Uuid;

use super::config_log::{
    ConnectorEntry, Record, TargetState, connector_record, delete_records, target_record, task_records,
};
use super::standing::Standing;
use super::supervisor::{Parts, SupervisorHandle};
use crate::config::EXACTLY_ONCE_KEY;
use crate::config::connector::{all_keys, check, errors_first, requires_exactly_once};
use crate::config::parts::own_parts;
use crate::plugins::{Scanned, rescan};
use crate::task::on_own_thread;

/// Why a request is not carried out. The texts are Kafka Connect's where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HerdError {
    /// There is no such thing.
    NotFound(String),
    /// It cannot be, as things are.
    Conflict(String),
    /// The request itself is wrong.
    BadRequest(String),
    /// The herd is about to change: it is to be asked for again in a moment.
    Again(String),
    /// It could not be done, now.
    Failed(String),
}

impl From<ClientError> for HerdError {
    fn from(error: ClientError) -> HerdError {
        if error.is_fenced() {
            let message = "Another worker has come to lead the herd, and nothing was changed. Ask again in a moment.";
            return HerdError::Again(message.to_owned());
        }
        HerdError::Failed(format!("The log could not carry it out: {error}"))
    }
}

/// The state in which a connector is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialState {
    /// It runs at once.
    #[default]
    Running,
    /// It waits, without tasks, until it is resumed.
    Paused,
    /// It has no tasks until it is resumed.
    Stopped,
}

/// A task and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// The task's number, from 0.
    pub task: u32,
    /// Its configuration as it is stored: references in place of secrets.
    pub config: RawConfig,
}

/// What came of looking at a configuration.
pub struct Validation {
    /// The connector.
    pub plugin: Plugin,
    /// The configuration, variables resolved: with secrets.
    pub resolved: RawConfig,
    /// What there is to say, errors first.
    pub issues: Vec<Issue>,
}

/// The herd, as users see it. Cheap to clone.
#[derive(Clone)]
pub struct Herd {
    parts: Arc<Parts>,
    supervisor: SupervisorHandle,
}

pub(super) type Result<T> = std::result::Result<T, HerdError>;

impl Herd {
    /// Of these parts.
    pub fn new(parts: Arc<Parts>, supervisor: SupervisorHandle) -> Herd {
        Herd { parts, supervisor }
    }

    /// What the worker is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The connectors by name.
    pub fn all(&self) -> BTreeMap<String, ConnectorEntry> {
        self.parts.configs.all()
    }

    /// A connector; `what` is the error's text if there is none.
    pub fn get(&self, name: &str, what: impl FnOnce() -> String) -> Result<ConnectorEntry> {
        self.parts.configs.get(name).ok_or_else(|| HerdError::NotFound(what()))
    }

    /// The tasks of a connector.
    pub fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>> {
        let entry = self.get(name, || format!("Connector {name} not found"))?;
        let info = |(task, config)| TaskInfo { task: task as u32, config };
        Ok(entry.tasks.into_iter().enumerate().map(info).collect())
    }

    /// Creates a connector.
    pub async fn create(&self, name: &str, config: RawConfig, initial: InitialState) -> Result<ConnectorEntry> {
        self.refuse_if_wrong(name, &config).await?;
        let change = self.parts.configs.change().await?;
        if self.parts.configs.get(name).is_some() {
            return Err(HerdError::Conflict(format!("Connector {name} already exists")));
        }
        let mut records = Vec::new();
        match initial {
            InitialState::Running => {}
            InitialState::Paused => records.push(target_record(name, TargetState::Paused)),
            InitialState::Stopped => records.push(target_record(name, TargetState::Stopped)),
        }
        records.push(self.connector_record(name, &config, &Uuid::new_v4().to_string())?);
        change.write(records).await?;
        self.get(name, || format!("Connector {name} was deleted at once"))
    }

    /// Replaces a connector's configuration, or creates the connector: true then.
    pub async fn put(&self, name: &str, config: RawConfig) -> Result<(bool, ConnectorEntry)> {
        self.refuse_if_wrong(name, &config).await?;
        let change = self.parts.configs.change().await?;
        let known = self.parts.configs.get(name);
        let incarnation = known.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |known| known.incarnation.clone());
        let unchanged = known.as_ref().is_some_and(|known| self.parts.secrets.same(name, &known.config, &config));
        if !unchanged {
            change.write(vec![self.connector_record(name, &config, &incarnation)?]).await?;
        }
        Ok((known.is_none(), self.get(name, || format!("Connector {name} was deleted at once"))?))
    }

    /// Changes single keys of a configuration; `None` removes a key.
    pub async fn patch(&self, name: &str, changes: BTreeMap<String, Option<String>>) -> Result<ConnectorEntry> {
        let known = self.get(name, || format!("Connector {name} not found"))?;
        let mut config = known.config;
        for (key, value) in changes {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
        if config.get("name").is_some_and(|inner| inner != name) {
            let message = format!("Connector {name} cannot be renamed; create another one and delete this one");
            return Err(HerdError::BadRequest(message));
        }
        self.put(name, config).await.map(|(_, entry)| entry)
    }

    /// Deletes a connector. Its positions and its consumer group stay.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let change = self.parts.configs.change().await?;
        self.get(name, || format!("Connector {name} not found"))?;
        change.write(delete_records(name)).await?;
        Ok(())
    }

    /// Says what a connector is to do.
    pub async fn set_target(&self, name: &str, target: TargetState) -> Result<()> {
        let change = self.parts.configs.change().await?;
        let known = self.get(name, || format!("Unknown connector {name}"))?;
        if known.target == target {
            return Ok(());
        }
        let mut records = Vec::new();
        if target == TargetState::Stopped {
            records.extend(task_records(name, &[], &known.incarnation, known.config_offset));
        }
        records.push(target_record(name, target));
        change.write(records).await?;
        Ok(())
    }

    /// Starts the connector itself anew.
    pub async fn restart_connector(&self, name: &str) -> Result<()> {
        self.get(name, || format!("Unknown connector: {name}"))?;
        self.supervisor.restart_connector(name).await;
        Ok(())
    }

    /// Asks whoever runs them to start the connector and its tasks anew.
    pub async fn request_restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<()> {
        let change = self.parts.configs.change().await?;
        self.get(name, || format!("Unknown connector: {name}"))?;
        let value = serde_json::json!({ "include-tasks": include_tasks, "only-failed": only_failed }).to_string();
        let record: Record = (format!("restart-connector-{name}"), Some(value));
        change.write(vec![record]).await?;
        Ok(())
    }

    /// Loads what is new in the folders of plugins.
    pub async fn rescan_plugins(&self) -> Result<Scanned> {
        rescan(&self.parts.plugins).await.map_err(HerdError::Failed)
    }

    /// Starts a task anew.
    pub async fn restart_task(&self, name: &str, task: u32) -> Result<()> {
        self.get(name, || format!("Unknown connector: {name}"))?;
        if self.supervisor.restart_task(name, task).await {
            Ok(())
        } else {
            Err(HerdError::NotFound(format!("Unknown task: {name}-{task}")))
        }
    }

    /// Looks at a configuration: its keys, and what only the connector can tell. `Err` if there is no such connector
    /// class. Passwords that are sealed are opened for it if `name` is the connector that they were sealed for.
    pub async fn validate(&self, name: &str, config: &RawConfig) -> std::result::Result<Validation, String> {
        let plugin = self.parts.plugins.of(config)?;
        let resolved = match self.parts.secrets.resolve(name, config) {
            Ok(resolved) => resolved.config,
            Err(why) => {
                let key = why.split('`').nth(1).unwrap_or_default().to_owned();
                return Ok(Validation { plugin, resolved: config.clone(), issues: vec![Issue::error(key, why)] });
            }
        };
        let checked = check(&plugin, &resolved, &self.parts.config, &self.parts.plugins);
        let sound = checked.is_sound();
        let mut issues = checked.issues;
        if sound {
            let asked = plugin.clone();
            let limit = self.parts.config.call_timeout;
            let more = on_own_thread("validate", limit, move || async move { asked.validate(&checked.config).await });
            match more.await {
                Ok(more) => issues.extend(more),
                Err(error) => issues.push(Issue::error("connector.class", error.to_string())),
            }
            issues.extend(self.validate_parts(&resolved).await);
            issues.extend(self.validate_exactly_once(&plugin, &resolved).await);
        }
        Ok(Validation { plugin, resolved, issues: errors_first(issues) })
    }

    /// A source that has to be exactly once must say that it can be.
    async fn validate_exactly_once(&self, plugin: &Plugin, resolved: &RawConfig) -> Option<Issue> {
        let Plugin::Source(source) = plugin.clone() else { return None };
        let config = all_keys(plugin, resolved, &self.parts.plugins).check(resolved).config;
        if !requires_exactly_once(&config) {
            return None;
        }
        let asked = move || async move { source.exactly_once(&config).await };
        let why = match on_own_thread("exactly_once", self.parts.config.call_timeout, asked).await {
            Ok(Ok(ExactlyOnce::Supported)) => return None,
            Ok(Ok(ExactlyOnce::Unsupported)) => {
                "The connector does not support exactly once with this configuration.".to_owned()
            }
            Ok(Err(error)) | Err(error) => {
                format!("The connector does not say whether it supports exactly once: {error}")
            }
        };
        Some(Issue::error(EXACTLY_ONCE_KEY, why))
    }

    /// What only the transforms, predicates and converters can tell that a configuration names.
    async fn validate_parts(&self, resolved: &RawConfig) -> Vec<Issue> {
        let (plugins, connector) = (self.parts.plugins.clone(), resolved.clone());
        let asked = move || async move {
            let mut issues = Vec::new();
            for config in own_parts(&connector) {
                let Ok(part) = config.find(&plugins, &connector) else { continue };
                let Ok(settings) = config.settings(&part) else { continue };
                issues.extend(part.validate(&settings).await.into_iter().map(|issue| config.issue(issue)));
            }
            issues
        };
        let issues = on_own_thread("validate", self.parts.config.call_timeout, asked).await;
        issues.unwrap_or_else(|why| vec![Issue::error("transforms", why.to_string())])
    }

    async fn refuse_if_wrong(&self, name: &str, config: &RawConfig) -> Result<()> {
        if !config.contains_key("connector.class") {
            let message = format!("Connector config {{name={name}}} contains no connector type");
            return Err(HerdError::BadRequest(message));
        }
        let validation = self.validate(name, config).await.map_err(HerdError::BadRequest)?;
        for warning in validation.issues.iter().filter(|issue| !issue.is_error()) {
            tracing::warn!(connector = name, "{warning}");
        }
        let errors: Vec<&Issue> = validation.issues.iter().filter(|issue| issue.is_error()).collect();
        if errors.is_empty() {
            return Ok(());
        }
        let listed: String = errors.iter().map(|issue| format!("\n{issue}")).collect();
        Err(HerdError::BadRequest(format!(
            "Connector configuration is invalid and contains the following {} error(s):{listed}\nYou can also find the \
             above list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
            errors.len()
        )))
    }

    /// The record of a configuration, passwords sealed. Refused if there is one to seal and not every worker could open it.
    fn connector_record(&self, name: &str, config: &RawConfig, incarnation: &str) -> Result<Record> {
        let keys = self.parts.plugins.of(config).map(|plugin| all_keys(&plugin, config, &self.parts.plugins));
        let sealed = self.parts.secrets.seal(name, config, &keys.unwrap_or_default());
        let newly = config.iter().find(|(key, value)| sealed.get(*key) != Some(value));
        if let (Some((key, _)), Some(standing)) = (newly, self.parts.place.now())
            && let Some(others) = with_another_seal(&standing, self.parts.secrets.seal_id())
        {
            return Err(HerdError::BadRequest(cannot_seal(key, &self.parts.worker_id, &others)));
        }
        Ok(connector_record(name, &sealed, incarnation))
    }
}

/// The workers that could not open what is sealed with this key; `None` if all could.
fn with_another_seal(standing: &Standing, seal_id: &str) -> Option<String> {
    let others = standing.members.iter().filter(|peer| peer.seal_id != seal_id);
    let named: Vec<&str> = others.map(|peer| peer.worker_id.as_str()).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

fn cannot_seal(key: &str, leader: &str, others: &str) -> String {
    format!(
        "`{key}` is a password in clear, which is stored encrypted, and these workers have another key for that than {leader} and \
         could not open it: {others}. Copy the file `secret.key` out of the data folder of {leader} to theirs (or set \
         `secret.key.file` to it) and start them again; or have the password come from a config provider, as \
         `${{file:/path:key}}`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herd::Peer;

    #[test]
    fn workers_that_could_not_open_a_password_are_named_with_what_to_do() {
        let peer = |id: &str, seal: &str| Peer { worker_id: id.into(), peer_url: String::new(), seal_id: seal.into() };
        let mut standing = Standing::alone(peer("one", "x"));
        assert_eq!(with_another_seal(&standing, "x"), None);
        standing.members.extend([peer("two", "x"), peer("three", "y"), peer("four", "z")]);
        assert_eq!(with_another_seal(&standing, "x").as_deref(), Some("three, four"));
        let said = cannot_seal("database.password", "one", "three, four");
        for part in ["`database.password`", "three, four", "`secret.key`", "`secret.key.file`", "${file:/path:key}"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
