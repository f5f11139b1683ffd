//! Sends operations until each of them is settled: several requests at a time, between the calls of the worker too.

mod answer;
pub mod client;
mod endpoints;
mod pending;
mod sigv4;
pub mod tls;
pub mod verdict;
mod window;

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use connector_api::{Decision, Error, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::bulk;
use crate::config::Requests;
use crate::offsets::Place;
use answer::{Judged, judge};
use client::{Client, Reply, Silence};
use pending::{Cut, Entry, Fate, Pending};
use verdict::Verdict;
use window::Window;

pub use pending::Job;

/// Only what is read of replies is asked for: the rest would be most of them.
const BULK: &str =
    "_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

/// The most bytes of a reply for each of its operations: an error may quote the document.
const REPLY_PER_OPERATION: usize = 16 << 10;

/// The most bytes of a reply beyond that.
const REPLY_AROUND: usize = 64 << 10;

/// Sends operations in the order of their records, as far as they write the same documents.
///
/// What is under way lives here and is driven by [`advance`](Self::advance) and [`finish`](Self::finish); dropping their
/// futures loses nothing.
pub struct Sender {
    client: Client,
    requests: Requests,
    window: Window,
    pending: Pending,
    under_way: FuturesUnordered<Request>,
    began: Instant,
    trouble: Trouble,
}

type Request = Pin<Box<dyn Future<Output = (Vec<Entry>, Result<Reply, Silence>)>>>;

/// What has become of a record's operation.
#[derive(Debug)]
pub struct Settled {
    /// The record.
    pub place: Place,
    /// Why the server refuses the document; `None` if it has it.
    pub refused: Option<String>,
}

/// Trouble that may pass.
#[derive(Debug, Default)]
struct Trouble {
    why: String,
    /// How many operations wait that were tried more often than `max.retries`.
    failing: usize,
}

impl Sender {
    /// Through this client.
    pub fn new(client: Client, requests: Requests) -> Sender {
        Sender {
            client,
            requests,
            window: Window::new(requests.in_flight),
            pending: Pending::default(),
            under_way: FuturesUnordered::new(),
            began: Instant::now(),
            trouble: Trouble::default(),
        }
    }

    /// Another operation, behind all others.
    pub fn add(&mut self, job: Job) {
        self.pending.add(job, self.now());
    }

    /// Whether more operations may be added: their number, and as many bytes as all requests may hold and one more.
    pub fn has_room(&self) -> bool {
        let bytes = self.requests.bytes.saturating_mul(self.requests.in_flight + 1);
        self.pending.len() < self.requests.buffered && self.pending.bytes() < bytes
    }

    /// About how many bytes are held of operations that are not over.
    pub fn held(&self) -> usize {
        self.pending.held()
    }

    /// Sends on, and waits until some operations are settled or there is trouble that lasts. With nothing to send it
    /// waits for ever.
    pub async fn advance(&mut self) -> Result<Vec<Settled>> {
        loop {
            self.fill(!self.has_room());
            let may_send = self.under_way.len() < self.window.size();
            let next = self.pending.next_time(self.now(), self.cut()).filter(|_| may_send);
            let wake = self.began + Duration::from_millis(next.unwrap_or_default());
            tokio::select! {
                biased;
                Some((batch, answer)) = self.under_way.next() => {
                    let settled = self.answered(batch, answer)?;
                    if !settled.is_empty() {
                        return Ok(settled);
                    }
                    self.trouble.if_it_lasts(self.requests.retries)?;
                }
                () = tokio::time::sleep_until(wake), if next.is_some() => {}
                () = std::future::pending() => {}
            }
        }
    }

    /// Sends all that can be sent now, and waits for it, within that time.
    pub async fn finish(&mut self, limit: Duration) -> Result<Vec<Settled>> {
        let (deadline, mut settled) = (Instant::now() + limit, Vec::new());
        loop {
            self.fill(true);
            let Ok(Some((batch, answer))) = timeout_at(deadline, self.under_way.next()).await else {
                return Ok(settled);
            };
            settled.extend(self.answered(batch, answer)?);
        }
    }

    /// Drops what waits and is not wanted any more. What is under way goes on.
    pub fn retain(&mut self, wanted: impl Fn(Place) -> bool) {
        self.pending.retain(wanted);
    }

    /// What is in the way, if it lasts.
    pub fn trouble(&self) -> Option<String> {
        (self.trouble.failing > 0).then(|| {
            let Trouble { why, failing } = &self.trouble;
            format!("{failing} documents wait for the server to take them: {why}")
        })
    }

    fn fill(&mut self, in_haste: bool) {
        while self.under_way.len() < self.window.size() {
            let batch = self.pending.next(self.now(), self.cut(), in_haste);
            if batch.is_empty() {
                return;
            }
            self.under_way.push(Box::pin(request(self.client.clone(), body(&batch), batch)));
        }
    }

    fn cut(&self) -> Cut {
        let Requests { documents, bytes, linger, .. } = self.requests;
        Cut { documents, bytes, linger: millis(linger) }
    }

    /// Milliseconds since the start.
    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// A request is over. An error says that nothing more can be written until somebody acts; nothing of the request then
    /// counts as settled.
    fn answered(&mut self, batch: Vec<Entry>, answer: Result<Reply, Silence>) -> Result<Vec<Settled>> {
        let verdicts = judge(&batch, answer)?;
        self.adapt(&verdicts);
        let (now, chance) = (self.now(), window::chance());
        let backoff = self.requests.backoff;
        let again = |failures| Fate::Again { at: (now + millis(window::wait(backoff, failures, chance))).max(1) };
        let mut refused = Vec::with_capacity(verdicts.len());
        let mut fates = Vec::with_capacity(verdicts.len());
        for (entry, verdict) in batch.iter().zip(verdicts) {
            let (fate, why) = match verdict {
                Judged::Split => (Fate::Split, None),
                Judged::Item(Verdict::Done) => (Fate::Settled, None),
                Judged::Item(Verdict::Malformed(why)) => (Fate::Settled, Some(answer::refusal(&entry.job, &why))),
                Judged::Item(Verdict::Later { why, .. }) => {
                    self.trouble.why = why;
                    (again(entry.attempts + 1), None)
                }
                Judged::Item(Verdict::Fatal(error)) => return Err(error),
            };
            fates.push(fate);
            refused.push(why);
        }
        let over = self.pending.done(batch, &fates);
        self.trouble.failing = self.pending.failing(self.requests.retries);
        Ok(over.into_iter().map(|(index, place)| Settled { place, refused: refused[index].take() }).collect())
    }

    fn adapt(&mut self, verdicts: &[Judged]) {
        let is_pushed_back =
            verdicts.iter().any(|verdict| matches!(verdict, Judged::Item(Verdict::Later { push_back: true, .. })));
        let is_taken =
            verdicts.iter().all(|verdict| matches!(verdict, Judged::Item(Verdict::Done | Verdict::Malformed(_))));
        match (is_pushed_back, is_taken) {
            (true, _) => self.window.shrink(),
            (false, true) => self.window.grow(),
            (false, false) => {}
        }
    }
}

impl Trouble {
    fn if_it_lasts(&self, retries: u32) -> Result<()> {
        match self.failing {
            0 => Ok(()),
            failing => {
                let Trouble { why, .. } = self;
                let at_once = Decision::Retry { after: Some(Duration::ZERO) };
                Err(Error::new(at_once, format!("{failing} documents were sent {retries} times again and more: {why}"))
                    .remedy("They are tried until the server takes them; nothing is lost or passed over."))
            }
        }
    }
}

async fn request(client: Client, body: Bytes, batch: Vec<Entry>) -> (Vec<Entry>, Result<Reply, Silence>) {
    let answer = client.bulk(BULK, body, REPLY_AROUND + batch.len() * REPLY_PER_OPERATION).await;
    (batch, answer)
}

fn body(batch: &[Entry]) -> Bytes {
    let operations = || batch.iter().map(|entry| &entry.job.operation);
    let mut body = Vec::with_capacity(operations().map(bulk::size_of).sum());
    operations().for_each(|operation| bulk::write(operation, &mut body));
    body.into()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
