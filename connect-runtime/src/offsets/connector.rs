//! The positions of one connector. They are in the worker's topic, or, with `offsets.storage.topic`, in one that the connector has
//! for itself, of which the worker's then holds a copy (KIP-618).

use std::sync::Arc;

use broker_client::{Client, Result};
use connector_api::{Position, SourceOffset, SourcePartition};

use super::OffsetStore;
use crate::config::InternalTopicConfig;
use crate::internal::{Entry, ensure};

/// The topic that a connector keeps its positions in, if it is not the worker's.
#[derive(Clone, Debug)]
pub struct OwnTopic(InternalTopicConfig);

impl OwnTopic {
    /// The topic of that name, made like the worker's own if it has to be. `None` if there is no name, or it is the worker's.
    pub fn named(name: Option<&String>, workers: &InternalTopicConfig) -> Option<OwnTopic> {
        let name = name.map(|name| name.trim()).filter(|name| !name.is_empty() && *name != workers.name)?;
        Some(OwnTopic(InternalTopicConfig { name: name.to_owned(), ..workers.clone() }))
    }
}

/// The positions of one connector. Cheap to clone.
#[derive(Clone)]
pub struct ConnectorOffsets {
    connector: Arc<str>,
    workers: OffsetStore,
    own: Option<OffsetStore>,
}

impl ConnectorOffsets {
    /// Makes the connector's own topic if it is not there, and reads it. The client is used on this runtime alone.
    ///
    /// # Errors
    /// A sentence that names the topic.
    pub async fn open(
        connector: &Arc<str>,
        workers: &OffsetStore,
        own: Option<OwnTopic>,
        client: Client,
    ) -> std::result::Result<ConnectorOffsets, String> {
        let own = match own {
            None => None,
            Some(OwnTopic(topic)) => {
                ensure(&client, [&topic]).await?;
                let opened = OffsetStore::open(client, &topic.name, workers.writer().clone()).await;
                Some(opened.map_err(|why| format!("Cannot read the topic {}: {why}.", topic.name))?)
            }
        };
        Ok(ConnectorOffsets { connector: connector.clone(), workers: workers.clone(), own })
    }

    /// All positions that were stored before the call, as far as that can be read while transactions are open.
    pub async fn positions(&self) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        let workers = self.workers.positions(&self.connector).await?;
        match &self.own {
            None => Ok(workers),
            Some(own) => Ok(merged(own.positions(&self.connector).await?, workers)),
        }
    }

    /// All positions that were stored before the call; waits for open transactions. See [`OffsetStore::settled_positions`].
    pub async fn settled_positions(&self) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        // In the worker's topic too: the connector may have committed there until it got a topic of its own.
        let workers = self.workers.settled_positions(&self.connector).await?;
        match &self.own {
            None => Ok(workers),
            Some(own) => Ok(merged(own.settled_positions(&self.connector).await?, workers)),
        }
    }

    /// Stores positions; on return the log holds them durably. What is forgotten is forgotten in the copy first, or it would be read
    /// from there again.
    pub async fn store(&self, positions: &[Position]) -> Result<()> {
        let Some(own) = &self.own else { return self.workers.store(&self.connector, positions).await };
        let forgotten: Vec<Position> = positions.iter().filter(|position| position.offset.is_none()).cloned().collect();
        self.workers.store(&self.connector, &forgotten).await?;
        own.store(&self.connector, positions).await?;
        self.copy(positions);
        Ok(())
    }

    /// Has positions that are stored in the connector's own topic copied to the worker's, if that is possible.
    pub fn copy(&self, positions: &[Position]) {
        if self.own.is_some() {
            self.workers.store_if_possible(&self.connector, positions);
        }
    }

    /// The topic that decides.
    pub fn topic(&self) -> &Arc<str> {
        self.own.as_ref().unwrap_or(&self.workers).topic()
    }

    /// The records that store positions in the topic that decides.
    pub fn entries(&self, positions: &[Position]) -> Vec<Entry> {
        self.own.as_ref().unwrap_or(&self.workers).entries(&self.connector, positions)
    }
}

/// Both, the first ones where both know a partition.
fn merged(
    first: Vec<(SourcePartition, SourceOffset)>,
    second: Vec<(SourcePartition, SourceOffset)>,
) -> Vec<(SourcePartition, SourceOffset)> {
    let mut all = first;
    let more: Vec<_> =
        second.into_iter().filter(|(partition, _)| all.iter().all(|(known, _)| known != partition)).collect();
    all.extend(more);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connector_s_own_topic_wins() {
        let at = |partition: &str, offset: i64| (SourcePartition::of("p", partition), SourceOffset::of("o", offset));
        let read = merged(vec![at("a", 2), at("b", 3)], vec![at("a", 1), at("c", 4)]);
        assert_eq!(read, [at("a", 2), at("b", 3), at("c", 4)]);
    }

    #[test]
    fn the_worker_s_topic_is_not_one_of_its_own() {
        let workers = InternalTopicConfig {
            name: "offsets".to_owned(),
            partitions: 25,
            replication_factor: 1,
            settings: std::collections::BTreeMap::new(),
        };
        let named = |name: &str| OwnTopic::named(Some(&name.to_owned()), &workers).map(|own| own.0.name);
        assert_eq!((named(""), named("offsets"), named(" mine ")), (None, None, Some("mine".to_owned())));
        assert!(OwnTopic::named(None, &workers).is_none());
    }
}
