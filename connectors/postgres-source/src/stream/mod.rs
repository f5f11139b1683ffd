//! The stream of changes: messages in, records out.

mod drain;
pub mod relations;
pub mod transaction;

use std::time::Duration;

use connector_api::{Error, PollLimits};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

pub use drain::{Batch, Drain};

use crate::clock;
use crate::envelope::Records;
use crate::lsn::Lsn;
use crate::position::StreamPosition;
use crate::replication::reader::Reader;
use drain::Step;

/// While batches follow each other this closely, one that is not full waits for more, at most so long: a little delay
/// under load for far fewer batches. A lone change is handed over at once.
const BUSY: Duration = Duration::from_millis(20);
const LINGER: Duration = Duration::from_millis(4);

/// Values are slices of what was read. Where that is so many times larger than the records made of it (most tables are
/// not captured), they are copied, so that a few records do not hold much memory.
const SPARSE: usize = 8;

/// A stream that is being read.
pub struct Stream {
    reader: Reader,
    drain: Drain,
    last_batch: Option<Instant>,
}

impl Stream {
    /// Reads from where the reader reads.
    pub fn new(reader: Reader, drain: Drain) -> Stream {
        Stream { reader, drain, last_batch: None }
    }

    /// Collects records until the limits are reached, or as long as there are any, or until `limits.wait` is over.
    pub async fn fill(&mut self, records: Records, limits: PollLimits) -> Result<Records, Error> {
        // The reader shares the thread: it has its turn before every batch, also while there is always more to read.
        yield_now().await;
        let started = Instant::now();
        let busy = self.last_batch.is_some_and(|last| started.duration_since(last) < BUSY);
        let mut batch = Batch { records, bytes: 0, limits };
        let mut pinned = 0;
        let mut linger = None;
        loop {
            match self.drain.drain(&mut batch)? {
                Step::Full => break,
                Step::LookUp(table) => self.drain.look_up(table).await?,
                Step::Empty => {
                    let any = !batch.records.records.is_empty();
                    if let Some(chunk) = self.reader.inbox().take() {
                        pinned += chunk.len();
                        batch.records.now = clock::micros();
                        self.drain.feed(chunk);
                        continue;
                    }
                    if any && !busy || !any && self.drain.is_asked() {
                        break;
                    }
                    let until = if any {
                        *linger.get_or_insert_with(|| Instant::now() + LINGER)
                    } else {
                        started + limits.wait
                    };
                    if !self.more(until, any).await? {
                        break;
                    }
                }
            }
        }
        if !batch.records.records.is_empty() {
            self.last_batch = Some(Instant::now());
        }
        if pinned > SPARSE * batch.bytes {
            batch.records.unpin();
        }
        Ok(batch.records)
    }

    /// Waits for a chunk until then; whether one has come. A broken stream is told only once all records before it are
    /// out.
    async fn more(&mut self, until: Instant, any: bool) -> Result<bool, Error> {
        let inbox = self.reader.inbox();
        if timeout_at(until, inbox.wait()).await.is_err() {
            return Ok(false);
        }
        match inbox.has_chunk() {
            false if !any => inbox.take_fault().map_or(Ok(false), |fault| Err(fault.error("reading the stream"))),
            has_chunk => Ok(has_chunk),
        }
    }

    /// The position after all records that are out.
    pub fn position(&self) -> StreamPosition {
        self.drain.position()
    }

    /// Whether no transaction is open.
    pub fn is_between(&self) -> bool {
        self.drain.is_between()
    }

    /// Whether the server has asked for a sign of life since the last call.
    pub fn take_asked(&mut self) -> bool {
        self.drain.take_asked()
    }

    /// Tells the server that it may forget everything before `lsn`.
    pub fn acknowledge(&self, lsn: Lsn) {
        self.reader.inbox().acknowledge(lsn);
    }

    /// Tells the server the last acknowledgement and leaves.
    pub async fn close(self) {
        self.reader.close().await;
    }
}
