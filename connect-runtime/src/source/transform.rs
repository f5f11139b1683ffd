//! The source loop's step between polling records and converting them: transforms, and converters that are plugins.

use connector_api::{Outcome, Result, SourceBatch, SourceRecord, TransformRecord};
use tokio::time::Instant;

use super::run::Source;
use crate::task::{Order, Trouble};
use crate::transform::{Failure, Stage, Way, Work, structured};

impl Source {
    /// Takes a batch through the chain. What is dropped counts as delivered. False if the order came to stop meanwhile; the
    /// connector hears of the batch what it hears of all that are under way then.
    pub(super) async fn transform(&mut self, batch: &mut SourceBatch) -> Result<bool> {
        if self.chain.is_empty() {
            return Ok(true);
        }
        let mut work = self.work(std::mem::take(&mut batch.records));
        loop {
            match self.go_on(&mut work).await {
                Ok(Way::Through) => break,
                Ok(Way::Again(when, why)) => {
                    self.calls.view.retrying(Trouble::Transform, why);
                    self.deliver_for(when.saturating_duration_since(Instant::now())).await?;
                }
                Err(error) => {
                    self.delivery.refuse(batch.id, Outcome::Failed(error.to_string()));
                    return Err(error);
                }
            }
            if self.orders.now() == Order::Stop {
                self.delivery.refuse(batch.id, Outcome::Unknown);
                return Ok(false);
            }
        }
        self.calls.view.works(Trouble::Transform);
        batch.records = self.take_through(batch.id, work)?;
        Ok(true)
    }

    fn work(&self, records: Vec<SourceRecord>) -> Work {
        let mut work = Work::new(records.into_iter().map(TransformRecord::of_source).collect());
        let mut wrong = Vec::new();
        for (place, record) in work.records_mut().iter_mut().enumerate() {
            let looked_into = [(self.reads.key, &mut record.key), (self.reads.value, &mut record.value)];
            let shaped = looked_into.into_iter().filter(|(reads, _)| *reads).try_for_each(|(_, part)| structured(part));
            wrong.extend(shaped.err().map(|why| (place, why)));
        }
        for (place, why) in wrong {
            work.refuse(Failure { place, stage: Stage::Transformation, class: None, why });
        }
        work
    }

    /// Goes on, and meanwhile deals with what comes back from the log.
    async fn go_on(&mut self, work: &mut Work) -> Result<Way> {
        let mut going = std::pin::pin!(self.chain.go_on(work));
        loop {
            tokio::select! {
                biased;
                way = &mut going => {
                    self.orders.still_ours()?;
                    return way;
                }
                stepped = self.delivery.step() => {
                    stepped?;
                    self.delivery.take_up().await?;
                }
            }
        }
    }

    /// The records that have come through. The others are passed over, or end the task.
    fn take_through(&mut self, batch: u64, work: Work) -> Result<Vec<SourceRecord>> {
        let (records, failures) = work.into_parts();
        for Failure { why, .. } in failures {
            if !self.delivery.errors.tolerate {
                self.delivery.refuse(batch, Outcome::Failed(why.to_string()));
                return Err(why);
            }
            let what = format_args!("a record was passed over: {why}");
            self.calls.view.passed_over(self.delivery.errors.log, what);
        }
        Ok(records.into_iter().flatten().map(TransformRecord::into_source).collect())
    }
}
