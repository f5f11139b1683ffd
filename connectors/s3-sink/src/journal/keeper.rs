//! Keeps a journal in the store.

use std::time::Duration;

use bytes::Bytes;
use connector_api::{Error, Result, TopicPartition};

use super::content::{Content, Cut};
use crate::store::{Fault, Kind, Precondition, Store, Written};

/// How many settled cuts stay listed: for offsets whose commit got lost.
const KEPT: usize = 64;

/// How often a claim is tried against others that claim too.
const CLAIMS: usize = 8;

/// How long after an answer that broke off it is asked for again.
const AGAIN: Duration = Duration::from_millis(200);

/// The journal of a topic partition, and the right to write it.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    key: String,
    partition: TopicPartition,
    content: Content,
    etag: String,
}

impl Keeper {
    /// Takes the journal over: from now on no earlier life can decide anything any more.
    pub async fn claim(store: Store, key: String, partition: TopicPartition, owner: &str) -> Result<Keeper> {
        for _ in 0..CLAIMS {
            let found = match store.get(&key).await {
                Err(fault) if fault.may_pass() => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                found => found.map_err(|fault| fault.into_error())?,
            };
            let (mut content, condition) = match &found {
                None => (Content::default(), Precondition::Absent),
                Some(read) => {
                    (Content::read(&read.bytes).ok_or_else(|| foreign(&key))?, Precondition::Is(read.etag.clone()))
                }
            };
            content.owner = owner.to_owned();
            content.version += 1;
            let bytes = Bytes::from(content.to_bytes());
            if let Written::As(etag) =
                store.put_if(&key, bytes, &condition).await.map_err(|fault| fault.into_error())?
            {
                return Ok(Keeper { store, key, partition, content, etag });
            }
        }
        Err(Error::fail(format!(
            "the journal `{key}` of {partition} cannot be taken over: others write it, or it cannot be read"
        ))
        .remedy("Does another connector have the same name, bucket and `journal.dir`? Change one of them."))
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Its name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes cuts down, in one request. What ends below `settled` may be forgotten. When this returns, whoever takes over
    /// repeats these cuts; when it fails, nothing is decided yet, and the same cuts are to be given again.
    pub async fn decide(&mut self, cuts: &[Cut], settled: i64) -> Result<(), Fault> {
        let mut next = self.content.clone();
        next.cuts.extend(cuts.iter().filter(|cut| !self.content.cuts.contains(cut)).cloned());
        next.forget(settled, KEPT);
        next.version += 1;
        let bytes = Bytes::from(next.to_bytes());
        let condition = Precondition::Is(self.etag.clone());
        match self.store.put_if(&self.key, bytes, &condition).await? {
            Written::As(etag) => self.etag = etag,
            Written::Not => self.etag = self.own_write_whose_answer_got_lost(&next).await?,
        }
        self.content = next;
        Ok(())
    }

    async fn own_write_whose_answer_got_lost(&mut self, wanted: &Content) -> Result<String, Fault> {
        let found = self.store.get(&self.key).await?;
        let written = found.as_ref().and_then(|read| Some((Content::read(&read.bytes)?, read.etag.clone())));
        match written {
            Some((content, etag)) if content == *wanted => Ok(etag),
            // An earlier try of ours, with fewer cuts, came through late: write on top of it.
            Some((content, etag)) if content.owner == wanted.owner => {
                self.etag = etag;
                self.content = content;
                Err(Fault::own(Kind::Passing, format!("the journal `{}` has to be written again", self.key)))
            }
            _ => Err(Fault::own(Kind::TakenOver, format!("another task has taken {} over", self.partition))),
        }
    }
}

fn foreign(key: &str) -> Error {
    Error::fatal(format!("the object `{key}` is no journal of this connector"))
        .remedy("Move it away, or set `journal.dir` to another folder.")
}
