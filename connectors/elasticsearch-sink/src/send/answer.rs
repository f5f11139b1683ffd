//! What the answer to a request means for each of its operations.

use connector_api::{Error, Result};

use super::client::{Reply, Silence};
use super::pending::{Entry, Job};
use super::verdict::{self, Verdict, Whole};
use crate::bulk;

/// What an answer means for an operation.
#[derive(Debug)]
pub enum Judged {
    /// This.
    Item(Verdict),
    /// Its request is to be cut in half.
    Split,
}

/// Judges all operations of a request. An error says that nothing can be written until somebody acts.
pub fn judge(batch: &[Entry], answer: Result<Reply, Silence>) -> Result<Vec<Judged>> {
    match answer {
        Ok(reply) if reply.status == 200 => items(batch, &reply),
        Ok(reply) => whole(batch, &reply),
        Err(Silence::Later(why)) => Ok(later(batch, false, &why)),
        Err(Silence::TooSlow(why)) => Ok(later(batch, true, &why)),
        Err(Silence::Refused(error)) => Err(error),
    }
}

/// Why a document is refused, with its name.
pub fn refusal(job: &Job, why: &str) -> String {
    format!("the server refuses the document {} for the index {}: {why}", job.operation.id, job.operation.index)
}

/// A reply with an item for each operation.
fn items(batch: &[Entry], reply: &Reply) -> Result<Vec<Judged>> {
    let strange = |what: String| {
        Error::fail(format!("{} answers a bulk request with {what}", reply.url))
            .remedy("Check that `connection.url` is the address of Elasticsearch or OpenSearch itself, with its path.")
    };
    let items = bulk::read(&reply.body).map_err(|why| strange("no reply to one".to_owned()).caused_by(why))?;
    if items.len() != batch.len() {
        return Err(strange(format!("{} items for {} documents", items.len(), batch.len())));
    }
    let judge = |(item, entry): (&bulk::Item, &Entry)| Judged::Item(verdict::of_item(item, &entry.job.operation));
    Ok(items.iter().zip(batch).map(judge).collect())
}

/// A reply with one status for all.
fn whole(batch: &[Entry], reply: &Reply) -> Result<Vec<Judged>> {
    let text = String::from_utf8_lossy(&reply.body);
    let shown = || format!("{} (status {})", verdict::failure(reply.status, &text).reason, reply.status);
    match verdict::of_reply(reply.status, &reply.url, &text) {
        Whole::Later { push_back } => Ok(later(batch, push_back, &shown())),
        Whole::Halve if batch.len() > 1 => Ok(batch.iter().map(|_| Judged::Split).collect()),
        Whole::Halve => Ok(vec![Judged::Item(Verdict::Malformed(shown()))]),
        Whole::Fatal(error) => Err(error),
    }
}

fn later(batch: &[Entry], push_back: bool, why: &str) -> Vec<Judged> {
    batch.iter().map(|_| Judged::Item(Verdict::Later { push_back, why: why.to_owned() })).collect()
}
