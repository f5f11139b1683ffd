//! Sources: from the outside world into topics.

use std::time::Duration;

use crate::config::{Config, Issue, RawConfig};
use crate::connector::{Definition, ExactlyOnce};
use crate::error::{Error, Result};
use crate::host::TaskContext;
use crate::position::{Position, SourceOffset, SourcePartition};
use crate::record::SourceRecord;

/// Makes the tasks of a source. One value serves all connectors of its class, so it holds no state of any of them.
///
/// Every method runs on a thread of its own under the worker's deadline (`connector.call.timeout.ms`), inside a
/// current-thread tokio runtime with a local set.
#[allow(async_fn_in_trait, reason = "futures stay on the thread that made them, so they need not be Send")]
pub trait SourceConnector: Send + Sync + 'static {
    /// The task.
    type Task: SourceTask;

    /// Names, version, keys.
    fn definition(&self) -> Definition;

    /// A new task, not started. Called on the task's own thread.
    fn task(&self) -> Self::Task;

    /// What is wrong beyond single keys: keys that exclude each other, and what only the other system can tell, such as
    /// a wrong password. The keys have been checked; connectors may connect to find out, with a limit of their own well
    /// below the worker's deadline: past that the configuration is refused, where a slow other side deserves a warning.
    async fn validate(&self, _config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// Splits the work into at most `max` task configurations, at least one. By default there is one task, with the
    /// connector's own configuration.
    async fn split(&self, config: &Config, _max: usize) -> Result<Vec<RawConfig>> {
        Ok(vec![config.raw().clone()])
    }

    /// Whether [`watch`](Self::watch) does anything. A connector that watches has a thread for it.
    fn watches(&self) -> bool {
        false
    }

    /// Watches the other system and returns as soon as the work should be split anew, such as after a table has been
    /// added. The worker then calls [`split`](Self::split), replaces the tasks if the split is another one, and calls
    /// this again. Dropped when the connector stops. Called only if [`watches`](Self::watches) says so.
    async fn watch(&self, _config: &Config) -> Result<()> {
        std::future::pending().await
    }

    /// Whether this configuration can be exactly once.
    fn exactly_once(&self, _config: &Config) -> ExactlyOnce {
        ExactlyOnce::Unsupported
    }

    /// Whether positions that a user wants to store make sense for this connector. By default all do.
    async fn check_positions(&self, _config: &Config, _positions: &[Position]) -> Result<()> {
        Ok(())
    }
}

/// Reads the outside world and hands over batches.
///
/// ```text
/// start -> ( poll | settled )* -> stop
/// ```
///
/// The calls never overlap. They run on a thread that belongs to this task alone, inside a current-thread tokio runtime
/// with a local set, so a task may block, may await, and may use `tokio::task::spawn_local` for what must go on between
/// its calls. An error of [`Decision::Retry`](crate::Decision::Retry) makes the worker repeat a `poll` after a growing
/// delay; every other error, and any error of another call, ends the task, which starts again if that
/// [may heal it](crate::Error::may_heal).
#[allow(async_fn_in_trait, reason = "futures stay on the task's thread, so they need not be Send")]
pub trait SourceTask: 'static {
    /// Connects and goes to the stored position. Called once.
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()>;

    /// The next batch; `None` if nothing came within about `limits.wait`.
    ///
    /// The worker drops a pending poll only to stop the task; after that it calls nothing but `settled` and `stop`.
    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>>;

    /// Tells what became of a batch. Follows every batch exactly once, in the order of the polls, at the latest before
    /// `stop`.
    async fn settled(&mut self, _batch: u64, _outcome: Outcome) -> Result<()> {
        Ok(())
    }

    /// Lets go of everything. Called once if `start` was called, also if it failed, and never after a panic.
    async fn stop(&mut self) {}
}

/// What a source task learns at its start.
#[derive(Clone)]
pub struct SourceContext {
    /// Which task this is, and its worker.
    pub task: TaskContext,
    /// All positions that are stored for the connector.
    pub positions: Vec<(SourcePartition, SourceOffset)>,
}

impl SourceContext {
    /// How far a partition had got; `None` at the first start.
    pub fn offset(&self, partition: &SourcePartition) -> Option<&SourceOffset> {
        self.positions.iter().find(|(known, _)| known == partition).map(|(_, offset)| offset)
    }
}

/// How much a poll may return and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub struct PollLimits {
    /// At most that many records. A task may stop at fewer.
    pub max_records: usize,
    /// Stop adding records once the batch is that large, in bytes; a single larger record is allowed.
    pub max_bytes: usize,
    /// How long to wait for the first record.
    pub wait: Duration,
}

/// Records and the position after them: the unit of delivery. All of it arrives, or it is read again.
#[derive(Clone, Debug, Default)]
pub struct SourceBatch {
    /// Given back to [`SourceTask::settled`]; whatever the task likes, such as a counter or a position in the source.
    pub id: u64,
    /// The records, in order. May be empty where only the position has moved.
    pub records: Vec<SourceRecord>,
    /// Where the partitions that the batch has touched stand after it. Stored only once every record is durable.
    pub positions: Vec<Position>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The log holds every record durably, and the positions are stored: the other system may forget them.
    Delivered,
    /// It could not be delivered, for this reason. The task is about to end.
    Failed(String),
    /// The task ended before it was known. The next start reads it again.
    Unknown,
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Outcome {
        Outcome::Failed(error.to_string())
    }
}
