//! What a task tells its worker beside records.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::panic_message;

/// How much of a long piece of work is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is worked on, such as a table.
    pub name: String,
    /// How much is done.
    pub done: u64,
    /// How much there is, as far as it is known; an estimate is good enough.
    pub total: Option<u64>,
    /// What is counted: `rows`, `bytes`.
    pub unit: Cow<'static, str>,
    /// Whether the work is finished; a total that was an estimate is then put right.
    pub finished: bool,
}

/// The worker, as a task sees it. Calls are cheap and never block.
pub trait Host: Send + Sync {
    /// Shows in the task's status how far a piece of work has come. The same name replaces what was shown before.
    fn progress(&self, progress: Progress);

    /// Shows in the task's status what it is doing now, in a few words.
    fn activity(&self, text: &str);

    /// Shows a warning in the task's status and in the log, once for each text.
    fn warn(&self, text: &str);

    /// Shows a number in the task's status, such as how far it lags behind. The same name replaces what was shown before.
    fn metric(&self, _name: &str, _value: f64) {}

    /// Says that the task cannot go on, from whatever thread: it fails at its next step, with that reason.
    fn broken(&self, _why: &str) {}

    /// Memory for what the task keeps from one call to the next, out of what the worker has for all its tasks. A task
    /// holds one of these, says through it how much it keeps, and keeps less where it is refused.
    fn memory(&self) -> Box<dyn Memory> {
        Box::new(Unlimited)
    }

    /// Counts a request to the other side, and says how long to wait before it is sent: the user's limit
    /// `rate.limit.requests.per.second`. A connector that asks lists that key among its own.
    fn request(&self) -> Duration {
        Duration::ZERO
    }
}

/// A task's share of the worker's memory. Dropping it gives it back.
pub trait Memory: Send {
    /// Makes the share that big, in bytes. False if there is not as much left: the share stays as it was. Making it smaller
    /// always works. Never blocks, so nobody waits for anybody: whoever is refused sends what it keeps.
    fn resize(&mut self, bytes: usize) -> bool;
}

/// Memory without a limit: outside any worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Memory for Unlimited {
    fn resize(&mut self, _: usize) -> bool {
        true
    }
}

/// A host that hears nothing: for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence;

impl Host for Silence {
    fn progress(&self, _: Progress) {}
    fn activity(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}

/// Which task this is, and its worker.
#[derive(Clone)]
pub struct TaskContext {
    /// The connector's name, as the user chose it.
    pub connector: Arc<str>,
    /// The task's number, from 0.
    pub task: u32,
    /// The worker.
    pub host: Arc<dyn Host>,
}

impl TaskContext {
    /// Starts a thread of the task's own. A panic in it fails the task, where that of any other thread would only show in
    /// the log.
    pub fn spawn_thread(&self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let (host, shown) = (self.host.clone(), name.to_owned());
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
                host.broken(&format!("its thread {shown} panicked: {}", panic_message(&*panic)));
            }
        })
    }

    /// A task outside any worker: for tests.
    pub fn alone(connector: &str) -> TaskContext {
        TaskContext { connector: connector.into(), task: 0, host: Arc::new(Silence) }
    }
}
