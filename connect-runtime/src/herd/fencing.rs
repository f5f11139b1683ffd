//! Fencing tasks of a connector that are no more (KIP-618).
//!
//! A task of an earlier split may be alive somewhere, frozen perhaps, and write again when it wakes up. Each new task fences the one
//! with its own number when it opens its producer, which is not enough: work may have moved from one number to another, and numbers
//! may be gone. So before the first task of a new split starts, all that were there before are fenced, and a record in the config
//! topic says that it is done.

use std::time::Duration;

use broker_client::{ClientError, fence_producers};
use connector_api::{Error, Result};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Parts;
use super::config_log::{ConnectorEntry, fencing_record};
use super::leader::{LeaderWork, NotDone};
use crate::peers::percent_encoded;

/// How many tasks are fenced at a time.
const AT_ONCE: usize = 8;

/// What the log is told of the length of transactions that never begin.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The transactional id of a task, as in Kafka Connect.
pub fn transactional_id(group: &str, connector: &str, task: u32) -> String {
    format!("{group}-{connector}-{task}")
}

/// Sees to it that all tasks are fenced that were there before the present split of the connector's work, by this worker if it
/// leads, else by the leader. To be called where the worker's own calls are made: see [`Parts`].
///
/// # Errors
/// It cannot be carried out; this may be called again.
pub async fn before_start(parts: &Parts, connector: &str) -> Result<()> {
    if parts.configs.fencing(connector).is_current {
        return Ok(());
    }
    let work = LeaderWork {
        path: format!("/internal/connectors/{}/fence", percent_encoded(connector)),
        body: Vec::new(),
        otherwise: "earlier tasks of the connector cannot be fenced",
    };
    work.done(parts, || before_start_here(parts, connector).boxed()).await.map_err(Error::fail)
}

/// The same, of the leader. Whoever asks first has it done; all others wait for that.
pub async fn before_start_here(parts: &Parts, connector: &str) -> std::result::Result<(), NotDone> {
    let failed = |why: ClientError| NotDone::by_the_log("cannot fence earlier tasks of the connector", &why);
    let change = parts.configs.change().await.map_err(failed)?;
    let (fencing, entry) = (parts.configs.fencing(connector), parts.configs.get(connector));
    let Some(entry) = entry.filter(|_| !fencing.is_current) else { return Ok(()) };
    let tasks = u32::try_from(entry.tasks.len()).unwrap_or(u32::MAX);
    fence(parts, connector, to_fence(fencing.tasks, tasks)).await.map_err(failed)?;
    change.write(vec![fencing_record(connector, tasks)]).await.map_err(failed)
}

/// Fences all tasks that a stopped connector had, so that none of them stores positions any more.
///
/// # Errors
/// The log cannot carry it out; this may be called again.
pub async fn of_stopped(parts: &Parts, connector: &str) -> broker_client::Result<()> {
    fence(parts, connector, parts.configs.fencing(connector).tasks.unwrap_or(0)).await
}

/// Whether a task that has fenced those before it is still one of the connector's.
pub fn still_wanted(entry: Option<&ConnectorEntry>, incarnation: &str, task: u32) -> Result<()> {
    match entry {
        Some(entry) if entry.incarnation == incarnation && (task as usize) < entry.tasks.len() => Ok(()),
        _ => Err(Error::fail("the connector's work was split anew while the task started")),
    }
}

/// How many tasks, from number 0, have to be fenced before so many new ones start. None that never were; and a single task that
/// follows a single one does it by itself.
fn to_fence(before: Option<u32>, tasks: u32) -> u32 {
    match before {
        Some(1) if tasks == 1 => 0,
        before => before.unwrap_or(0),
    }
}

async fn fence(parts: &Parts, connector: &str, tasks: u32) -> broker_client::Result<()> {
    let client = parts.link.client(&format!("connector-fencing-{connector}"));
    let fence_task = |task| {
        let (client, id) = (client.clone(), transactional_id(&parts.config.group_id, connector, task));
        async move { fence_producers(&client, &id, TIMEOUT).await }
    };
    stream::iter(0..tasks).map(fence_task).buffer_unordered(AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tasks_that_were_there_are_fenced_unless_there_is_one_after_one() {
        assert_eq!([to_fence(None, 3), to_fence(Some(5), 3), to_fence(Some(3), 5)], [0, 5, 3]);
        assert_eq!([to_fence(Some(1), 1), to_fence(Some(1), 2), to_fence(Some(2), 1)], [0, 1, 2]);
    }

    #[test]
    fn ids_are_kafka_connect_s() {
        assert_eq!(transactional_id("connect-cluster", "my-file", 3), "connect-cluster-my-file-3");
    }
}
