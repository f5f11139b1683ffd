//! The broker as its owner sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::groups::coordinator::Coordinator;
use crate::log::disk::replace_file;
use crate::log::folder::LogFolder;
use crate::log::lock::FolderLock;
use crate::open::{CLEAN_FILE, OpenError};
use crate::producer_ids::ProducerIds;
use crate::server::listener::{BindError, BoundListeners};
use crate::server::session::Session;
use crate::topics::Registry;
use crate::transactions::coordinator::TransactionCoordinator;

/// A running broker. Clones are the same broker.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(crate) shared: Arc<Shared>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub config: BrokerConfig,
    pub clock: Clock,
    pub cluster_id: String,
    pub folder: Arc<LogFolder>,
    pub registry: Arc<Registry>,
    pub coordinator: Arc<Coordinator>,
    pub transactions: Arc<TransactionCoordinator>,
    pub producer_ids: Arc<ProducerIds>,
    /// Where timers and blocking work run.
    pub runtime: Handle,
    pub connections: AtomicUsize,
    pub timers: Mutex<Vec<JoinHandle<()>>>,
    pub lock: Mutex<Option<FolderLock>>,
}

impl Broker {
    /// Opens the log: locks its folder, recovers what a kill or a power cut left, loads groups. Timers run on the tokio
    /// runtime that this is called in, which must have time and, for TCP, IO enabled.
    ///
    /// # Errors
    /// [`OpenError`] says in one line what to do.
    pub fn open(config: BrokerConfig) -> Result<Self, OpenError> {
        crate::open::open(config)
    }

    /// Takes the addresses of `listeners`.
    ///
    /// # Errors
    /// An address cannot be had.
    pub async fn bind(&self) -> Result<BoundListeners, BindError> {
        crate::server::listener::bind(&self.shared.config).await
    }

    /// Serves connections until `shutdown` ends; then no more are taken, and those that are there get their pending
    /// answers, for a second at most.
    pub async fn serve(&self, listeners: BoundListeners, shutdown: impl Future<Output = ()>) {
        crate::server::listener::serve(&self.shared, listeners, shutdown).await;
    }

    /// A connection without a socket, for a client in the same process. `peer` is the name that groups show for its
    /// members' hosts.
    pub fn session(&self, peer: &str) -> Session {
        Session::in_process(&self.shared, peer)
    }

    /// Says that so many members will come into a group. If it is empty, it begins as soon as they are there instead of
    /// after `group.initial.rebalance.delay.ms`; it waits for them no longer than it would anyway.
    pub fn await_members(&self, group: &str, members: usize) {
        self.shared.coordinator.await_members(group, members);
    }

    /// Returns once the log folder failed and takes no more writes. The owner shall end the process then; a restart
    /// looks at what is really on the disk.
    pub async fn failed(&self) {
        self.shared.folder.failed().await;
    }

    /// How many connections over sockets there are.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Stops: no more writes are taken, everything appended is synced and answered, and the folder is marked as cleanly
    /// stopped, so that the next start need not read the log. The folder is free for others afterwards.
    pub async fn shutdown(&self) {
        let shared = self.shared.clone();
        let stopped = self.shared.runtime.spawn_blocking(move || shared.stop()).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "the log could not be stopped cleanly");
        }
    }
}

impl Shared {
    fn stop(&self) {
        let Some(lock) = self.lock.lock().take() else { return };
        self.timers.lock().drain(..).for_each(|timer| timer.abort());
        self.coordinator.hang_up();
        self.folder.close();
        let logs = self.registry.logs();
        // Whoever was inside an append has left it once the lock was ours.
        logs.iter().for_each(|log| log.with_state(|_| ()));
        self.folder.stop();
        if self.folder.failure().is_none() {
            let closed = logs.iter().try_for_each(|log| log.close()).and_then(|()| self.mark_clean());
            if let Err(error) = closed {
                tracing::warn!(%error, "clean stop not marked: the next start reads the log");
            }
        }
        drop(lock);
    }

    fn mark_clean(&self) -> std::io::Result<()> {
        self.folder.points().sync()?;
        replace_file(self.folder.disk(), &self.folder.path().join(CLEAN_FILE), b"1\n")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.timers.lock().drain(..).for_each(|timer| timer.abort());
        self.folder.close();
        self.folder.stop();
    }
}
