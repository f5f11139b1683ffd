//! Reading and storing positions.

use std::sync::Arc;

use broker_client::{Client, Result};
use connector_api::{Position, SourceOffset, SourcePartition};
use parking_lot::Mutex;

use super::OffsetLog;
use crate::internal::{Tail, Writer};

/// The positions of all sources. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct OffsetStore {
    topic: Arc<str>,
    log: Arc<Mutex<OffsetLog>>,
    tail: Arc<Tail>,
    writer: Writer,
}

impl OffsetStore {
    /// Reads the topic whole and follows it.
    pub async fn open(client: Client, topic: &str, writer: Writer) -> Result<OffsetStore> {
        let log = Arc::new(Mutex::new(OffsetLog::default()));
        let applied = log.clone();
        let apply = move |_: i32, record: &broker_wire::records::Record| {
            if let Some(key) = &record.key {
                applied.lock().apply(key, record.value.as_deref());
            }
        };
        let tail = Tail::start(client, topic, Box::new(apply)).await?;
        Ok(OffsetStore { topic: topic.into(), log, tail: Arc::new(tail), writer })
    }

    /// All positions of a connector that were stored before the call.
    pub async fn positions(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        self.tail.catch_up().await?;
        Ok(self.log.lock().positions(connector))
    }

    /// Stores positions; on return the log holds them durably.
    pub async fn store(&self, connector: &str, positions: &[Position]) -> Result<()> {
        let entries = self.log.lock().entries(connector, positions);
        self.writer.write(&self.topic, entries).await
    }
}
