//! The sink loop's step of putting records: what is taken, what comes again, what is rejected.

use std::fmt::Display;
use std::future::Future;
use std::pin::pin;

use broker_client::{FetchEvent, Fetcher};
use connector_api::{Decision, Error, Result, Taken};
use tokio::time::Instant;

use super::chunk::{content, ends_of, origin_of};
use super::queue::Queue;
use super::rejects::Rejected;
use super::run::Sink;
use crate::transform::Stage;

impl Sink {
    /// Puts the next records, or those that are to be tried again, and meanwhile fetches ahead.
    pub(super) async fn put(&mut self) -> Result<()> {
        if self.chunk.is_done() {
            self.next_chunk().await?;
            if let Some(found) = self.found.take() {
                self.on_fetched(found).await?;
            }
        }
        let part = self.chunk.part_within(self.pacer.at_once());
        if part == 0 || self.rejects.is_waiting() {
            self.count_done();
            return Ok(());
        }
        for (partition, next) in ends_of(&self.chunk.records[..part]) {
            self.progress.given(&partition, next);
        }
        let put = self.calls.bounded("put", self.task.put(&self.chunk.records[..part]));
        let taken = meanwhile(&mut self.fetcher, &mut self.queue, &mut self.found, put).await;
        self.orders.still_ours()?;
        self.pace(part);
        if let Some(found) = self.found.take() {
            self.on_fetched(found).await?;
        }
        match taken {
            Ok(taken) => self.on_taken(part, taken),
            Err(error) if *error.decision() == Decision::Reject => self.on_rejected(part, error),
            Err(error) => {
                let delay = self.retries.after(error)?;
                self.try_again = self.try_again.max(Some(Instant::now() + delay));
                Ok(())
            }
        }
    }

    /// Counts a call with that many records; the next waits as the limits say.
    fn pace(&mut self, part: usize) {
        let bytes = match self.pacer.at_once() {
            (_, Some(_)) => self.chunk.records.iter().take(part).map(content).sum(),
            _ => 0,
        };
        let now = Instant::now();
        self.pacer.spent(part, bytes, now);
        let delay = self.pacer.delay(now);
        self.try_again = (!delay.is_zero()).then(|| now + delay);
    }

    /// Counts what was taken of the first `part` records; keeps what is to be put again; goes on without records that are
    /// rejected, or ends the task.
    fn on_taken(&mut self, part: usize, taken: Taken) -> Result<()> {
        for (index, why) in taken.rejected {
            self.reject(part, index, why)?;
        }
        let again = match taken.again {
            Some((indexes, why)) if !indexes.is_empty() => {
                let delay = self.retries.after(why)?;
                self.try_again = self.try_again.max(Some(Instant::now() + delay));
                indexes
            }
            _ => {
                self.retries.succeeded();
                Vec::new()
            }
        };
        if taken.kept {
            self.keep(part, &again);
        }
        let before = self.chunk.records.len();
        self.chunk.done(part, &again);
        self.calls.view.moved((before - self.chunk.records.len()) as u64);
        self.count_done();
        Ok(())
    }

    /// The sink has rejected the first `part` records as a whole: the one that it means is looked for.
    fn on_rejected(&mut self, part: usize, why: Error) -> Result<()> {
        if !self.chunk.narrow(part) {
            return Ok(());
        }
        self.reject(part, 0, why)?;
        self.chunk.done(1, &[]);
        self.count_done();
        Ok(())
    }

    /// Keeps what dead letters may need of the first `part` records.
    fn keep(&mut self, part: usize, again: &[usize]) {
        let put = self.chunk.records.iter().zip(&self.chunk.originals).take(part).enumerate();
        for (_, (record, original)) in put.filter(|(index, _)| again.binary_search(index).is_err()) {
            self.kept.add(&origin_of(record), original.clone());
        }
    }

    fn reject(&mut self, part: usize, index: usize, why: Error) -> Result<()> {
        let mut put = self.chunk.records.iter().take(part);
        let Some(record) = put.nth(index).filter(|_| self.rejects.tolerates()) else {
            return Err(self.rejected(index, why));
        };
        let partition = origin_of(record);
        let (offset, original) = (record.offset, self.chunk.originals.get(index));
        self.rejects.pass_over(&Rejected { partition, offset, original, stage: Stage::TaskPut, class: None, why: &why })
    }

    fn rejected(&self, index: usize, why: Error) -> Error {
        let place = match self.chunk.records.get(index) {
            Some(record) => format!("{} offset {}", record.origin, record.offset),
            None => "a record that was not put".to_owned(),
        };
        refusal(place, why)
    }

    /// Partitions move on, unless a dead letter is not safe yet.
    pub(super) fn count_done(&mut self) {
        if !self.rejects.is_waiting() {
            for (partition, next) in self.chunk.take_reached() {
                self.progress.put(&partition, next);
            }
            self.count_safe();
        }
    }

    /// Waits for dead letters, so that what they stand for counts as done.
    pub(super) async fn settle_letters(&mut self) {
        match self.rejects.settled().await {
            Ok(()) => self.count_done(),
            Err(error) => tracing::warn!(%error, "a dead letter was not written; its record is read again"),
        }
    }
}

/// Waits for what is done with records, and meanwhile fetches ahead. What is found beside records is kept for later.
pub(super) async fn meanwhile<T>(
    fetcher: &mut Fetcher,
    queue: &mut Queue,
    found: &mut Option<FetchEvent>,
    done: impl Future<Output = T>,
) -> T {
    let mut done = pin!(done);
    loop {
        tokio::select! {
            biased;
            done = &mut done => return done,
            event = fetcher.event(), if found.is_none() && queue.has_room() => match event {
                FetchEvent::Records { partition, from, batches, .. } => queue.push(&partition, from, batches),
                other => *found = Some(other),
            },
        }
    }
}

/// The task ends at a record that the sink rejects.
pub(super) fn refusal(place: impl Display, why: Error) -> Error {
    let has_remedy = why.remedy_text().is_some();
    let error = Error::fatal(format!("the sink cannot take {place}")).caused_by(why);
    match has_remedy {
        true => error,
        false => error.remedy(
            "Correct the sink's configuration or the data, or let the task go on without such records by \
             `errors.tolerance`.",
        ),
    }
}
