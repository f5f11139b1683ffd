//! The sink loop's step between reading records and putting them: converters that are plugins, and transforms.

use broker_client::TopicPartition;
use connector_api::{Error, Result, SinkRecord, TransformRecord};

use super::chunk::{Chunk, is_of, origin_of};
use super::put::meanwhile;
use super::rejects::Rejected;
use super::run::Sink;
use crate::task::Trouble;
use crate::transform::{Failure, Stage, Way, Work};

/// Records that have been read, on their way through the chain. Partitions stay where they are until these are put.
pub(super) struct Pending {
    chunk: Chunk,
    work: Work,
}

impl Pending {
    fn new(mut chunk: Chunk) -> Pending {
        let work = Work::new(chunk.records.iter_mut().map(TransformRecord::of_sink).collect());
        Pending { chunk, work }
    }

    /// Drops what belongs to a partition that the task gives up.
    pub fn forget(&mut self, partition: &TopicPartition) {
        let records = &self.chunk.records;
        self.work.forget(|place| records.get(place).is_some_and(|record| is_of(record, partition)));
        self.chunk.forget_end(partition);
    }
}

impl Sink {
    /// Takes the next records out of the queue and through the chain. Those that are no good never get to the sink. If some are to
    /// be tried again later, nothing is there to be put yet.
    pub(super) async fn next_chunk(&mut self) -> Result<()> {
        let Some(mut pending) = self.next_pending()? else { return Ok(()) };
        let going = self.chain.go_on(&mut pending.work);
        let way = meanwhile(&mut self.fetcher, &mut self.queue, &mut self.found, going).await;
        self.orders.still_ours()?;
        match way? {
            Way::Through => {
                self.calls.view.works(Trouble::Transform);
                self.take_through(pending)
            }
            Way::Again(when, why) => {
                self.calls.view.retrying(Trouble::Transform, why);
                self.try_again = self.try_again.max(Some(when));
                self.pending = Some(pending);
                Ok(())
            }
        }
    }

    /// What is on its way, or the next records. `None` if there are none, or no way to go.
    fn next_pending(&mut self) -> Result<Option<Pending>> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        let most = self.consumer.max_poll_records;
        let room = self.chunk.take_room();
        let (chunk, unreadable) = self.queue.next(most, &mut self.decoder, self.rejects.reading(), room)?;
        for one in unreadable {
            let (partition, offset) = (one.partition, one.record.offset);
            let (original, stage, why) = (Some(&one.record), one.stage, &one.why);
            self.rejects.pass_over(&Rejected { partition, offset, original, stage, class: None, why })?;
        }
        if self.chain.is_empty() || chunk.records.is_empty() {
            self.chunk = chunk;
            return Ok(None);
        }
        Ok(Some(Pending::new(chunk)))
    }

    /// Records that have come through are to be put; the others are passed over, or end the task.
    fn take_through(&mut self, Pending { mut chunk, work }: Pending) -> Result<()> {
        let (records, failures) = work.into_parts();
        for failure in &failures {
            self.refuse(&chunk, failure)?;
        }
        let mut stays = vec![false; chunk.records.len()];
        for (place, record) in records.into_iter().enumerate() {
            let Some(record) = record else { continue };
            let Some(slot) = chunk.records.get_mut(place) else { continue };
            record.into_sink(slot);
            match self.decoder.shape(slot) {
                Ok(()) => stays[place] = true,
                Err((stage, why)) => self.refuse(&chunk, &Failure { place, stage, class: None, why })?,
            }
        }
        chunk.keep(|place| stays.get(place).copied().unwrap_or(false));
        self.chunk = chunk;
        Ok(())
    }

    fn refuse(&mut self, chunk: &Chunk, failure: &Failure) -> Result<()> {
        let Some(record) = chunk.records.get(failure.place) else { return Ok(()) };
        let Failure { stage, class, why, .. } = failure;
        if !self.rejects.tolerates() {
            return Err(stopped_at(record, *stage, why));
        }
        let (partition, offset) = (origin_of(record), record.offset);
        let original = chunk.originals.get(failure.place);
        let class = class.as_deref();
        self.rejects.pass_over(&Rejected { partition, offset, original, stage: *stage, class, why })
    }
}

/// The task ends at a record that cannot go on.
fn stopped_at(record: &SinkRecord, stage: Stage, why: &Error) -> Error {
    let (origin, offset) = (&record.origin, record.offset);
    let what = match stage {
        Stage::KeyConverter => "cannot read the key of",
        Stage::ValueConverter => "cannot read the value of",
        _ => "cannot transform",
    };
    Error::new(why.decision().clone(), format!("{what} {origin} offset {offset}: {why}")).remedy(
        "Correct the configuration or the data, or let the task go on without such records by `errors.tolerance`.",
    )
}
