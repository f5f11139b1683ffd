//! THE source loop.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use broker_client::{Client, Producer, ProducerConfig};
use connector_api::config::Config;
use connector_api::plugin::{AnySourceConnector, AnySourceTask};
use connector_api::{
    Error, PollLimits, Reads, Result, SourceBatch, SourceContext, SourceOffset, SourcePartition, TaskContext,
};
use tokio::time::Instant;

use super::delivery::Delivery;
use super::encode::Encoder;
use super::exactly_once::{self, ExactlyOnce, Transacting};
use super::topics::TopicCreation;
use crate::config::ErrorPolicy;
use crate::offsets::ConnectorOffsets;
use crate::task::{Calls, MemoryBudget, Order, Orders, Pacer, Retries, Share, TaskView, Trouble};
use crate::transform::Chain;

/// The most records of one poll.
const POLL_RECORDS: usize = 2000;

/// Bytes of one poll, about.
pub(super) const POLL_BYTES: usize = 1 << 20;

/// How long a poll may wait for the first record. Outcomes and orders are dealt with between polls.
const POLL_WAIT: Duration = Duration::from_millis(500);

/// The same while batches are under way, so that their outcomes do not wait long.
const POLL_WAIT_BUSY: Duration = Duration::from_millis(50);

/// How long records wait for more while the log is busy with earlier ones.
const GATHER: Duration = Duration::from_millis(1);

/// Reading stored positions that takes longer is shown in the status.
const READ_SLOW_AFTER: Duration = Duration::from_secs(2);

/// Bytes that one task may have under way, whatever the worker's budget allows.
const TASK_BYTES: usize = 8 << 20;

/// All that a source task is made of.
pub struct SourceSetup {
    /// The connector.
    pub connector: Arc<dyn AnySourceConnector>,
    /// The task's configuration, with secrets.
    pub config: Config,
    /// The log.
    pub client: Client,
    /// How to write to it.
    pub producer: ProducerConfig,
    /// What records go through before they are converted.
    pub chain: Chain,
    /// What they are looked into for there.
    pub reads: Reads,
    /// How to convert records.
    pub encoder: Encoder,
    /// What becomes of records that cannot be converted.
    pub errors: ErrorPolicy,
    /// How to make topics.
    pub creation: TopicCreation,
    /// Where positions are kept.
    pub positions: ConnectorOffsets,
    /// Write in transactions; without them each record is there at least once.
    pub exactly_once: Option<ExactlyOnce>,
    /// How often positions are stored, and when storing them counts as slow.
    pub commit: (Duration, Duration),
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

/// Runs a source task on the current thread until it is told to stop or fails.
pub async fn run(setup: SourceSetup) -> Result<()> {
    let graceful_stop = setup.graceful_stop;
    let mut source = Source::start(setup).await?;
    let flowed = source.flow().await;
    let instead = source.finish(Instant::now() + graceful_stop, flowed.is_err()).await;
    match instead {
        Some(instead) if flowed.is_err() => Err(instead),
        _ => flowed,
    }
}

pub(super) struct Source {
    task: Box<dyn AnySourceTask>,
    pub(super) chain: Chain,
    pub(super) reads: Reads,
    pub(super) delivery: Delivery,
    pub(super) orders: Orders,
    pub(super) calls: Calls,
    retries: Retries,
    pacer: Pacer,
    budget: MemoryBudget,
}

impl Source {
    /// Connects both ends: the log first, so that a source is not touched while there is nowhere to write to.
    async fn start(setup: SourceSetup) -> Result<Source> {
        let SourceSetup { connector, config, client, view, orders, positions, .. } = setup;
        let unreachable = |why| Error::fail("cannot reach the log").caused_by(why);
        let (producer, transacting) = open(&client, setup.producer, setup.exactly_once, &positions).await?;
        orders.still_ours()?;
        let stored = read_positions(&positions, &view).await.map_err(unreachable)?;
        let host = Arc::new(view.clone());
        let context = TaskContext { connector: view.id().connector.clone(), task: view.id().task, host };
        let calls = Calls { limit: setup.call_limit, view: view.clone() };
        let mut task = connector.task();
        let context = SourceContext { task: context, positions: stored };
        let started = calls.bounded("start", task.start(context, &config)).await;
        orders.still_ours()?;
        if let Err(error) = started {
            let _ = tokio::time::timeout(setup.graceful_stop, task.stop()).await;
            return Err(error);
        }
        (setup.started)();
        let converters = (setup.encoder, setup.errors, setup.creation);
        let delivery = Delivery::new(
            (client, producer),
            converters,
            (positions, view.clone(), orders.clone()),
            setup.commit,
            transacting,
        );
        let pacer = Pacer::new(view.limits().clone());
        let (chain, reads, budget) = (setup.chain, setup.reads, setup.budget);
        Ok(Source { task, chain, reads, delivery, orders, calls, retries: Retries::new(view), pacer, budget })
    }

