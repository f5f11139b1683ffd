//! Carrying out a decision: a marker in each partition that belongs to the transaction.

use std::sync::{Arc, Weak};
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::records::ControlType;

use super::coordinator::TransactionCoordinator;
use super::transaction::{Phase, TopicPartition, Transaction};
use crate::log::append::AppendError;
use crate::log::committer::Ticket;
use crate::topics::PartitionState;
use crate::topics::name::OFFSETS_TOPIC;

/// How long a partition that takes no marker is left alone, at first and at most, in ms.
const RETRY_MS: (u64, u64) = (50, 5000);

/// Markers could not be written.
enum Trouble {
    /// They can be later.
    Passing,
    /// The log takes nothing more; a restart goes on from the journal.
    Final,
}

/// Writes the markers of a transaction once its decision is durable, as often as it takes, and tells who waits. Ends with the
/// broker.
pub(super) async fn finish(coordinator: Weak<TransactionCoordinator>, id: Arc<str>, decided: Ticket) {
    let decided = decided.durable().await;
    let (mut pause, most) = RETRY_MS;
    loop {
        let Some(coordinator) = coordinator.upgrade() else { return };
        match decided.map_err(|_| Trouble::Final).and_then(|()| coordinator.try_finish(&id)) {
            Ok(()) => return coordinator.tell(&id, Ok(())),
            Err(Trouble::Final) => return coordinator.tell(&id, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
            Err(Trouble::Passing) => drop(coordinator),
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(most);
    }
}

impl TransactionCoordinator {
    fn try_finish(&self, id: &Arc<str>) -> Result<(), Trouble> {
        let decided = self.describe(id);
        let Some((transaction, outcome)) = decided.and_then(|transaction| match transaction.phase {
            Phase::Prepared(outcome) => Some((transaction, outcome)),
            _ => None,
        }) else {
            return Ok(());
        };
        self.write_markers(id, &transaction, outcome)?;
        let mut state = self.state.lock();
        let Some(next) = transaction.complete(self.clock.wall_ms()) else { return Ok(()) };
        // Without this record a restart looks for markers that are missing, and finds none. So an error is no harm.
        let written = self.write(id, Some(&next));
        if let Some(known) = state.by_id.get_mut(id) {
            known.transaction = next;
            written.into_iter().for_each(|ticket| known.written = ticket);
        }
        Ok(())
    }

    /// Writes every marker that can be written, also if others cannot.
    fn write_markers(&self, id: &str, transaction: &Transaction, outcome: ControlType) -> Result<(), Trouble> {
        let producer = (transaction.producer_id, transaction.epoch);
        let mut trouble = None;
        for at in &transaction.partitions {
            match self.write_marker(producer, at, outcome) {
                Ok(()) | Err(AppendError::Deleted) => {}
                Err(AppendError::Stopping | AppendError::Failed(_)) => return Err(Trouble::Final),
                Err(error) => {
                    let (topic, partition) = at;
                    tracing::warn!(transactional_id = id, topic, partition, %error, "transaction not ended here yet");
                    trouble = Some(Trouble::Passing);
                }
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Ends the transaction of a producer (id and epoch) in one partition. A partition that is gone has none.
    pub(super) fn write_marker(
        &self,
        producer: (i64, i16),
        (topic, partition): &TopicPartition,
        outcome: ControlType,
    ) -> Result<(), AppendError> {
        if topic == OFFSETS_TOPIC {
            return self.groups.end_transaction(*partition, producer, outcome);
        }
        match self.registry.get(topic).as_ref().and_then(|topic| topic.partition(*partition)) {
            Some(PartitionState::Online(log)) => {
                log.end_transaction(producer, outcome, self.clock.wall_ms()).map(|_| ())
            }
            Some(PartitionState::Offline(reason)) => Err(AppendError::Offline(reason.clone())),
            None => Ok(()),
        }
    }

    /// Lets a producer (id and epoch) write to a partition within its transaction.
    pub(super) fn announce(&self, (producer_id, epoch): (i64, i16), (topic, partition): &TopicPartition) {
        let topic = self.registry.get(topic);
        let state = topic.as_ref().and_then(|topic| topic.partition(*partition));
        if let Some(log) = state.and_then(PartitionState::online) {
            log.announce(producer_id, epoch);
        }
    }

    /// Tells those who wait for the end of a transaction how it went.
    fn tell(&self, id: &str, outcome: Result<(), ErrorCode>) {
        let mut state = self.state.lock();
        let waiting = state.by_id.get_mut(id).map(|known| std::mem::take(&mut known.waiting));
        for waiter in waiting.into_iter().flatten() {
            waiter.send(outcome).ok();
        }
    }
}
