//! The task: one loop from the server to batches.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use connector_api::config::Config;

use connector_api::{
    Decision, Error, Headers, Host, Outcome, PollLimits, Position, Result, SourceBatch, SourceContext, SourceRecord,
    SourceTask,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::acknowledge::Acknowledge;
use crate::config::Settings;
use crate::envelope::Records;
use crate::envelope::change::context_headers;
use crate::lsn::Lsn;
use crate::opening::{self, Opened};
use crate::position::{self, Last, Origin, Phase, Stored, StreamPosition};
use crate::snapshot::Snapshot;
use crate::stream::Stream;

/// How long `start` waits for the connection before it leaves the rest to `poll`.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// How often a position goes out while there are no records: so that an idle table does not hold the server's log back.
const IDLE_POSITION_EVERY: Duration = Duration::from_secs(5);

/// The same where the server asks for a sign of life, as it does until it may shut down.
const ASKED_POSITION_EVERY: Duration = Duration::from_millis(200);

/// How long dropping the slot may take at a stop.
const DROP_LIMIT: Duration = Duration::from_secs(3);

/// Reads one database.
#[derive(Default)]
pub struct PostgresTask {
    run: Option<Run>,
}

/// A task that has been started.
struct Run {
    settings: Rc<Settings>,
    host: Arc<dyn Host>,
    headers: Headers,
    /// What is being done.
    doing: Doing,
    /// The position after the last batch.
    at: Option<Stored>,
    origin: Option<Origin>,
    acknowledge: Acknowledge,
    /// Whether the position is one that the worker has not been told yet.
    unsaid: bool,
    last_position: Option<Instant>,
}

enum Doing {
    /// Nothing; the next poll opens.
    Nothing,
    /// The last try to open has failed for this reason, which the next poll tells.
    Failed(Error),
    /// Connecting, deciding, making the slot.
    Opening(JoinHandle<Result<(Opened, Origin)>>),
    /// Reading rows; afterwards, changes if the flag is set.
    Snapshot(Box<Snapshot>, bool),
    /// Reading changes.
    Streaming(Box<Stream>),
    /// Everything that was wanted is done.
    Finished,
}

impl SourceTask for PostgresTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        let settings = Rc::new(Settings::new(config)?);
        let mut run = Run::new(settings, &context)?;
        run.open();
        let opened = run.opened(START_PATIENCE).await;
        let run = self.run.insert(run);
        match opened {
            Err(error) if matches!(error.decision(), Decision::Retry { .. }) => run.doing = Doing::Failed(error),
            other => other?,
        }
        Ok(())
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        match &mut self.run {
            Some(run) => run.poll(limits).await,
            None => Err(Error::fail("poll before start")),
        }
    }

    async fn settled(&mut self, batch: u64, outcome: Outcome) -> Result<()> {
        if let Some(run) = &mut self.run {
            run.acknowledge.settled(batch, outcome == Outcome::Delivered);
            run.tell_server();
        }
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(run) = self.run.take() {
            run.stop().await;
        }
    }
}

impl Run {
    fn new(settings: Rc<Settings>, context: &SourceContext) -> Result<Run> {
        let partition = position::partition(&settings.records.prefix);
        let at = match context.offset(&partition) {
            None => None,
            Some(offset) => Some(Stored::from_offset(offset).ok_or_else(unreadable_position)?),
        };
        let mut acknowledge = Acknowledge::default();
        if let Some(stored) = at.as_ref().filter(|stored| stored.phase == Phase::Streaming) {
            acknowledge.start(stored.at.complete);
        }
        let headers = if settings.records.context_headers {
            context_headers(&settings.records.prefix, context.task.task, &crate::clock::micros().to_string())
        } else {
            Headers::new()
        };
        let host = context.task.host.clone();
        let origin = at.as_ref().and_then(|stored| stored.origin.clone());
        Ok(Run {
            settings,
            host,
            headers,
            doing: Doing::Nothing,
            at,
            origin,
            acknowledge,
            unsaid: false,
            last_position: None,
        })
    }

