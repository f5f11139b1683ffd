//! The sink loop's step of hearing what became of records that the sink kept.

use broker_client::TopicPartition;
use connector_api::{Error, Host, Result, TopicPartition as Named, Written};
use tokio::time::Instant;

use super::put::refusal;
use super::rejects::Rejected;
use super::run::Sink;
use crate::transform::Stage;

impl Sink {
    /// The sink says what it has written, or that it has trouble.
    pub(super) fn on_written(&mut self, written: Result<Written>) -> Result<()> {
        match written {
            Ok(written) => {
                self.retries.succeeded();
                self.take_written(written)
            }
            Err(error) => {
                self.hear_again = Instant::now() + self.retries.after(error)?;
                Ok(())
            }
        }
    }

    /// Partitions move on with what is safe; what is rejected becomes a dead letter or ends the task.
    pub(super) fn take_written(&mut self, written: Written) -> Result<()> {
        for (origin, offset, why) in written.rejected {
            let partition = client_name(origin);
            if let Err(error) = self.reject_late(&partition, offset, why) {
                // The task ends here, and the sink says that everything behind this record is safe.
                self.progress.bar(&partition, offset);
                return Err(error);
            }
        }
        self.safe.extend(written.safe);
        self.count_done();
        Ok(())
    }

    fn reject_late(&mut self, partition: &TopicPartition, offset: i64, why: Error) -> Result<()> {
        let original = self.kept.get(partition, offset);
        if !self.rejects.tolerates() || (original.is_none() && self.rejects.writes_letters()) {
            return Err(refusal(format_args!("{partition} offset {offset}"), why));
        }
        let partition = partition.clone();
        self.rejects.pass_over(&Rejected { partition, offset, original, stage: Stage::TaskPut, class: None, why: &why })
    }

    /// Partitions move to where the sink says that everything is safe.
    pub(super) fn count_safe(&mut self) {
        for (origin, offset) in std::mem::take(&mut self.safe) {
            let partition = client_name(origin);
            if let Some(warning) = self.progress.flushed_to(&partition, offset) {
                self.calls.view.warn(&warning);
            }
            self.kept.safe_to(&partition, offset);
        }
    }
}

fn client_name(named: Named) -> TopicPartition {
    TopicPartition { topic: named.topic, partition: named.partition }
}