    /// Poll, transform, convert, produce, acknowledge, store positions, tell outcomes: until the order is to stop.
    async fn flow(&mut self) -> Result<()> {
        loop {
            tokio::task::yield_now().await;
            self.tell_outcomes().await?;
            match self.orders.now() {
                Order::Stop => return Ok(()),
                Order::Pause => {
                    self.delivery.hurry(true)?;
                    self.deliver_until_order_changes(Order::Pause).await?;
                }
                Order::Run => {
                    self.delivery.hurry(false)?;
                    if let (records @ 1.., bytes) = self.delivery.take_moved() {
                        self.pacer.spent(records, bytes, Instant::now());
                    }
                    let delay = self.pacer.delay(Instant::now());
                    if !delay.is_zero() {
                        self.deliver_for(delay).await?;
                        continue;
                    }
                    let Some(share) = self.wait_for_room().await? else { continue };
                    match self.poll().await {
                        Ok(Some(mut batch)) => {
                            self.retries.succeeded();
                            if !self.transform(&mut batch).await? {
                                continue;
                            }
                            self.delivery.send(&mut batch, share).await?;
                            self.task.spent(batch.records);
                        }
                        Ok(None) => self.retries.succeeded(),
                        Err(error) => {
                            let delay = self.retries.after(error)?;
                            self.deliver_for(delay).await?;
                        }
                    }
                }
            }
        }
    }

    /// Polls the connector, and meanwhile deals with what comes back from the log. `None` also if the order is to stop.
    async fn poll(&mut self) -> Result<Option<SourceBatch>> {
        let idle = self.delivery.bytes() == 0;
        let (records, bytes) = self.pacer.at_once();
        let limits = PollLimits {
            max_records: records.unwrap_or(POLL_RECORDS).min(POLL_RECORDS),
            max_bytes: bytes.unwrap_or(POLL_BYTES).min(POLL_BYTES),
            wait: if idle { POLL_WAIT } else { POLL_WAIT_BUSY },
        };
        let mut poll = pin!(self.calls.bounded("poll", self.task.poll(limits)));
        let mut flushed = false;
        loop {
            let busy = self.delivery.is_sending();
            tokio::select! {
                biased;
                () = self.orders.stop() => return Ok(None),
                stepped = self.delivery.step() => {
                    stepped?;
                    flushed &= !self.delivery.take_up().await?;
                }
                polled = &mut poll => {
                    self.orders.still_ours()?;
                    return polled;
                }
                // The source has nothing at once, so what is gathered need not wait for more; a little, while the log is busy
                // anyway, for sources that never have anything at once, such as those in another process.
                () = gather(busy), if !flushed => {
                    self.delivery.flush()?;
                    flushed = true;
                }
            }
        }
    }

    /// Waits until a batch may be polled, and returns its share of memory; `None` if the order has changed meanwhile.
    async fn wait_for_room(&mut self) -> Result<Option<Share>> {
        loop {
            if self.delivery.bytes() == 0 {
                return Ok(Some(self.budget.try_take(POLL_BYTES).unwrap_or_else(|| self.budget.beyond())));
            }
            if self.delivery.bytes() < TASK_BYTES
                && let Some(share) = self.budget.try_take(POLL_BYTES)
            {
                return Ok(Some(share));
            }
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                () = orders.changed_from(Order::Run) => return Ok(None),
                stepped = self.delivery.step() => stepped?,
            }
            self.delivery.take_up().await?;
        }
    }

