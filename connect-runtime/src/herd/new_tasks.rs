//! Task configurations on their way to the config topic: whoever runs a connector makes them, the leader writes them.

use std::time::{Duration, Instant};

use broker_client::ClientError;
use connector_api::config::RawConfig;
use serde::{Deserialize, Serialize};

use super::config_log::{TargetState, task_records};
use super::supervisor::Parts;
use crate::peers::{Failure, Outgoing, percent_encoded};

/// How long a call to the leader may take: longer than the leader waits for the log.
const CALL_LIMIT: Duration = Duration::from_secs(40);

/// How long a herd may be without a leader that answers before the connector fails: longer than a rebalance takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// A pause before the leader is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Task configurations of one life of a connector: the body of `PUT /internal/connectors/{connector}/tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTasks {
    /// The life.
    pub incarnation: String,
    /// One for each task, with references in place of secrets.
    pub tasks: Vec<RawConfig>,
}

/// Why they are not in the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// The herd is about to change: ask again.
    Later(String),
    /// It will not get better by itself.
    Never(String),
}

impl From<ClientError> for NotStored {
    fn from(why: ClientError) -> NotStored {
        let told = format!("cannot store the tasks: {why}");
        if why.is_fenced() { NotStored::Later(told) } else { NotStored::Never(told) }
    }
}

/// Sees to it that task configurations get into the config topic, by this worker if it leads, else by the leader. The
/// error's text is what the connector fails with.
pub(super) async fn hand_in(
    parts: &Parts,
    connector: &str,
    incarnation: &str,
    tasks: Vec<RawConfig>,
) -> Result<(), String> {
    let new = NewTasks { incarnation: incarnation.to_owned(), tasks };
    let until = Instant::now() + PATIENCE;
    loop {
        match hand_in_once(parts, connector, &new).await {
            Ok(()) => return Ok(()),
            Err(NotStored::Later(_)) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            Err(NotStored::Later(why) | NotStored::Never(why)) => return Err(why),
        }
    }
}

async fn hand_in_once(parts: &Parts, connector: &str, new: &NewTasks) -> Result<(), NotStored> {
    let nobody = || NotStored::Later("nobody leads the herd, so the tasks cannot be stored".to_owned());
    let standing = parts.place.now().ok_or_else(nobody)?;
    if standing.is_leader() {
        return store(parts, connector, new).await;
    }
    let leader = standing.leader().ok_or_else(nobody)?;
    let body = serde_json::to_vec(new).map_err(|why| NotStored::Never(why.to_string()))?;
    let path = format!("/internal/connectors/{}/tasks", percent_encoded(connector));
    let call = Outgoing::put(path, body, CALL_LIMIT);
    let reply = parts.caller.call(&leader.peer_url, &call).await.map_err(|failure| {
        let (Failure::NotDone(why) | Failure::Unknown(why)) = failure;
        NotStored::Later(format!("the leader, worker {}, cannot store the tasks: {why}", leader.worker_id))
    })?;
    if reply.is_success() {
        return Ok(());
    }
    let told = format!("the leader, worker {}, has not stored the tasks: {}", leader.worker_id, reply.message());
    Err(if reply.asks_for_patience() { NotStored::Later(told) } else { NotStored::Never(told) })
}

/// Writes task configurations unless they are there already for this very configuration.
pub async fn store(parts: &Parts, connector: &str, new: &NewTasks) -> Result<(), NotStored> {
    let change = parts.configs.change().await?;
    let Some(now) = parts.configs.get(connector) else { return Ok(()) };
    let same = same_tasks(parts, connector, &now.tasks, &new.tasks);
    let superseded = now.incarnation != new.incarnation || now.target != TargetState::Started;
    if superseded || (same && now.tasks_for == now.config_offset && !now.incomplete) {
        return Ok(());
    }
    // Sealing gives another text each time: what means the same stays as it is.
    let tasks = if same { &now.tasks } else { &new.tasks };
    Ok(change.write(task_records(connector, tasks, &new.incarnation, now.config_offset)).await?)
}

fn same_tasks(parts: &Parts, connector: &str, one: &[RawConfig], other: &[RawConfig]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| parts.secrets.same(connector, a, b))
}
