//! Where connectors stand, changed by users while nothing runs (KIP-875).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker_client::offsets::{Committer, commit, committed, delete_group, delete_offsets};
use broker_client::{Client, TopicPartition};
use connector_api::config::RawConfig;
use connector_api::plugin::AnySourceConnector;
use connector_api::{Plugin, Position, SourceOffset, SourcePartition};

use super::api::{Herd, HerdError, Result};
use super::config_log::{ConnectorEntry, TargetState};
use super::fencing;
use super::status_log::Subject;
use crate::config::OFFSETS_TOPIC_KEY;
use crate::config::client::consumer_settings;
use crate::offsets::{ConnectorOffsets, OwnTopic};
use crate::task::on_own_thread;

/// How long to wait for the last tasks of a connector that was just stopped.
const WAIT_FOR_TASKS: Duration = Duration::from_secs(10);

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a user wants to change.
pub enum OffsetChange {
    /// These partitions of a source; none of the others.
    Source(Vec<Position>),
    /// These partitions of a sink: the offset of the next record to read, or nothing committed.
    Sink(BTreeMap<TopicPartition, Option<i64>>),
    /// All partitions: the connector starts as if it had never run.
    Reset,
}

impl Herd {
    /// The plugin of a connector.
    pub fn plugin(&self, entry: &ConnectorEntry) -> Result<Plugin> {
        self.parts().plugins.of(&entry.config).map_err(HerdError::BadRequest)
    }

    /// What a sink has committed of each partition.
    pub async fn committed(&self, name: &str, config: &RawConfig) -> Result<BTreeMap<TopicPartition, i64>> {
        Ok(committed(&self.offsets_client(), &self.group_of(name, config), None).await?)
    }

    /// Where a source has got to.
    pub async fn positions(&self, name: &str, config: &RawConfig) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        Ok(self.offsets_of(name, config).await?.positions().await?)
    }

    async fn offsets_of(&self, name: &str, config: &RawConfig) -> Result<ConnectorOffsets> {
        let parts = self.parts();
        let own = match config.contains_key(OFFSETS_TOPIC_KEY) {
            true => parts.secrets.resolve(name, config).map_err(HerdError::Failed)?.config.remove(OFFSETS_TOPIC_KEY),
            false => None,
        };
        let own = OwnTopic::named(own.as_ref(), &parts.config.offset_topic);
        let client = self.offsets_client();
        ConnectorOffsets::open(&name.into(), &parts.offsets, own, client).await.map_err(HerdError::Failed)
    }

    /// Changes where a source stands, of which nothing runs any more.
    async fn store(&self, name: &str, entry: &ConnectorEntry, positions: Option<Vec<Position>>) -> Result<()> {
        if self.parts().config.exactly_once {
            fencing::of_stopped(self.parts(), name).await?;
        }
        let offsets = self.offsets_of(name, &entry.config).await?;
        let positions = match positions {
            Some(positions) => positions,
            None => {
                let forget = |(partition, _)| Position { partition, offset: None };
                offsets.settled_positions().await?.into_iter().map(forget).collect()
            }
        };
        Ok(offsets.store(&positions).await?)
    }

    /// Changes where a connector stands. It has to be stopped.
    pub async fn change_offsets(&self, name: &str, change: OffsetChange) -> Result<()> {
        // Nobody starts it meanwhile.
        let _lock = self.parts().configs.change().await?;
        let entry = self.get(name, || format!("Connector {name} not found"))?;
        self.wait_until_stopped(name, &entry).await?;
        match (self.plugin(&entry)?, change) {
            (Plugin::Source(source), OffsetChange::Source(positions)) => {
                self.check_positions(name, &entry.config, source, positions.clone()).await?;
                self.store(name, &entry, Some(positions)).await
            }
            (Plugin::Source(_), OffsetChange::Reset) => self.store(name, &entry, None).await,
            (Plugin::Sink(_), OffsetChange::Sink(offsets)) => self.commit(name, &entry.config, offsets).await,
            (Plugin::Sink(_), OffsetChange::Reset) => {
                delete_group(&self.offsets_client(), &self.group_of(name, &entry.config)).await?;
                Ok(())
            }
            _ => Err(HerdError::BadRequest(format!("Connector {name} has offsets of another kind"))),
        }
    }

    async fn wait_until_stopped(&self, name: &str, entry: &ConnectorEntry) -> Result<()> {
        if entry.target != TargetState::Stopped || !entry.tasks.is_empty() {
            return Err(HerdError::BadRequest(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified: `PUT \
                 /connectors/{name}/stop` stops this one."
            )));
        }
        let runs = || self.has_tasks_left(name);
        let stopped = async {
            while runs() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(WAIT_FOR_TASKS, stopped).await.map_err(|_| {
            HerdError::Conflict(format!("Tasks of connector {name} are still stopping. Ask again in a moment."))
        })
    }

    /// Whether tasks still run here, or on another worker that is there and has not said that it has stopped them.
    fn has_tasks_left(&self, name: &str) -> bool {
        if self.parts().live.get(name).is_some_and(|live| !live.tasks.is_empty()) {
            return true;
        }
        let Some(standing) = self.parts().place.now() else { return true };
        let is_there = |worker_id: &str| standing.members.iter().any(|peer| peer.worker_id == worker_id);
        let mut said = self.parts().statuses.of_connector(name).into_iter();
        said.any(|(subject, status)| {
            matches!(subject, Subject::Task(..))
                && status.worker_id != self.parts().worker_id
                && is_there(&status.worker_id)
        })
    }

    /// Asks the connector whether positions make sense.
    async fn check_positions(
        &self,
        name: &str,
        config: &RawConfig,
        source: Arc<dyn AnySourceConnector>,
        positions: Vec<Position>,
    ) -> Result<()> {
        let refused = |why: connector_api::Error| HerdError::BadRequest(format!("The connector refuses: {why}"));
        let config = self.parts().prepare(name, config).map_err(refused)?.config;
        let call = on_own_thread("check_positions", self.parts().config.call_timeout, move || async move {
            source.check_positions(&config, &positions).await
        });
        call.await.map_err(refused)?.map_err(refused)
    }

    async fn commit(
        &self,
        name: &str,
        config: &RawConfig,
        offsets: BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<()> {
        let (client, group) = (self.offsets_client(), self.group_of(name, config));
        for partition in offsets.keys() {
            let known = client.partitions(&partition.topic).await?.map_or(0, |known| known.leaders.len());
            if usize::try_from(partition.partition).map_or(true, |number| number >= known) {
                return Err(HerdError::BadRequest(format!("The log has no partition {partition}")));
            }
        }
        let (mut gone, mut set) = (Vec::new(), BTreeMap::new());
        for (partition, offset) in offsets {
            match offset {
                Some(offset) => drop(set.insert(partition, offset)),
                None => gone.push(partition),
            }
        }
        if !gone.is_empty() {
            delete_offsets(&client, &group, &gone).await?;
        }
        if !set.is_empty() {
            commit(&client, &Committer { group, generation: -1, member: String::new() }, &set).await?;
        }
        Ok(())
    }

    fn offsets_client(&self) -> Client {
        self.parts().link.client("worker-offsets")
    }

    fn group_of(&self, name: &str, config: &RawConfig) -> String {
        consumer_settings(&self.parts().config.raw, config).group_of(name)
    }
}
