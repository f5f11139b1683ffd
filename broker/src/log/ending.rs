//! One partition: the transactions that write to it, from their announcement to the marker that ends them.

use std::sync::Arc;

use broker_wire::records::{ControlType, check_batch, marker};

use super::append::AppendError;
use super::committer::Ticket;
use super::partition::PartitionLog;

impl PartitionLog {
    /// Lets a producer write within a transaction until [`end_transaction`](Self::end_transaction).
    pub fn announce(&self, producer_id: i64, epoch: i16) {
        self.state.lock().producers.transactions.announce(producer_id, epoch);
    }

    /// Ends the transaction of a producer with a marker of `epoch`, which fences the epochs before it. Safe when the ticket is
    /// durable; `None` if the producer has written nothing: then there is nothing to mark. Doing it again does no harm.
    ///
    /// # Errors
    /// The marker is not in the log, and the transaction stays open.
    pub fn end_transaction(
        self: &Arc<Self>,
        (producer_id, epoch): (i64, i16),
        outcome: ControlType,
        now_ms: i64,
    ) -> Result<Option<Ticket>, AppendError> {
        let mut state = self.state.lock();
        self.check_writable(&state)?;
        if state.producers.open_transaction(producer_id).is_none() {
            state.producers.transactions.withdraw(producer_id);
            return Ok(None);
        }
        let impossible = |error| AppendError::Failed(format!("no marker for {}: {error}", self.name));
        let batch = marker(producer_id, epoch, outcome, now_ms).map_err(impossible)?;
        let header = check_batch(&batch).map_err(impossible)?;
        self.append_next(&mut state, &batch, &header, now_ms)?;
        Ok(Some(self.commit(&mut state)))
    }

    /// The producers with an open transaction here: id, epoch and the first offset of the transaction.
    pub fn open_transactions(&self) -> Vec<(i64, i16, i64)> {
        self.with_state(|state| {
            let all = state.producers.all();
            all.into_iter().filter_map(|(id, producer)| Some((id, producer.epoch, producer.transaction?))).collect()
        })
    }
}
