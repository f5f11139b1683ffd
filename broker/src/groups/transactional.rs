//! Offsets that are committed within transactions: written to the journal as a part of the transaction, shown with its marker.

use broker_wire::ErrorCode;
use broker_wire::records::{ControlType, ProducerStamp};

use super::coordinator::Coordinator;
use super::group::{Committed, Group};
use crate::log::append::AppendError;
use crate::log::committer::Ticket;
use crate::topics::PartitionState;
use crate::topics::journal::partition_of;
use crate::topics::name::OFFSETS_TOPIC;

impl Coordinator {
    /// The partition of the journal that a group belongs to; the topic is created if need be.
    pub fn journal_partition(&self, group: &str) -> Option<i32> {
        self.journal(group)?;
        let topic = self.registry.get(OFFSETS_TOPIC)?;
        Some(partition_of(group, topic.partitions.len() as i32))
    }

    /// Holds offsets back until the transaction of the producer (id and epoch) is over, in the name of a member, or of nobody; safe
    /// when the ticket is durable.
    ///
    /// # Errors
    /// Nothing was committed.
    pub fn commit_in_transaction(
        &self,
        name: &str,
        (producer_id, epoch): (i64, i16),
        (member, instance, generation): (&str, Option<&str>, i32),
        offsets: Vec<((String, i32), Committed)>,
    ) -> Result<Ticket, ErrorCode> {
        let journal = self.journal_partition(name).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let mut state = self.state.lock();
        if !state.groups.contains_key(name) && generation >= 0 {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if !state.has_room(name) {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let mut fresh = Group::default();
        let group = state.groups.get_mut(name).unwrap_or(&mut fresh);
        group.check_transactional_commit(self.clock.now_ms(), member, instance, generation)?;
        let stamp = ProducerStamp { producer_id, epoch, base_sequence: -1, transactional: true };
        let ticket = self.write_stamped(&mut state, name, Some(stamp), |entry| {
            offsets
                .iter()
                .try_for_each(|((topic, partition), committed)| entry.offset(name, topic, *partition, Some(committed)))
        })?;
        if !offsets.is_empty() {
            state.pending.insert(journal, producer_id, name);
            state.groups.entry(name.to_owned()).or_default().hold(producer_id, offsets);
        }
        Ok(ticket)
    }

    /// Ends the transaction of a producer (id and epoch) in a partition of the journal: writes its marker, and shows or forgets
    /// what was held back.
    ///
    /// # Errors
    /// The marker could not be written; nothing has changed.
    pub fn end_transaction(
        &self,
        partition: i32,
        producer: (i64, i16),
        outcome: ControlType,
    ) -> Result<(), AppendError> {
        let mut state = self.state.lock();
        let topic = self.registry.get(OFFSETS_TOPIC);
        let log = match topic.as_ref().and_then(|topic| topic.partition(partition)) {
            Some(PartitionState::Online(log)) => log,
            Some(PartitionState::Offline(reason)) => return Err(AppendError::Offline(reason.clone())),
            None => return Ok(()),
        };
        let ticket = log.end_transaction(producer, outcome, self.clock.wall_ms())?;
        for name in state.pending.take(partition, producer.0) {
            if let Some(group) = state.groups.get_mut(&name) {
                group.decide(producer.0, outcome == ControlType::Commit);
                ticket.iter().for_each(|ticket| drop(state.journaled.insert(name.clone(), ticket.clone())));
            }
            self.settle(&mut state, &name);
        }
        Ok(())
    }
}