    async fn deliver_until_order_changes(&mut self, order: Order) -> Result<()> {
        let mut orders = self.orders.clone();
        tokio::select! {
            biased;
            () = orders.changed_from(order) => return Ok(()),
            stepped = self.delivery.step() => stepped?,
        }
        self.delivery.take_up().await.map(|_| ())
    }

    pub(super) async fn deliver_for(&mut self, delay: Duration) -> Result<()> {
        self.delivery.flush()?;
        let until = Instant::now() + delay;
        loop {
            tokio::select! {
                () = self.orders.stop() => return Ok(()),
                () = tokio::time::sleep_until(until) => return Ok(()),
                stepped = self.delivery.step() => stepped?,
            }
            if self.delivery.take_up().await? {
                self.delivery.flush()?;
            }
        }
    }

    /// Tells the connector what became of its batches.
    async fn tell_outcomes(&mut self) -> Result<()> {
        while let Some((batch, outcome)) = self.delivery.next_outcome() {
            self.calls.bounded("settled", self.task.settled(batch, outcome)).await?;
            self.orders.still_ours()?;
        }
        Ok(())
    }

    /// Delivers what is under way, tells every outcome, and lets the connector go; all within the deadline, of which the log gets
    /// the larger part.
    async fn finish(&mut self, deadline: Instant, failed: bool) -> Option<Error> {
        // Another one may be at it already: its positions must not be set back.
        if self.orders.still_ours().is_err() {
            return None;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let instead = self.delivery.finish(deadline - left / 4, failed).await;
        if self.orders.still_ours().is_err() {
            return instead;
        }
        if let Ok(Err(error)) = tokio::time::timeout_at(deadline, self.tell_outcomes()).await {
            tracing::warn!(%error, "the connector took an outcome badly");
        }
        if tokio::time::timeout_at(deadline, self.task.stop()).await.is_err() {
            self.calls.view.retrying(Trouble::Connector, "the connector has not stopped in time");
        }
        instead
    }
}

/// Where to go on. What others have open in the topic is waited for, and shown if that takes long.
async fn read_positions(
    positions: &ConnectorOffsets,
    view: &TaskView,
) -> broker_client::Result<Vec<(SourcePartition, SourceOffset)>> {
    let mut reading = pin!(positions.settled_positions());
    if let Ok(read) = tokio::time::timeout(READ_SLOW_AFTER, &mut reading).await {
        return read;
    }
    let topic = positions.topic();
    view.retrying(
        Trouble::Log,
        format!("the stored positions wait for the end of transactions that are open in {topic}"),
    );
    let read = reading.await;
    view.works(Trouble::Log);
    read
}

/// Opens the producer. With transactions, tasks before this one are fenced by that, and the topic for positions is written by it.
async fn open(
    client: &Client,
    config: ProducerConfig,
    exactly_once: Option<ExactlyOnce>,
    positions: &ConnectorOffsets,
) -> Result<(Producer, Option<Transacting>)> {
    let unreachable = |why| Error::fail("cannot reach the log").caused_by(why);
    let Some(mut how) = exactly_once else {
        return Ok((Producer::open(client.clone(), config).await.map_err(unreachable)?, None));
    };
    let mut producer = exactly_once::open(client.clone(), config, &how).await?;
    let confirm = std::mem::replace(&mut how.confirm, Box::new(|| Box::pin(async { Ok(()) })));
    confirm().await?;
    if !producer.learn(positions.topic()).await.map_err(unreachable)? {
        return Err(Error::fail(format!("the log has no topic {} for positions any more", positions.topic()))
            .remedy("It is made again when the worker starts."));
    }
    Ok((producer, Some(Transacting::new(how))))
}

/// A moment in which more may come, if nobody is kept waiting by it.
async fn gather(busy: bool) {
    if busy {
        tokio::time::sleep(GATHER).await;
    }
}
