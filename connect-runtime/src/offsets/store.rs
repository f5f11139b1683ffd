//! Reading and storing positions.

use std::sync::Arc;

use broker_client::{Client, Result};
use connector_api::{Position, SourceOffset, SourcePartition};
use parking_lot::Mutex;

use super::OffsetLog;
use crate::internal::{Entry, Tail, Writer};

/// The positions of all sources. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct OffsetStore {
    topic: Arc<str>,
    log: Arc<Mutex<OffsetLog>>,
    tail: Arc<Tail>,
    writer: Writer,
}

impl OffsetStore {
    /// Reads the topic whole, as far as what it holds is committed, and follows it.
    pub async fn open(client: Client, topic: &str, writer: Writer) -> Result<OffsetStore> {
        let log = Arc::new(Mutex::new(OffsetLog::default()));
        let applied = log.clone();
        let apply = move |_: i32, record: &broker_wire::records::Record| {
            if let Some(key) = &record.key {
                applied.lock().apply(key, record.value.as_deref());
            }
        };
        let tail = Tail::start_committed(client, topic, Box::new(apply)).await?;
        Ok(OffsetStore { topic: topic.into(), log, tail: Arc::new(tail), writer })
    }

    /// All positions of a connector that were stored before the call, as far as that can be read while transactions of others are
    /// open.
    pub async fn positions(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        self.tail.catch_up_to_stable().await?;
        Ok(self.log.lock().positions(connector))
    }

    /// All positions of a connector that were stored before the call. Waits for the end of all transactions that are open in the
    /// topic, whosoever they are: until then what was committed behind the begin of one cannot be read.
    pub async fn settled_positions(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        self.tail.catch_up().await?;
        Ok(self.log.lock().positions(connector))
    }

    /// The topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The records that store positions.
    pub fn entries(&self, connector: &str, positions: &[Position]) -> Vec<Entry> {
        self.log.lock().entries(connector, positions)
    }

    /// What it is written with.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Stores positions some time, or not: nobody is told.
    pub fn store_if_possible(&self, connector: &str, positions: &[Position]) {
        self.writer.write_if_possible(&self.topic, self.entries(connector, positions));
    }

    /// Stores positions; on return the log holds them durably.
    pub async fn store(&self, connector: &str, positions: &[Position]) -> Result<()> {
        self.writer.write(&self.topic, self.entries(connector, positions)).await
    }
}
