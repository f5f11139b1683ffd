//! Reading and writing the config topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker_client::{Client, ClientError, Result};
use parking_lot::Mutex;
use tokio::sync::{MutexGuard, mpsc, watch};

use super::assignment::{Birth, Item};
use super::config_log::{ConfigLog, ConnectorEntry, Fencing, Record, RestartRequest};
use crate::internal::{Entry, FencedWriter, Tail};
use crate::peers::SessionKeys;

/// How long writing and reading back may take: Kafka Connect's own limit.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// What the user wants. Cheap to clone.
#[derive(Clone)]
pub struct ConfigStore(Arc<Shared>);

struct Shared {
    topic: Arc<str>,
    log: Arc<Mutex<ConfigLog>>,
    tail: Tail,
    writer: FencedWriter,
    changed: watch::Receiver<i64>,
    writing: tokio::sync::Mutex<()>,
}

/// The right to change: what was read under it still holds when it is written.
pub struct Changing<'a> {
    store: &'a Shared,
    _guard: MutexGuard<'a, ()>,
}

impl ConfigStore {
    /// Reads the topic whole and follows it. Restart requests that come from then on go to `restarts`. Only one of the
    /// writers of the same id writes: see [`FencedWriter`].
    pub async fn open(
        client: Client,
        topic: &str,
        writer: FencedWriter,
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
        let tail = Tail::start_committed(client, topic, Box::new(apply)).await?;
        live.store(true, Ordering::Relaxed);
        let writing = tokio::sync::Mutex::new(());
        Ok(ConfigStore(Arc::new(Shared { topic: topic.into(), log, tail, writer, changed, writing })))
    }

    /// A connector.
    pub fn get(&self, name: &str) -> Option<ConnectorEntry> {
        self.0.log.lock().connectors().get(name).cloned()
    }

    /// Whether there is such a connector, or such a task of it.
    pub fn has(&self, item: &Item) -> bool {
        self.0.log.lock().has(item)
    }

    /// The names of all connectors, sorted.
    pub fn names(&self) -> Vec<String> {
        self.0.log.lock().connectors().keys().cloned().collect()
    }

    /// All connectors.
    pub fn all(&self) -> BTreeMap<String, ConnectorEntry> {
        self.0.log.lock().connectors().clone()
    }

    /// All connectors and tasks, and the offset up to which the topic was read for that.
    pub fn items(&self) -> (i64, BTreeSet<Item>) {
        let log = self.0.log.lock();
        (log.next_offset(), log.items())
    }

    /// The keys with which workers sign their calls.
    pub fn session_keys(&self) -> SessionKeys {
        self.0.log.lock().session_keys().clone()
    }

    /// Which tasks of a connector may still write in transactions.
    pub fn fencing(&self, name: &str) -> Fencing {
        self.0.log.lock().fencing(name)
    }

    /// The connectors of which something has changed since the last call. For the supervisor alone.
    pub fn take_changed(&self) -> BTreeSet<String> {
        self.0.log.lock().take_changed()
    }

    /// The offset up to which the topic has been read.
    pub fn offset(&self) -> i64 {
        *self.0.changed.borrow()
    }

    /// What came to be by the records from `offset` on. What came before is forgotten.
    pub fn births_since(&self, offset: i64) -> Vec<Birth> {
        let mut log = self.0.log.lock();
        log.forget_births(offset);
        log.births_since(offset).to_vec()
    }

    /// Reads all that anybody can read at the moment.
    pub async fn catch_up(&self) -> Result<()> {
        tokio::time::timeout(WRITE_LIMIT, self.0.tail.catch_up_to_stable()).await.map_err(|_| too_slow())?
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.0.changed.clone()
    }

    /// Waits for the right to change something. What others changed before has been read by then, and they change nothing
    /// any more.
    pub async fn change(&self) -> Result<Changing<'_>> {
        let changing = async {
            let guard = self.0.writing.lock().await;
            self.0.writer.claim().await?;
            self.0.tail.catch_up().await?;
            Ok(Changing { store: &self.0, _guard: guard })
        };
        tokio::time::timeout(WRITE_LIMIT, changing).await.map_err(|_| too_slow())?
    }
}

impl Changing<'_> {
    /// Writes records, all or none, and reads them back.
    pub async fn write(&self, records: Vec<Record>) -> Result<()> {
        let entry = |(key, value): Record| Entry { key: key.into(), value: value.map(Into::into) };
        let entries: Vec<Entry> = records.into_iter().map(entry).collect();
        let written = async {
            self.store.writer.write(&self.store.topic, &entries).await?;
            self.store.tail.catch_up().await
        };
        tokio::time::timeout(WRITE_LIMIT, written).await.map_err(|_| too_slow())?
    }
}

fn too_slow() -> ClientError {
    ClientError::Missing(format!("answer of the log to a change of the configuration within {WRITE_LIMIT:?}"))
}
