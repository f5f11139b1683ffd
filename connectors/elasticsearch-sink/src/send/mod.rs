//! Sends the operations of a call until each of them is settled.

pub mod client;
mod endpoints;
mod pending;
mod sigv4;
pub mod tls;
pub mod verdict;
mod window;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use bytes::Bytes;
use connector_api::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::bulk;
use crate::config::Requests;
use client::{Client, Reply, Silence};
use pending::{Fate, Limits, Pending};
use verdict::{Verdict, Whole};
use window::Window;

pub use pending::Job;

/// Only what is read of replies is asked for: the rest would be most of them.
const BULK: &str =
    "_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

/// The most bytes of a reply for each of its operations: an error may quote the document.
const REPLY_PER_OPERATION: usize = 16 << 10;

/// The most bytes of a reply beyond that.
const REPLY_AROUND: usize = 64 << 10;

/// A call's records go in as many requests as may be under way, but none gets smaller than this for it: small requests
/// cost the server more.
const SMALLEST_SHARE: usize = 250;

/// Sends operations; the window is kept from call to call.
pub struct Sender {
    client: Client,
    requests: Requests,
    window: Window,
}

/// What became of a call's operations. Those that are not named are on the server.
#[derive(Debug, Default)]
pub struct Sent {
    /// Records whose documents the server refuses, and its reason.
    pub malformed: Vec<(usize, String)>,
    /// Records, ascending, that could not be written yet, and why.
    pub open: Option<(Vec<usize>, Error)>,
}

/// A call on its way.
struct Call {
    pending: Pending,
    began: Instant,
    malformed: Vec<(usize, String)>,
    /// The latest trouble that may pass.
    trouble: String,
    fatal: Option<Error>,
}

impl Sender {
    /// Through this client.
    pub fn new(client: Client, requests: Requests) -> Sender {
        Sender { client, requests, window: Window::new(requests.in_flight) }
    }

    /// Sends until every operation is done, refused, or was tried as often and as long as the settings allow.
    pub async fn send(&mut self, jobs: Vec<Job>) -> Result<Sent> {
        let share = jobs.len().div_ceil(self.requests.in_flight).max(SMALLEST_SHARE);
        let limits = Limits { documents: self.requests.documents.min(share), bytes: self.requests.bytes };
        let mut call = Call::new(jobs, self.requests.retries);
        let (client, mut under_way) = (&self.client, FuturesUnordered::new());
        let limit = u64::try_from(self.requests.call_limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            let now = call.now();
            if now >= limit || call.fatal.is_some() {
                call.pending.give_up();
            }
            while under_way.len() < self.window.size() {
                let batch = call.pending.next(now, limits);
                if batch.is_empty() {
                    break;
                }
                under_way.push(request(client, call.body(&batch), batch));
            }
            if call.pending.is_over() {
                return call.end(self.requests.retries);
            }
            // Nothing new is sent after the limit, so only answers are waited for.
            let next = if now < limit { call.pending.next_time(now).unwrap_or(limit).min(limit) } else { u64::MAX };
            let wake = call.began + Duration::from_millis(next.min(now + 60_000));
            let has_room = under_way.len() < self.window.size();
            tokio::select! {
                biased;
                Some((batch, answer)) = under_way.next() => call.answered(&batch, answer, &mut self.window, self.requests.backoff),
                () = tokio::time::sleep_until(wake), if has_room => {}
            }
        }
    }
}

async fn request(client: &Client, body: Bytes, batch: Vec<usize>) -> (Vec<usize>, Result<Reply, Silence>) {
    let answer = client.bulk(BULK, body, REPLY_AROUND + batch.len() * REPLY_PER_OPERATION).await;
    (batch, answer)
}

impl Call {
    fn new(jobs: Vec<Job>, retries: u32) -> Call {
        let pending = Pending::new(jobs, retries);
        Call { pending, began: Instant::now(), malformed: Vec::new(), trouble: String::new(), fatal: None }
    }

