//! THE sink loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker_client::admin::{OffsetAt, offsets_at};
use broker_client::offsets::{commit, committed};
use broker_client::{Backoff, Client, ClientError, FetchEvent, Fetcher, TopicPartition, bridged};
use connector_api::config::Config;
use connector_api::plugin::{AnySinkConnector, AnySinkTask};
use connector_api::{Error, FlushOccasion, Flushed, Result, TaskContext, TopicPartition as Named, Written};
use tokio::time::Instant;

use super::chunk::Chunk;
use super::decode::Decoder;
use super::group::{Change, Group, GroupSettings};
use super::kept::Kept;
use super::progress::Progress;
use super::queue::Queue;
use super::rejects::{RejectSettings, Rejects};
use super::subscription::Subscription;
use super::transform::Pending;
use crate::config::client::ConsumerSettings;
use crate::task::{Calls, MemoryBudget, Order, Orders, Pacer, Retries, TaskView, Trouble};
use crate::transform::Chain;

/// How long a commit may take that is owed before partitions are given up.
const GIVE_UP_COMMIT: Duration = Duration::from_secs(10);

/// All that a sink task is made of.
pub struct SinkSetup {
    /// The connector.
    pub connector: Arc<dyn AnySinkConnector>,
    /// The task's configuration, with secrets.
    pub config: Config,
    /// The log.
    pub client: Client,
    /// How to read.
    pub consumer: ConsumerSettings,
    /// How to take part in the group.
    pub group: GroupSettings,
    /// How to convert records.
    pub decoder: Decoder,
    /// What they go through before they are put.
    pub chain: Chain,
    /// What becomes of those that are no good.
    pub rejects: RejectSettings,
    /// How often offsets are committed.
    pub commit_interval: Duration,
    /// What to do.
    pub orders: Orders,
    /// Where to show it.
    pub view: TaskView,
    /// How long a call of the connector may take.
    pub call_limit: Duration,
    /// How long stopping may take.
    pub graceful_stop: Duration,
    /// The worker's memory.
    pub budget: MemoryBudget,
    /// Called once the connector has started.
    pub started: Box<dyn FnOnce() + Send>,
}

/// Runs a sink task on the current thread until it is told to stop or fails.
pub async fn run(setup: SinkSetup) -> Result<()> {
    let graceful_stop = setup.graceful_stop;
    let mut sink = Sink::start(setup).await?;
    let flowed = sink.flow().await;
    sink.finish(Instant::now() + graceful_stop).await;
    flowed
}

pub(super) struct Sink {
    pub(super) task: Box<dyn AnySinkTask>,
    pub(super) client: Client,
    pub(super) group: Group,
    pub(super) fetcher: Fetcher,
    pub(super) decoder: Decoder,
    pub(super) chain: Chain,
    pub(super) queue: Queue,
    /// Records on their way through the chain.
    pub(super) pending: Option<Pending>,
    pub(super) rejects: Rejects,
    pub(super) pacer: Pacer,
    /// Records that are being put, and when to try again.
    pub(super) chunk: Chunk,
    pub(super) try_again: Option<Instant>,
    /// What the sink may still reject, what it says is safe, and when to listen to it again.
    pub(super) kept: Kept,
    pub(super) safe: Vec<(Named, i64)>,
    pub(super) hear_again: Instant,
    /// What the fetcher found beside records while the connector was busy.
    pub(super) found: Option<FetchEvent>,
    pub(super) progress: Progress,
    pub(super) consumer: ConsumerSettings,
    pub(super) commit_interval: Duration,
    pub(super) next_commit: Instant,
    pub(super) orders: Orders,
    pub(super) calls: Calls,
    pub(super) retries: Retries,
}

