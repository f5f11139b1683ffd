//! Transactions after a start: from the journal, and from what the partitions say is open.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use broker_wire::records::ControlType;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::coordinator::{Known, TransactionCoordinator, TransactionLimits};
use super::ending::finish;
use super::journal::apply;
use super::transaction::{Phase, TopicPartition, Transaction};
use crate::clock::Clock;
use crate::groups::coordinator::Coordinator;
use crate::log::committer::Ticket;
use crate::log::replay::replay;
use crate::producer_ids::ProducerIds;
use crate::topics::name::TRANSACTIONS_TOPIC;
use crate::topics::{PartitionState, Registry};

/// What the coordinator works with.
#[derive(Debug)]
pub struct Surroundings {
    /// Where the time comes from.
    pub clock: Clock,
    /// The topics, recovered.
    pub registry: Arc<Registry>,
    /// The groups, loaded.
    pub groups: Arc<Coordinator>,
    /// Where new ids come from.
    pub producer_ids: Arc<ProducerIds>,
    /// Where transactions are ended.
    pub runtime: Handle,
}

impl TransactionCoordinator {
    /// Loads the transactions from the journal, and has those ended that are decided. Those of a partition of the journal that is
    /// offline are not available, and what they have open stays so.
    ///
    /// # Errors
    /// The journal cannot be read; the text says where.
    pub fn load(limits: TransactionLimits, with: Surroundings) -> Result<Arc<Self>, String> {
        let Surroundings { clock, registry, groups, producer_ids, runtime } = with;
        let (mut known, mut whole) = (BTreeMap::new(), true);
        for partition in registry.get(TRANSACTIONS_TOPIC).iter().flat_map(|topic| &topic.partitions) {
            match partition {
                PartitionState::Online(log) => {
                    let apply = |batch: &_| apply(&mut known, batch).map_err(|error| error.to_string());
                    replay(log, apply).map_err(|error| format!("{}: {error}", log.name()))?;
                }
                PartitionState::Offline(reason) => {
                    tracing::error!("transactions are not available, and those that are open stay so: {reason}");
                    whole = false;
                }
            }
        }
        let (state, earlier) = (Mutex::default(), Notify::new());
        let coordinator = Self { limits, clock, registry, groups, producer_ids, runtime, state, earlier };
        let coordinator = Arc::new(coordinator);
        if whole {
            coordinator.abort_strays(&known);
        }
        coordinator.resume(known);
        Ok(coordinator)
    }

    /// Goes on with each transaction where the journal leaves it.
    fn resume(self: &Arc<Self>, known: BTreeMap<String, Transaction>) {
        let mut state = self.state.lock();
        for (id, transaction) in known {
            let id: Arc<str> = id.into();
            let producer = (transaction.producer_id, transaction.epoch);
            let mut deadline = None;
            match transaction.phase {
                Phase::Ongoing => {
                    transaction.partitions.iter().for_each(|at| self.announce(producer, at));
                    deadline = Some(self.clock.now_ms() + i64::from(transaction.timeout_ms));
                }
                Phase::Prepared(_) => {
                    drop(self.runtime.spawn(finish(Arc::downgrade(self), id.clone(), Ticket::DONE)));
                }
                Phase::Empty | Phase::Complete(_) => {}
            }
            state.by_id.insert(id, Known { transaction, deadline, written: Ticket::DONE, waiting: Vec::new() });
        }
    }

    /// Aborts what is open in a partition though no transaction has the partition: nobody would ever end it. That can only be if
    /// files were lost or put back from a copy.
    fn abort_strays(&self, known: &BTreeMap<String, Transaction>) {
        let by_producer: HashMap<i64, &Transaction> =
            known.values().map(|transaction| (transaction.producer_id, transaction)).collect();
        for topic in self.registry.all() {
            for (index, partition) in topic.partitions.iter().enumerate() {
                let Some(log) = partition.online() else { continue };
                let at: TopicPartition = (topic.name.to_string(), index as i32);
                for (producer_id, epoch, first_offset) in log.open_transactions() {
                    let owner = by_producer.get(&producer_id);
                    if owner.is_some_and(|owner| owner.partitions.contains(&at)) {
                        continue;
                    }
                    let aborted = self.write_marker((producer_id, epoch), &at, ControlType::Abort);
                    let error = aborted.err().map(|error| error.to_string());
                    tracing::warn!(
                        partition = log.name(),
                        producer_id,
                        first_offset,
                        error,
                        "open transaction that no transactional id knows of aborted"
                    );
                }
            }
        }
    }
}
