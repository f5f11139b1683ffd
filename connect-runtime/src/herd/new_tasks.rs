//! Task configurations on their way to the config topic: whoever runs a connector makes them, the leader writes them.

use broker_client::ClientError;
use connector_api::config::RawConfig;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::config_log::{TargetState, fencing_record, task_records};
use super::leader::{LeaderWork, NotDone};
use super::supervisor::{Parts, without_limits};
use crate::peers::percent_encoded;

/// Task configurations of one life of a connector: the body of `PUT /internal/connectors/{connector}/tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTasks {
    /// The life.
    pub incarnation: String,
    /// One for each task, with references in place of secrets.
    pub tasks: Vec<RawConfig>,
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
    if is_there(parts, connector, &new) {
        return Ok(());
    }
    let work = LeaderWork {
        path: format!("/internal/connectors/{}/tasks", percent_encoded(connector)),
        body: serde_json::to_vec(&new).map_err(|why| why.to_string())?,
        otherwise: "the tasks cannot be stored",
    };
    work.done(parts, || store(parts, connector, &new).boxed()).await
}

/// Whether the topic says so already, or the tasks are out of date.
fn is_there(parts: &Parts, connector: &str, new: &NewTasks) -> bool {
    let Some(now) = parts.configs.get(connector) else { return true };
    let superseded = now.incarnation != new.incarnation || now.target != TargetState::Started;
    let same = || same_tasks(parts, connector, &now.tasks, &new.tasks);
    superseded || (now.tasks_for == now.config_offset && !now.incomplete && same())
}

/// Writes task configurations unless they are there already for this very configuration.
pub async fn store(parts: &Parts, connector: &str, new: &NewTasks) -> Result<(), NotDone> {
    let failed = |why: ClientError| NotDone::by_the_log("cannot store the tasks", &why);
    let change = parts.configs.change().await.map_err(failed)?;
    if is_there(parts, connector, new) {
        return Ok(());
    }
    let Some(now) = parts.configs.get(connector) else { return Ok(()) };
    // Sealing gives another text each time: what means the same stays as it is.
    let same = same_tasks(parts, connector, &now.tasks, &new.tasks);
    let tasks = if same { &now.tasks } else { &new.tasks };
    let mut records = task_records(connector, tasks, &new.incarnation, now.config_offset);
    let fencing = parts.configs.fencing(connector);
    if fencing.is_current && same_work(parts, connector, &now.tasks, tasks) {
        // Nothing has moved from one task to another, so running tasks need not be fenced for those that start again.
        records.extend(fencing.tasks.map(|tasks| fencing_record(connector, tasks)));
    }
    change.write(records).await.map_err(failed)
}

/// Whether tasks differ in nothing but rate limits, which running tasks take over.
fn same_work(parts: &Parts, connector: &str, one: &[RawConfig], other: &[RawConfig]) -> bool {
    let without = |tasks: &[RawConfig]| tasks.iter().map(without_limits).collect::<Vec<_>>();
    same_tasks(parts, connector, &without(one), &without(other))
}

fn same_tasks(parts: &Parts, connector: &str, one: &[RawConfig], other: &[RawConfig]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| parts.secrets.same(connector, a, b))
}