    /// One step on the way: open, read rows, read changes. A connection that breaks is opened again by the next poll,
    /// from the position after the last batch.
    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let limits = PollLimits { max_records: limits.max_records.min(self.settings.max_batch), ..limits };
        let polled = match &mut self.doing {
            Doing::Nothing => {
                self.open();
                self.opened(limits.wait).await.map(|()| None)
            }
            Doing::Failed(_) => self.failed(),
            Doing::Opening(_) => self.opened(limits.wait).await.map(|()| None),
            Doing::Snapshot(..) => self.read_rows(limits).await,
            Doing::Streaming(_) => self.read_changes(limits).await,
            Doing::Finished => {
                tokio::time::sleep(limits.wait).await;
                Ok(None)
            }
        };
        if polled.is_err() {
            self.doing = Doing::Nothing;
        }
        polled
    }

    fn failed(&mut self) -> Result<Option<SourceBatch>> {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Failed(error) => Err(error),
            _ => Ok(None),
        }
    }

    fn open(&mut self) {
        let (settings, host, at) = (self.settings.clone(), self.host.clone(), self.at.clone());
        self.doing = Doing::Opening(tokio::task::spawn_local(opening::open(settings, host, at)));
    }

    /// Waits for what is being opened, at most so long.
    async fn opened(&mut self, patience: Duration) -> Result<()> {
        let Doing::Opening(handle) = &mut self.doing else { return Ok(()) };
        let Ok(ended) = timeout(patience, handle).await else { return Ok(()) };
        let (opened, origin) = ended.map_err(|error| Error::fail("opening has ended early").caused_by(error))??;
        self.origin = Some(origin);
        self.doing = match opened {
            Opened::Snapshot(snapshot, stream) => Doing::Snapshot(snapshot, stream),
            Opened::Stream(stream, at) => {
                self.begin_stream(at);
                stream.acknowledge(self.acknowledge.safe());
                Doing::Streaming(stream)
            }
            Opened::Finished => {
                self.host.activity("the snapshot is complete, and no changes are wanted");
                Doing::Finished
            }
        };
        Ok(())
    }

    /// The stream begins there. If that is news to the worker, it is told soon, even if no change comes.
    fn begin_stream(&mut self, at: StreamPosition) {
        if self.at.as_ref().is_none_or(|stored| stored.phase != Phase::Streaming || stored.at != at) {
            self.at = Some(Stored { phase: Phase::Streaming, at, origin: self.origin.clone() });
            self.unsaid = true;
            self.last_position = None;
        }
    }

    async fn read_rows(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let mut records = self.records(limits);
        let Doing::Snapshot(snapshot, then_stream) = &mut self.doing else { return Ok(None) };
        let done = snapshot.fill(&mut records, limits).await?;
        let point = snapshot.point();
        let phase = match (done, *then_stream) {
            (false, _) => Phase::Snapshot,
            (true, true) => Phase::Streaming,
            (true, false) => Phase::SnapshotOnly,
        };
        let last = Last { xid: point.xid, time: point.time, end: Lsn::NONE };
        let at = StreamPosition { last, ..StreamPosition::after(point.lsn) };
        if done {
            self.host.activity("the snapshot is complete");
            self.end_snapshot().await;
        } else if records.records.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.batch(records.records, phase, at)))
    }

    async fn end_snapshot(&mut self) {
        if let Doing::Snapshot(snapshot, _) = std::mem::replace(&mut self.doing, Doing::Nothing) {
            snapshot.close().await;
        }
    }

    async fn read_changes(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let records = self.records(limits);
        let Doing::Streaming(stream) = &mut self.doing else { return Ok(None) };
        let records = stream.fill(records, limits).await?.records;
        let (at, asked, between) = (stream.position(), stream.take_asked(), stream.is_between());
        if records.is_empty() && !self.is_position_due(at, asked, between) {
            return Ok(None);
        }
        Ok(Some(self.batch(records, Phase::Streaming, at)))
    }

    /// Whether a position without records is to go out: it has moved, nothing is on its way, and the last one was long
    /// enough ago.
    fn is_position_due(&self, at: StreamPosition, asked: bool, between: bool) -> bool {
        let moved = self.unsaid || self.at.as_ref().is_none_or(|stored| stored.at != at);
        let every = if asked { ASKED_POSITION_EVERY } else { IDLE_POSITION_EVERY };
        let due = self.last_position.is_none_or(|last| last.elapsed() >= every);
        moved && between && due && self.acknowledge.is_idle()
    }

    fn records(&self, limits: PollLimits) -> Records {
        Records {
            records: Vec::with_capacity(limits.max_records.min(256)),
            headers: self.headers.clone(),
            tombstones: self.settings.records.tombstones,
            now: crate::clock::micros(),
        }
    }

    fn batch(&mut self, records: Vec<SourceRecord>, phase: Phase, at: StreamPosition) -> SourceBatch {
        let stored = Stored { phase, at, origin: self.origin.clone() };
        let partition = position::partition(&self.settings.records.prefix);
        let positions = vec![Position { partition, offset: Some(stored.to_offset()) }];
        self.at = Some(stored);
        self.unsaid = false;
        self.last_position = Some(Instant::now());
        SourceBatch { id: self.acknowledge.sent(at.complete), records, positions }
    }

    /// The server may forget what is stored, and never more.
    fn tell_server(&self) {
        if let Doing::Streaming(stream) = &self.doing {
            let safe = self.acknowledge.safe();
            debug_assert!(self.at.as_ref().is_none_or(|stored| safe <= stored.at.complete), "more than is stored");
            stream.acknowledge(safe);
        }
    }

    async fn stop(self) {
        match self.doing {
            Doing::Opening(handle) => handle.abort(),
            Doing::Snapshot(snapshot, _) => snapshot.close().await,
            Doing::Streaming(stream) => stream.close().await,
            Doing::Nothing | Doing::Failed(_) | Doing::Finished => {}
        }
        if self.settings.slot.drop_on_stop && self.origin.is_some() {
            match timeout(DROP_LIMIT, opening::drop_slot(&self.settings)).await {
                Ok(Ok(())) => tracing::info!(slot = self.settings.slot.name, "the slot is dropped"),
                Ok(Err(error)) => tracing::warn!(%error, "the slot could not be dropped"),
                Err(_) => tracing::warn!(slot = self.settings.slot.name, "dropping the slot took too long"),
            }
        }
    }
}

fn unreadable_position() -> Error {
    Error::fatal("the stored position is neither ours nor Debezium's")
        .remedy("Delete the connector's offsets to start with a new snapshot, or store a position that has `lsn`")
}
