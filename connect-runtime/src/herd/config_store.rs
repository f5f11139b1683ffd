//! Reading and writing the config topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker_client::{Client, ClientError, Result};
use parking_lot::Mutex;
use tokio::sync::{MutexGuard, mpsc, watch};

use super::config_log::{ConfigLog, ConnectorEntry, Fencing, Record, RestartRequest};
use crate::internal::{Entry, Tail, Writer};

/// How long writing and reading back may take: Kafka Connect's own limit.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// What the user wants. Cheap to clone.
#[derive(Clone)]
pub struct ConfigStore(Arc<Shared>);

struct Shared {
    topic: Arc<str>,
    log: Arc<Mutex<ConfigLog>>,
    tail: Tail,
    writer: Writer,
    changed: watch::Receiver<i64>,
    writing: tokio::sync::Mutex<()>,
}

/// The right to change: what was read under it still holds when it is written.
pub struct Changing<'a> {
    store: &'a Shared,
    _guard: MutexGuard<'a, ()>,
}

impl ConfigStore {
    /// Reads the topic whole and follows it. Restart requests that come from then on go to `restarts`.
    pub async fn open(
        client: Client,
        topic: &str,
        writer: Writer,
        restarts: mpsc::UnboundedSender<RestartRequest>,
    ) -> Result<ConfigStore> {
        let log = Arc::new(Mutex::new(ConfigLog::default()));
        let (sender, changed) = watch::channel(0);
        let live = Arc::new(AtomicBool::new(false));
        let (applied, replayed) = (log.clone(), live.clone());
        let apply = move |_: i32, record: &broker_wire::records::Record| {
            let Some(key) = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) else { return };
            let mut log = applied.lock();
            if let Some(request) = log.apply(record.offset, key, record.value.as_deref())
                && replayed.load(Ordering::Relaxed)
            {
                let _ = restarts.send(request);
            }
            sender.send_replace(log.next_offset());
        };
        let tail = Tail::start(client, topic, Box::new(apply)).await?;
        live.store(true, Ordering::Relaxed);
        let writing = tokio::sync::Mutex::new(());
        Ok(ConfigStore(Arc::new(Shared { topic: topic.into(), log, tail, writer, changed, writing })))
    }

    /// A connector.
    pub fn get(&self, name: &str) -> Option<ConnectorEntry> {
        self.0.log.lock().connectors().get(name).cloned()
    }

    /// The names of all connectors, sorted.
    pub fn names(&self) -> Vec<String> {
        self.0.log.lock().connectors().keys().cloned().collect()
    }

    /// All connectors.
    pub fn all(&self) -> BTreeMap<String, ConnectorEntry> {
        self.0.log.lock().connectors().clone()
    }

    /// Which tasks of a connector may still write in transactions.
    pub fn fencing(&self, name: &str) -> Fencing {
        self.0.log.lock().fencing(name)
    }

    /// Returns once everything has been read that was written before the call.
    pub async fn catch_up(&self) -> Result<()> {
        tokio::time::timeout(WRITE_LIMIT, self.0.tail.catch_up()).await.map_err(|_| too_slow())?
    }

    /// The offset up to which the topic has been read.
    pub fn offset(&self) -> i64 {
        *self.0.changed.borrow()
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.0.changed.clone()
    }

    /// Waits for the right to change something. What others changed before has been read by then.
    pub async fn change(&self) -> Result<Changing<'_>> {
        let changing = async {
            let guard = self.0.writing.lock().await;
            self.0.tail.catch_up().await?;
            Ok(Changing { store: &self.0, _guard: guard })
        };
        tokio::time::timeout(WRITE_LIMIT, changing).await.map_err(|_| too_slow())?
    }
}

impl Changing<'_> {
    /// Writes records and reads them back.
    pub async fn write(&self, records: Vec<Record>) -> Result<()> {
        let entry = |(key, value): Record| Entry { key: key.into(), value: value.map(Into::into) };
        let entries: Vec<Entry> = records.into_iter().map(entry).collect();
        let written = async {
            self.store.writer.write(&self.store.topic, entries).await?;
            self.store.tail.catch_up().await
        };
        tokio::time::timeout(WRITE_LIMIT, written).await.map_err(|_| too_slow())?
    }
}

fn too_slow() -> ClientError {
    ClientError::Missing(format!("answer of the log to a change of the configuration within {WRITE_LIMIT:?}"))
}