    /// Milliseconds since the call began.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn body(&self, batch: &[usize]) -> Bytes {
        let operations = || batch.iter().map(|job| &self.pending.jobs()[*job].operation);
        let mut body = Vec::with_capacity(operations().map(bulk::size_of).sum());
        operations().for_each(|operation| bulk::write(operation, &mut body));
        body.into()
    }

    /// A request is over.
    fn answered(&mut self, batch: &[usize], answer: Result<Reply, Silence>, window: &mut Window, backoff: Duration) {
        let judged = match answer {
            Ok(reply) if reply.status == 200 => self.items(batch, &reply),
            Ok(reply) => self.whole(batch, &reply),
            Err(Silence::Later(why)) => later(batch, false, why),
            Err(Silence::TooSlow(why)) => later(batch, true, why),
            Err(Silence::Refused(error)) => Err(error),
        };
        let verdicts = judged.unwrap_or_else(|error| {
            self.fatal.get_or_insert(error);
            later(batch, false, String::new()).unwrap_or_default()
        });
        let is_pushed_back =
            verdicts.iter().any(|verdict| matches!(verdict, Judged::Item(Verdict::Later { push_back: true, .. })));
        let is_taken =
            verdicts.iter().all(|verdict| matches!(verdict, Judged::Item(Verdict::Done | Verdict::Malformed(_))));
        match (is_pushed_back, is_taken) {
            (true, _) => window.shrink(),
            (false, true) => window.grow(),
            (false, false) => {}
        }
        let (now, chance) = (self.now(), chance());
        let fates: Vec<Fate> = batch
            .iter()
            .zip(verdicts)
            .map(|(job, verdict)| self.fate(*job, verdict, |failures| now + wait(backoff, failures, chance)))
            .collect();
        self.pending.done(batch, &fates);
    }

    fn fate(&mut self, job: usize, verdict: Judged, again_at: impl Fn(u32) -> u64) -> Fate {
        match verdict {
            Judged::Split => Fate::Split,
            Judged::Item(Verdict::Done) => Fate::Settled,
            Judged::Item(Verdict::Malformed(why)) => {
                let job = &self.pending.jobs()[job];
                let (id, index) = (&job.operation.id, &job.operation.index);
                self.malformed
                    .push((job.record, format!("the server refuses the document {id} for the index {index}: {why}")));
                Fate::Settled
            }
            Judged::Item(Verdict::Later { why, .. }) => {
                if !why.is_empty() {
                    self.trouble = why;
                }
                Fate::Again { at: again_at(self.pending.attempts(job) + 1) }
            }
            Judged::Item(Verdict::Fatal(error)) => {
                self.fatal.get_or_insert(error);
                Fate::Settled
            }
        }
    }

    /// A reply with an item for each operation.
    fn items(&self, batch: &[usize], reply: &Reply) -> Result<Vec<Judged>> {
        let strange = |what: String| {
            Error::fail(format!("{} answers a bulk request with {what}", reply.url)).remedy(
                "Check that `connection.url` is the address of Elasticsearch or OpenSearch itself, with its path.",
            )
        };
        let items = bulk::read(&reply.body).map_err(|why| strange("no reply to one".to_owned()).caused_by(why))?;
        if items.len() != batch.len() {
            return Err(strange(format!("{} items for {} documents", items.len(), batch.len())));
        }
        let judge = |(item, job): (&bulk::Item, &usize)| {
            Judged::Item(verdict::of_item(item, &self.pending.jobs()[*job].operation))
        };
        Ok(items.iter().zip(batch).map(judge).collect())
    }

    /// A reply with one status for all.
    fn whole(&self, batch: &[usize], reply: &Reply) -> Result<Vec<Judged>> {
        let text = String::from_utf8_lossy(&reply.body);
        let shown = || verdict::failure(reply.status, &text).reason;
        match verdict::of_reply(reply.status, &reply.url, &text) {
            Whole::Later { push_back } => later(batch, push_back, format!("{} (status {})", shown(), reply.status)),
            Whole::Halve if batch.len() > 1 => Ok(batch.iter().map(|_| Judged::Split).collect()),
            Whole::Halve => {
                Ok(vec![Judged::Item(Verdict::Malformed(format!("{} (status {})", shown(), reply.status)))])
            }
            Whole::Fatal(error) => Err(error),
        }
    }

    fn end(self, retries: u32) -> Result<Sent> {
        if let Some(error) = self.fatal {
            return Err(error);
        }
        let (trouble, mut malformed) = (self.trouble, self.malformed);
        malformed.sort_unstable();
        let open = self.pending.into_given_up();
        let why = || {
            Error::retry(format!(
                "{} records could not be written, with {retries} retries at most: {trouble}",
                open.len()
            ))
            .remedy("They are tried again until the server takes them.")
        };
        let open = (!open.is_empty()).then(|| (open.clone(), why()));
        Ok(Sent { malformed, open })
    }
}

/// What an answer means for an operation.
enum Judged {
    Item(Verdict),
    /// Its request is to be cut in half.
    Split,
}

fn later(batch: &[usize], push_back: bool, why: String) -> Result<Vec<Judged>> {
    Ok(batch.iter().map(|_| Judged::Item(Verdict::Later { push_back, why: why.clone() })).collect())
}

fn wait(backoff: Duration, failures: u32, chance: f64) -> u64 {
    u64::try_from(window::wait(backoff, failures, chance).as_millis()).unwrap_or(u64::MAX)
}

/// From 0 to 1 at random.
fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}