impl Sink {
    /// Connects both ends: the other system first, so that no partitions are taken that cannot be served.
    async fn start(setup: SinkSetup) -> Result<Sink> {
        let SinkSetup { connector, config, client, consumer, group, orders, view, .. } = setup;
        let calls = Calls { limit: setup.call_limit, view: view.clone() };
        let host = Arc::new(view.clone());
        let context = TaskContext { connector: view.id().connector.clone(), task: view.id().task, host };
        let mut task = connector.task();
        let started = calls.bounded("start", task.start(context, &config)).await;
        orders.still_ours()?;
        let joined = async {
            started?;
            let rejects = Rejects::open(setup.rejects, &client, &view).await?;
            let group = Group::join(group, Subscription::new(&config), &client).await.map_err(unreachable)?;
            Ok((group, rejects))
        };
        let (group, rejects) = match joined.await {
            Ok(joined) => joined,
            Err(error) => {
                let _ = tokio::time::timeout(setup.graceful_stop, task.stop()).await;
                return Err(error);
            }
        };
        (setup.started)();
        Ok(Sink {
            task,
            fetcher: Fetcher::new(client.clone(), consumer.fetch),
            client,
            group,
            decoder: setup.decoder,
            chain: setup.chain,
            pending: None,
            queue: Queue::new(setup.budget),
            rejects,
            pacer: Pacer::new(view.limits().clone()),
            chunk: Chunk::default(),
            try_again: None,
            kept: Kept::default(),
            safe: Vec::new(),
            hear_again: Instant::now(),
            found: None,
            progress: Progress::default(),
            consumer,
            commit_interval: setup.commit_interval,
            next_commit: Instant::now() + setup.commit_interval,
            orders,
            calls,
            retries: Retries::new(view),
        })
    }

    /// Take partitions on, fetch, convert, transform, put, flush, commit, give partitions up: until the order is to stop.
    async fn flow(&mut self) -> Result<()> {
        loop {
            tokio::task::yield_now().await;
            let order = self.orders.now();
            if order == Order::Stop {
                return Ok(());
            }
            let running = order == Order::Run;
            let read = !self.chunk.is_done() || self.pending.is_some();
            let to_put = (read || !self.queue.is_empty()) && self.task.has_room();
            let (letters, again) = (self.rejects.is_waiting(), self.try_again);
            tokio::select! {
                biased;
                () = self.orders.changed_from(order) => {}
                change = self.group.change(&self.client) => self.on_change(change).await?,
                () = tokio::time::sleep_until(self.next_commit) => self.flush_and_commit(FlushOccasion::Interval).await?,
                settled = self.rejects.settled(), if letters => {
                    settled?;
                    self.count_done();
                }
                written = heard(&mut *self.task, self.hear_again), if !letters => self.on_written(written)?,
                // Before the put, so that the log is asked for more while there is still something to put.
                event = self.fetcher.event(), if running && self.queue.has_room() => self.on_fetched(event).await?,
                () = not_before(again), if running && to_put && !letters => {
                    self.try_again = None;
                    self.put().await?;
                }
            }
        }
    }

    pub(super) async fn on_fetched(&mut self, event: FetchEvent) -> Result<()> {
        match event {
            FetchEvent::Records { partition, from, batches, .. } => {
                self.calls.view.works(Trouble::Log);
                self.queue.push(&partition, from, batches);
            }
            FetchEvent::CaughtUp => self.calls.view.works(Trouble::Log),
            FetchEvent::Retrying(error) => self.calls.view.retrying(Trouble::Log, error.to_string()),
            FetchEvent::OutOfRange { partition, offset } => self.reset(partition, offset).await?,
            FetchEvent::Failed { partition, error } => {
                return Err(Error::fail(format!("cannot read {partition}")).caused_by(error));
            }
        }
        Ok(())
    }

