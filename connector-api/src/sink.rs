//! Sinks: from topics into the outside world.

use crate::config::{Config, Issue, RawConfig};
use crate::connector::Definition;
use crate::data::Format;
use crate::error::{Error, Result};
use crate::host::TaskContext;
use crate::record::{SinkRecord, TopicPartition};

/// Makes the tasks of a sink. One value serves all connectors of its class, so it holds no state of any of them.
///
/// Every method runs on a thread of its own under the worker's deadline (`connector.call.timeout.ms`), inside a
/// current-thread tokio runtime with a local set.
#[allow(async_fn_in_trait, reason = "futures stay on the thread that made them, so they need not be Send")]
pub trait SinkConnector: Send + Sync + 'static {
    /// The task.
    type Task: SinkTask;

    /// Names, version, keys.
    fn definition(&self) -> Definition;

    /// A new task, not started. Called on the task's own thread.
    fn task(&self) -> Self::Task;

    /// In which form the sink wants keys and values.
    fn formats(&self, config: &Config) -> Formats;

    /// What is wrong beyond single keys; see [`SourceConnector::validate`](crate::SourceConnector::validate).
    async fn validate(&self, _config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// The task configurations. A sink's partitions are shared out among its tasks by the log, so by default all `max`
    /// tasks have the connector's own configuration.
    async fn split(&self, config: &Config, max: usize) -> Result<Vec<RawConfig>> {
        Ok(vec![config.raw().clone(); max])
    }
}

/// The forms in which a sink wants keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// Keys.
    pub key: Format,
    /// Values.
    pub value: Format,
}

/// Writes records to the outside world.
///
/// ```text
/// start -> ( open -> ( put | written | flush )* -> flush -> close )* -> stop
/// ```
///
/// The calls never overlap and run on the task's own thread, as those of a source do. Offsets are committed to what
/// `flush` says and never beyond it, so a sink may keep records back for as long as it likes.
///
/// An error of [`Decision::Retry`](crate::Decision::Retry) makes the worker repeat a `put`, `flush` or `written` after a
/// growing delay; every other error, and any error of `start`, `open` and `close`, ends the task, which starts again if
/// that [may heal it](crate::Error::may_heal).
#[allow(async_fn_in_trait, reason = "futures stay on the task's thread, so they need not be Send")]
pub trait SinkTask: 'static {
    /// Connects. Called once.
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()>;

    /// Takes on partitions. A sink that keeps offsets itself says where to read on; the others are read from their
    /// committed offsets.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<Vec<ReadFrom>> {
        Ok(Vec::new())
    }

    /// Takes records: writes them, or keeps them until `flush`.
    ///
    /// Records that this call cannot deal with are named in the reply, the rest counts as taken. An error of
    /// [`Decision::Retry`](crate::Decision::Retry) makes the worker call again with the same records, so an error says
    /// that none of them counts as taken. An error of [`Decision::Reject`](crate::Decision::Reject) says that one of them
    /// is no good, without saying which: the worker puts fewer of them until it has found it.
    ///
    /// The next `put` comes only after rejected records are dealt with: their dead letters are in the log. A sink that
    /// keeps offsets itself ([`ReadFrom`]) therefore moves them past a rejected record with the next `put`, and not with
    /// a `flush`, which may come in between and also comes where the task fails at the record.
    ///
    /// A sink that keeps records and may yet reject some of them says so ([`Taken::kept`]) and names those by
    /// [`written`](Self::written).
    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken>;

    /// Whether the task takes more records now. `put` is not called while it says no; what makes room has to end a
    /// [`written`](Self::written), since the worker asks again after each.
    fn has_room(&self) -> bool {
        true
    }

    /// Waits until something has become of records that were kept, and says what: for sinks whose writing goes on
    /// between calls. Called whenever no other call is, and dropped whenever another one is due, so it must lose
    /// nothing when dropped: what goes on lives in the task, and this drives it. There is no limit to its time.
    ///
    /// An error of [`Decision::Retry`](crate::Decision::Retry) shows in the status, and the call is made again after its
    /// delay; nothing is put again because of it.
    async fn written(&mut self) -> Result<Written> {
        std::future::pending().await
    }

    /// Says what is safe on the other side. Called at the commit interval, also when nothing was put since, and before
    /// partitions are given up.
    ///
    /// By default everything that was put is safe: right for a sink whose `put` returns after the other side has it.
    async fn flush(&mut self, _occasion: FlushOccasion) -> Result<Flushed> {
        Ok(Flushed::Everything)
    }

    /// Gives partitions up: what is kept back of them is dropped, since another task reads it again.
    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Lets go of everything. Called once if `start` was called, also if it failed, and never after a panic.
    async fn stop(&mut self) {}
}

/// Where to read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFrom {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the first record to read.
    pub offset: i64,
}

/// Why a flush is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushOccasion {
    /// The commit interval is over. A sink that gathers records into files need not cut them short for it.
    Interval,
    /// Partitions are about to be given up, or the task is about to stop. What is not flushed now is read again.
    Closing,
}

/// What a sink has safely written.
#[derive(Debug)]
pub enum Flushed {
    /// All that was put.
    Everything,
    /// For each partition, the offset after the last record up to which everything is safe. Partitions that are not
    /// named stay where they are.
    UpTo(Vec<(TopicPartition, i64)>),
    /// The same, and what turned out to be no good on the way.
    Written(Written),
}

/// What has become of records that a sink kept.
#[derive(Debug, Default)]
pub struct Written {
    /// For each partition, the offset after the last record up to which everything is safe or rejected. Partitions
    /// that are not named stay where they are.
    pub safe: Vec<(TopicPartition, i64)>,
    /// Records that can never be taken, by the partition and offset that they were read from, and the reason.
    pub rejected: Vec<(TopicPartition, i64, Error)>,
}

/// What a sink did not take of the records put.
#[derive(Debug, Default)]
pub struct Taken {
    /// Records that can never be taken: the index in the call and the reason.
    pub rejected: Vec<(usize, Error)>,
    /// Records to put again after a delay: their indexes in the call, ascending, and the reason.
    pub again: Option<(Vec<usize>, Error)>,
    /// Some of the others may still be rejected, by [`SinkTask::written`]: the worker keeps what a dead letter needs
    /// until they are safe.
    pub kept: bool,
}

impl Taken {
    /// All were taken.
    pub fn all() -> Taken {
        Taken::default()
    }

    /// All were taken, and some may still be rejected.
    pub fn kept() -> Taken {
        Taken { kept: true, ..Taken::default() }
    }

    /// Names a record that can never be taken.
    pub fn reject(&mut self, index: usize, why: Error) {
        self.rejected.push((index, why));
    }
}
