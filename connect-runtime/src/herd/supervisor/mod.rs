//! Runs what is wanted: compares the config topic with what runs here, and starts and stops the difference.
//!
//! | file | what it holds |
//! |---|---|
//! | `actor.rs` | the loop: changes, requests, ends of threads, the clock |
//! | `connector.rs` | a connector: splitting its work into tasks |
//! | `task.rs` | a task: its phases, its restarts |
//! | `prepared.rs` | a connector's configuration, ready for its calls |
//! | `launch.rs` | the threads of tasks |

mod actor;
mod connector;
mod launch;
mod prepared;
mod task;

pub(super) use task::without_limits;

use std::sync::Arc;

use broker_client::Session;
use tokio::sync::{mpsc, oneshot};

use super::assignment::Measured;
use super::config_log::RestartRequest;
use super::{ConfigStore, Live, Place, StatusStore};
use crate::config::WorkerConfig;
use crate::log::LogLink;
use crate::offsets::OffsetStore;
use crate::peers::Caller;
use crate::plugins::Plugins;
use crate::secrets::Secrets;
use crate::task::{MemoryBudget, TaskEnd};

/// What a worker is made of, as far as running connectors needs it.
pub struct Parts {
    /// The worker's settings.
    pub config: WorkerConfig,
    /// The advertised `host:port`.
    pub worker_id: String,
    /// The connectors that there are.
    pub plugins: Plugins,
    /// Variables and sealed passwords.
    pub secrets: Secrets,
    /// Who else is in the herd, and who runs what.
    pub place: Place,
    /// Calls the others.
    pub caller: Caller,
    /// Until when the worker's place in the herd is its own.
    pub session: Session,
    /// The log.
    pub link: LogLink,
    /// What is wanted.
    pub configs: ConfigStore,
    /// How it goes.
    pub statuses: StatusStore,
    /// Where sources have got to.
    pub offsets: OffsetStore,
    /// What runs here.
    pub live: Live,
    /// Memory for records on their way.
    pub budget: MemoryBudget,
    /// Memory for what tasks keep from call to call.
    pub kept: MemoryBudget,
}

/// What the supervisor is told.
enum Event {
    /// A connector has split its work, or could not.
    Split { connector: String, run: u64, result: connector_api::Result<Vec<connector_api::config::RawConfig>> },
    /// A connector that watches its system wants to split anew, or has failed.
    Watched { connector: String, run: u64, result: connector_api::Result<()> },
    /// The new task configurations are in the config topic, or could not be written.
    Committed { connector: String, run: u64, result: Result<(), String> },
    /// A task's connector has started.
    Started { connector: String, task: u32, run: u64 },
    /// A task's thread has ended.
    Ended { connector: String, task: u32, run: u64, end: TaskEnd },
    /// Start a connector anew.
    RestartConnector { connector: String, done: oneshot::Sender<()> },
    /// Start a task anew. False if there is no such task.
    RestartTask { connector: String, task: u32, done: oneshot::Sender<bool> },
    /// Say what runs here, also what is still stopping, and what it was measured to weigh.
    Running { told: oneshot::Sender<Measured> },
    /// Say when nothing runs here any more that is not this worker's.
    Release { done: oneshot::Sender<()> },
    /// Others run everything by now: give it up, at once and without a last word.
    GiveUpAll { done: oneshot::Sender<()> },
    /// Stop everything.
    Shutdown { done: oneshot::Sender<()> },
}

/// Talks to the supervisor. Cheap to clone.
#[derive(Clone)]
pub struct SupervisorHandle(mpsc::UnboundedSender<Event>);

impl SupervisorHandle {
    /// Starts a connector anew; its tasks go on.
    pub async fn restart_connector(&self, connector: &str) {
        let (done, restarted) = oneshot::channel();
        if self.0.send(Event::RestartConnector { connector: connector.to_owned(), done }).is_ok() {
            let _ = restarted.await;
        }
    }

    /// Starts a task anew. False if there is no such task.
    pub async fn restart_task(&self, connector: &str, task: u32) -> bool {
        let (done, restarted) = oneshot::channel();
        let asked = self.0.send(Event::RestartTask { connector: connector.to_owned(), task, done });
        asked.is_ok() && restarted.await.unwrap_or(false)
    }

    /// What runs here, also what is still stopping, and what it was measured to weigh.
    pub async fn running(&self) -> Measured {
        let (told, running) = oneshot::channel();
        let _ = self.0.send(Event::Running { told });
        running.await.unwrap_or_default()
    }

    /// Ends once nothing runs here any more that is not this worker's.
    pub fn release(&self) -> oneshot::Receiver<()> {
        let (done, released) = oneshot::channel();
        let _ = self.0.send(Event::Release { done });
        released
    }

    /// Gives everything up: others run it by now. What it may still do does not count.
    pub async fn give_up_all(&self) {
        let (done, given_up) = oneshot::channel();
        if self.0.send(Event::GiveUpAll { done }).is_ok() {
            let _ = given_up.await;
        }
    }

    /// Stops all tasks, within the worker's graceful time; returns once they have ended or were given up.
    pub async fn shutdown(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.send(Event::Shutdown { done }).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// Starts running what is wanted, on this runtime.
pub fn start_supervisor(parts: Arc<Parts>, restarts: mpsc::UnboundedReceiver<RestartRequest>) -> SupervisorHandle {
    let (sender, events) = mpsc::unbounded_channel();
    tokio::spawn(actor::Supervisor::new(parts, sender.clone()).run(events, restarts));
    SupervisorHandle(sender)
}