    async fn on_change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Assigned(partitions) => {
                let gone: Vec<TopicPartition> = self.group.owned().difference(&partitions).cloned().collect();
                let new: Vec<TopicPartition> = partitions.difference(self.group.owned()).cloned().collect();
                self.give_up(&gone).await?;
                self.take_on(&new).await?;
                self.group.now_owns(partitions);
            }
            Change::Lost(error) => {
                self.calls.view.retrying(Trouble::Log, error.to_string());
                let all: Vec<TopicPartition> = self.group.owned().iter().cloned().collect();
                self.close(&all).await?;
                self.group.start_over();
            }
            Change::Retrying(error) => self.calls.view.retrying(Trouble::Log, error.to_string()),
            Change::Refused(error) => {
                // Whoever runs it in this one's place has the place in the group.
                self.orders.still_ours()?;
                let group = &self.group.committer().group;
                return Err(Error::fail(format!("the log does not let the task into its group {group}"))
                    .caused_by(error)
                    .remedy(
                        "Is the group in use by another kind of consumer? `consumer.override.group.id` names another.",
                    ));
            }
        }
        Ok(())
    }

    /// Takes partitions on: committed offsets, the sink's own, or the configured start, in that order of weakness.
    async fn take_on(&mut self, new: &[TopicPartition]) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let group = &self.group.committer().group;
        let known = bridged(|| committed(&self.client, group, Some(new))).await.map_err(unreachable)?;
        let mut starts: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for partition in new {
            let offset = match known.get(partition) {
                Some(offset) => *offset,
                None => self.first_offset(partition).await?,
            };
            starts.insert(partition.clone(), offset);
        }
        let own = self.calls.bounded("open", self.task.open(&named(new))).await?;
        self.orders.still_ours()?;
        for from in own {
            let partition = TopicPartition { topic: from.partition.topic, partition: from.partition.partition };
            if let Some(start) = starts.get_mut(&partition) {
                *start = from.offset;
            }
        }
        for (partition, offset) in starts {
            self.progress.open(partition.clone(), offset);
            self.fetcher.read_from(partition, offset);
        }
        self.calls.view.works(Trouble::Log);
        Ok(())
    }

    async fn first_offset(&self, partition: &TopicPartition) -> Result<i64> {
        let at = if self.consumer.from_earliest { OffsetAt::Earliest } else { OffsetAt::Latest };
        let wanted = [partition.partition];
        let offsets = bridged(|| offsets_at(&self.client, &partition.topic, &wanted, at)).await;
        Ok(offsets.map_err(unreachable)?.get(&partition.partition).copied().unwrap_or(0))
    }

    /// The log does not have the offset any more, or not yet.
    async fn reset(&mut self, partition: TopicPartition, offset: i64) -> Result<()> {
        let start = self.first_offset(&partition).await?;
        let what = format!("{partition} has no offset {offset} in the log any more; reading goes on at {start}");
        connector_api::Host::warn(&self.calls.view, &what);
        self.progress.open(partition.clone(), start);
        self.fetcher.read_from(partition, start);
        Ok(())
    }

    /// Gives partitions up: stop fetching, flush, commit, close, drop what is left. Never in another order.
    async fn give_up(&mut self, gone: &[TopicPartition]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        gone.iter().for_each(|partition| self.fetcher.stop_reading(partition));
        let _ = tokio::time::timeout(GIVE_UP_COMMIT, self.settle_letters()).await;
        self.flush_and_commit(FlushOccasion::Closing).await?;
        // What stays uncommitted comes again to whoever takes the partitions on, so a log in trouble is waited for; not for
        // long, since the whole group waits meanwhile.
        let _ = tokio::time::timeout(GIVE_UP_COMMIT, self.commit_at_last()).await;
        self.close(gone).await
    }

    async fn close(&mut self, gone: &[TopicPartition]) -> Result<()> {
        for partition in gone {
            self.fetcher.stop_reading(partition);
            self.queue.forget(partition);
            self.chunk.forget(partition);
            self.pending.iter_mut().for_each(|pending| pending.forget(partition));
            self.kept.forget(partition);
            self.safe.retain(|(named, _)| *named.topic != *partition.topic || named.partition != partition.partition);
            self.progress.close(partition);
        }
        self.calls.bounded("close", self.task.close(&named(gone))).await?;
        self.orders.still_ours()
    }

    /// Asks the sink what is safe, and commits that.
    async fn flush_and_commit(&mut self, occasion: FlushOccasion) -> Result<()> {
        self.next_commit = Instant::now() + self.commit_interval;
        let flushed = match self.calls.bounded("flush", self.task.flush(occasion)).await {
            Ok(flushed) => flushed,
            Err(error) => {
                let delay = self.retries.after(error)?;
                self.next_commit = Instant::now() + delay;
                return self.orders.still_ours();
            }
        };
        self.orders.still_ours()?;
        match flushed {
            Flushed::Everything => self.progress.flushed_everything(),
            Flushed::UpTo(safe) => self.take_written(Written { safe, rejected: Vec::new() })?,
            Flushed::Written(written) => self.take_written(written)?,
        }
        if occasion == FlushOccasion::Closing {
            let _ = tokio::time::timeout(GIVE_UP_COMMIT, self.settle_letters()).await;
        }
        // The next interval tries again; if the place in the group is lost, a change says so.
        let _ = self.commit().await;
        Ok(())
    }

    /// Commits what is flushed and not committed yet. Trouble shows in the status.
    async fn commit(&mut self) -> broker_client::Result<()> {
        let offsets = self.progress.to_commit();
        if offsets.is_empty() {
            return Ok(());
        }
        let committed = commit(&self.client, self.group.committer(), &offsets).await;
        match &committed {
            Ok(()) => {
                self.progress.committed(&offsets);
                self.calls.view.works(Trouble::Commit);
            }
            Err(error) => self.calls.view.retrying(Trouble::Commit, error.to_string()),
        }
        committed
    }

    /// Commits until the log takes it or never will: what stays uncommitted at a clean stop would come again.
    async fn commit_at_last(&mut self) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.commit().await
            && error.is_retriable()
        {
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// Flushes, commits, closes, leaves the group and lets the connector go; all within the deadline.
    async fn finish(mut self, deadline: Instant) {
        let last = async {
            if self.orders.still_ours().is_err() {
                return;
            }
            let all: Vec<TopicPartition> = self.group.owned().iter().cloned().collect();
            self.settle_letters().await;
            let closed = match self.flush_and_commit(FlushOccasion::Closing).await {
                Ok(()) => {
                    self.commit_at_last().await;
                    self.close(&all).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = closed {
                tracing::warn!(%error, "the sink took its end badly; what was not committed is read again");
            }
            self.task.stop().await;
        };
        if tokio::time::timeout_at(deadline, last).await.is_err() {
            self.calls.view.retrying(Trouble::Connector, "the connector has not stopped in time");
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), self.group.leave()).await;
    }
}

/// What the sink says of records that it kept, from that time on.
async fn heard(task: &mut dyn AnySinkTask, from: Instant) -> Result<Written> {
    not_before(Some(from)).await;
    task.written().await
}

/// Waits until then; not at all if it has passed, where a timer would still take its whole millisecond.
async fn not_before(when: Option<Instant>) {
    if let Some(when) = when.filter(|when| *when > Instant::now()) {
        tokio::time::sleep_until(when).await;
    }
}

fn named(partitions: &[TopicPartition]) -> Vec<Named> {
    let all: BTreeSet<&TopicPartition> = partitions.iter().collect();
    all.into_iter().map(|one| Named { topic: one.topic.clone(), partition: one.partition }).collect()
}

fn unreachable(why: ClientError) -> Error {
    Error::fail("cannot read from the log").caused_by(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moment_that_has_come_is_not_waited_for() {
        let since = Instant::now();
        for when in [None, Some(since), Some(since + Duration::from_millis(3))] {
            not_before(when).await;
        }
        assert_eq!(since.elapsed(), Duration::from_millis(3));
    }
}
