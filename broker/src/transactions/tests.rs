//! Tests of transactions: the state machine with properties, and the whole of it on a disk that dies at each step.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::records::{BatchBuilder, Compression, ControlType, ProducerStamp, check_batch};
use proptest::prelude::*;
use tokio::runtime::Handle;

use super::coordinator::{Next, TransactionCoordinator};
use super::loading::Surroundings;
use super::transaction::{Ended, Init, Phase, Started, Transaction};
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::groups::coordinator::Coordinator;
use crate::groups::group::Committed;
use crate::log::disk::Disk;
use crate::log::disk::memory::MemoryDisk;
use crate::log::folder::{Durability, LogFolder};
use crate::log::partition::PartitionLog;
use crate::log::recovery::Situation;
use crate::log::tests::transactions::committed;
use crate::open::{make_durable, recover_topics};
use crate::producer_ids::ProducerIds;
use crate::topics::{Registry, TopicConfig};

const INIT: Init = Init { timeout_ms: 60_000, had: None, now_ms: 0 };

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A producer begins anew, or goes on from what it has.
    Init(usize, bool),
    Add(usize, i32),
    End(usize, bool),
    TimeOut,
    /// The markers are written.
    Complete,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..3, any::<bool>()).prop_map(|(who, anew)| Step::Init(who, anew)),
        5 => (0usize..3, 0i32..4).prop_map(|(who, partition)| Step::Add(who, partition)),
        4 => (0usize..3, any::<bool>()).prop_map(|(who, commit)| Step::End(who, commit)),
        1 => Just(Step::TimeOut),
        4 => Just(Step::Complete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Several producers under one id: only the one that was given the id last has a say, no two of them ever have the same id and
    /// epoch, and a decision never changes.
    #[test]
    fn only_the_last_producer_decides(
        first_epoch in prop_oneof![Just(0), Just(i16::MAX - 4)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut transaction = Transaction { epoch: first_epoch, ..Transaction::new(0, INIT) };
        let mut next_id = 1;
        // What each producer was given, and who was given something last.
        let (mut given, mut last): ([Option<(i64, i16)>; 3], Option<usize>) = ([None; 3], None);
        for step in steps {
            let before = transaction.clone();
            match step {
                Step::Init(who, anew) => {
                    let had = given[who].filter(|_| !anew);
                    let fresh = || { next_id += 1; Ok(next_id - 1) };
                    match transaction.init(Init { had, ..INIT }, fresh) {
                        Ok(Started::Ready(next)) => {
                            let producer = (next.producer_id, next.epoch);
                            let others = given.iter().enumerate().filter(|(other, _)| *other != who);
                            prop_assert!(others.into_iter().all(|(_, other)| *other != Some(producer)));
                            prop_assert!(had.is_none() || last == Some(who), "a producer that was fenced is back");
                            prop_assert!(next.producer_id > before.producer_id || next.epoch >= before.epoch);
                            (given[who], last) = (Some(producer), Some(who));
                            transaction = next;
                        }
                        Ok(Started::AbortFirst(next)) => {
                            prop_assert_eq!(before.phase, Phase::Ongoing);
                            prop_assert_eq!(next.phase, Phase::Prepared(ControlType::Abort));
                            prop_assert!(next.epoch > before.epoch);
                            if had.is_none() {
                                last = None;
                            }
                            transaction = next;
                        }
                        Err(error) => prop_assert!(
                            matches!(error, ErrorCode::PRODUCER_FENCED | ErrorCode::CONCURRENT_TRANSACTIONS),
                            "{error}"
                        ),
                    }
                }
                Step::Add(who, partition) => {
                    let Some(producer) = given[who] else { continue };
                    match transaction.add(producer, [("t".to_owned(), partition)], 1) {
                        Ok(next) => {
                            prop_assert_eq!(last, Some(who));
                            transaction = next.unwrap_or(transaction);
                            prop_assert_eq!(transaction.phase, Phase::Ongoing);
                            prop_assert!(transaction.partitions.contains(&("t".to_owned(), partition)));
                        }
                        Err(ErrorCode::CONCURRENT_TRANSACTIONS) => {
                            prop_assert!(matches!(before.phase, Phase::Prepared(_)));
                        }
                        Err(_) => prop_assert!(producer != (before.producer_id, before.epoch)),
                    }
                }
                Step::End(who, commit) => {
                    let Some(producer) = given[who] else { continue };
                    let outcome = if commit { ControlType::Commit } else { ControlType::Abort };
                    match transaction.end(producer, outcome, 1) {
                        Ok(Ended::Decided(next)) => {
                            prop_assert_eq!((last, before.phase), (Some(who), Phase::Ongoing));
                            prop_assert_eq!(&next.partitions, &before.partitions);
                            transaction = next;
                        }
                        Ok(Ended::Done) => prop_assert_eq!(before.phase, Phase::Complete(outcome)),
                        Err(_) => {}
                    }
                }
                Step::TimeOut => transaction = transaction.time_out(1).unwrap_or(transaction),
                Step::Complete => transaction = transaction.complete(1).unwrap_or(transaction),
            }
            if let Phase::Prepared(decided) = before.phase {
                let kept = [Phase::Prepared(decided), Phase::Complete(decided)].contains(&transaction.phase);
                prop_assert!(kept, "a decision changed: {:?} to {:?}", before.phase, transaction.phase);
            }
        }
    }
}

#[test]
fn a_producer_whose_answer_was_lost_asks_again_and_gets_the_same_epoch() {
    let none = || Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    let ready = |started| match started {
        Ok(Started::Ready(next)) => next,
        other => panic!("{other:?}"),
    };
    let first = Transaction::new(7, INIT);
    let had = Init { had: Some((7, 0)), ..INIT };
    let second = ready(first.init(had, none));
    assert_eq!((second.epoch, ready(second.init(had, none)).epoch), (1, 1));
    // After a transaction that took too long the producer goes on in the epoch that fenced it.
    let open = second.add((7, 1), [("t".to_owned(), 0)], 1).unwrap().unwrap();
    let late = open.time_out(2).unwrap().complete(3).unwrap();
    assert_eq!(late.end((7, 1), ControlType::Commit, 4), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(late.end((7, 1), ControlType::Abort, 4), Ok(Ended::Done));
    assert_eq!(late.end((7, 0), ControlType::Abort, 4), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(ready(late.init(Init { had: Some((7, 1)), ..INIT }, none)).epoch, 2);
    // A new producer fences both.
    let new = ready(late.init(INIT, none));
    assert_eq!(new.epoch, 3);
    for epoch in 0..3 {
        assert!(new.init(Init { had: Some((7, epoch)), ..INIT }, none).is_err());
    }
}

/// Groups and transactions over a disk in memory.
struct Rig {
    disk: MemoryDisk,
    folder: Arc<LogFolder>,
    registry: Arc<Registry>,
    groups: Arc<Coordinator>,
    transactions: Arc<TransactionCoordinator>,
}

impl Rig {
    /// Opens what is on the disk, as the broker does after a kill.
    fn open(disk: MemoryDisk) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let mut config = BrokerConfig::default();
        config.log.segment_bytes = 700;
        disk.create_dir(Path::new("/log")).map_err(text)?;
        let folder = LogFolder::open(Path::new("/log"), Arc::new(disk.clone()), Durability::Fsync).map_err(text)?;
        let opened = Self::load(&disk, &folder, &config);
        opened.inspect_err(|_| folder.stop())
    }

    fn load(disk: &MemoryDisk, folder: &Arc<LogFolder>, config: &BrokerConfig) -> Result<Self, String> {
        let clock = Clock::start();
        let entries = Registry::load(folder).map_err(|error| error.to_string())?;
        let situation = Situation { recovery_point: 0, clean: false, now_ms: clock.wall_ms() };
        let topics = recover_topics(folder, config, entries, situation);
        make_durable(folder, &topics).map_err(|error| error.to_string())?;
        let registry = Arc::new(Registry::new(folder.clone(), config.log, topics));
        let groups = Arc::new(Coordinator::load(config.groups, clock, registry.clone())?);
        let producer_ids = Arc::new(ProducerIds::load(folder.clone()).map_err(|error| error.to_string())?);
        let with = Surroundings {
            clock,
            registry: registry.clone(),
            groups: groups.clone(),
            producer_ids,
            runtime: Handle::current(),
        };
        let transactions = TransactionCoordinator::load(config.transactions, with)?;
        Ok(Self { disk: disk.clone(), folder: folder.clone(), registry, groups, transactions })
    }

    async fn init(&self) -> Result<(i64, i16), ErrorCode> {
        loop {
            match self.transactions.init("tx", INIT)? {
                Next::Ready(producer, ticket) => {
                    return ticket.durable().await.map(|()| producer).map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE);
                }
                Next::After(ended) => ended.await.unwrap()?,
            }
        }
    }

    fn log(&self, partition: i32) -> Arc<PartitionLog> {
        self.registry.get("t").unwrap().partition(partition).unwrap().online().unwrap().clone()
    }

    /// Writes a record of the transaction with that number to a partition.
    async fn write(&self, partition: i32, (producer_id, epoch): (i64, i16), number: i64) -> Result<(), ErrorCode> {
        let mut builder = BatchBuilder::new();
        builder.push(5, None, Some(number.to_string().as_bytes()), &[]);
        let stamp = ProducerStamp { producer_id, epoch, base_sequence: -1, transactional: true };
        let batch = builder.finish(Compression::None, Some(stamp)).unwrap();
        let appended = self.log(partition).append(&batch, &check_batch(&batch).unwrap(), 5);
        let ticket = appended.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?.ticket;
        ticket.durable().await.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)
    }

    /// One transaction: its number goes into two partitions and into the offset of a group.
    async fn run(&self, producer: (i64, i16), number: i64, outcome: ControlType) -> Result<(), ErrorCode> {
        let lost = |_| ErrorCode::COORDINATOR_NOT_AVAILABLE;
        let both = [("t".to_owned(), 0), ("t".to_owned(), 1)];
        self.transactions.added(self.transactions.add("tx", producer, both)?).await?;
        self.transactions.added(self.transactions.add_offsets("tx", producer, "g")?).await?;
        self.write(0, producer, number).await?;
        self.write(1, producer, number).await?;
        let offset = Committed { offset: number, ..Committed::default() };
        let at = ("t".to_owned(), 0);
        let held = self.groups.commit_in_transaction("g", producer, ("", None, -1), vec![(at, offset)])?;
        held.durable().await.map_err(lost)?;
        match self.transactions.end("tx", producer, outcome)? {
            Some(ended) => ended.await.unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
            None => Ok(()),
        }
    }

    /// The numbers that a reader of committed records sees.
    fn numbers(&self, partition: i32) -> Vec<i64> {
        committed(&self.log(partition), 0, 300).into_iter().map(|(_, text)| text.parse().unwrap()).collect()
    }

    fn offset(&self) -> Option<i64> {
        self.groups.offsets("g").offsets.values().next().map(|committed| committed.offset)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.folder.stop();
    }
}

/// What a client knows after its broker died.
#[derive(Debug, Default)]
struct Acknowledged {
    producers: Vec<(i64, i16)>,
    committed: Vec<i64>,
    aborted: Vec<i64>,
    /// A commit that was asked for and not answered.
    asked: Option<i64>,
}

/// Commits, aborts, comes again with a new epoch, commits twice more, until something fails.
async fn work(rig: &Rig, seen: &mut Acknowledged) -> Result<(), ErrorCode> {
    use ControlType::{Abort, Commit};
    let mut producer = rig.init().await?;
    seen.producers.push(producer);
    for (number, outcome) in [(1, Commit), (2, Abort), (3, Commit), (4, Commit)] {
        if number == 3 {
            producer = rig.init().await?;
            seen.producers.push(producer);
        }
        seen.asked = (outcome == Commit).then_some(number);
        rig.run(producer, number, outcome).await?;
        if outcome == Commit {
            seen.committed.push(number)
        } else {
            seen.aborted.push(number)
        }
        seen.asked = None;
    }
    // The last one stays open.
    rig.transactions.added(rig.transactions.add("tx", producer, [("t".to_owned(), 1)])?).await?;
    rig.write(1, producer, 5).await
}

/// After a start: whatever was acknowledged holds, everywhere, and what was not decided is all or nothing.
async fn check(disk: MemoryDisk, seen: &Acknowledged) {
    let rig = Rig::open(disk).unwrap();
    if rig.registry.get("t").is_none() {
        assert!(seen.producers.is_empty());
        return;
    }
    let producer = rig.init().await.unwrap();
    assert!(seen.producers.iter().all(|before| *before < producer), "{producer:?} after {seen:?}");
    let numbers = rig.numbers(0);
    let mut expected = seen.committed.clone();
    if let Some(asked) = seen.asked.filter(|asked| numbers.contains(asked)) {
        expected.push(asked);
    }
    for partition in [0, 1] {
        assert_eq!(rig.numbers(partition), expected, "partition {partition}: {seen:?}");
    }
    assert_eq!(rig.offset(), expected.last().copied(), "{seen:?}");
    rig.run(producer, 9, ControlType::Commit).await.unwrap();
    expected.push(9);
    for partition in [0, 1] {
        while rig.log(partition).last_stable_offset() < rig.log(partition).end_offset() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(rig.numbers(partition), expected);
        assert!(rig.log(partition).open_transactions().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_broker_that_dies_at_any_step_keeps_what_it_acknowledged_and_tears_no_transaction() {
    let mut finished = false;
    let mut steps = 0;
    while !finished {
        let disk = MemoryDisk::default();
        let mut seen = Acknowledged::default();
        let rig = Rig::open(disk.clone()).unwrap();
        rig.registry.create("t", 2, TopicConfig::default()).unwrap();
        disk.faults(|faults| faults.dies_after = Some(faults.steps + steps));
        finished = work(&rig, &mut seen).await.is_ok();
        check(rig.disk.after_kill(), &seen).await;
        check(rig.disk.after_power_cut(), &seen).await;
        steps += 1;
    }
    assert!(steps > 60, "the disk was used {steps} times only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_transaction_that_is_open_goes_on_after_a_restart() {
    let rig = Rig::open(MemoryDisk::default()).unwrap();
    rig.registry.create("t", 2, TopicConfig::default()).unwrap();
    let producer = rig.init().await.unwrap();
    let adding = rig.transactions.add("tx", producer, [("t".to_owned(), 0), ("t".to_owned(), 1)]).unwrap();
    // Before it is written down for good that they belong to the transaction, nothing can be written to them.
    assert_eq!(rig.write(0, producer, 1).await, Err(ErrorCode::KAFKA_STORAGE_ERROR));
    rig.transactions.added(adding).await.unwrap();
    rig.write(0, producer, 1).await.unwrap();
    let rig = Rig::open(rig.disk.after_power_cut()).unwrap();
    // The second partition was added before, and not written to.
    rig.write(1, producer, 1).await.unwrap();
    assert_eq!(rig.log(0).last_stable_offset(), 0);
    let ended = rig.transactions.end("tx", producer, ControlType::Commit).unwrap().unwrap();
    ended.await.unwrap().unwrap();
    while rig.log(1).last_stable_offset() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((rig.numbers(0), rig.numbers(1)), (vec![1], vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn markers_wait_for_room_on_the_disk() {
    let rig = Rig::open(MemoryDisk::default()).unwrap();
    rig.registry.create("t", 2, TopicConfig::default()).unwrap();
    let producer = rig.init().await.unwrap();
    rig.run(producer, 1, ControlType::Commit).await.unwrap();
    rig.transactions.added(rig.transactions.add("tx", producer, [("t".to_owned(), 0)]).unwrap()).await.unwrap();
    rig.write(0, producer, 2).await.unwrap();
    // The decision fits, the marker does not: it is tried again.
    let ended = rig.transactions.end("tx", producer, ControlType::Commit).unwrap().unwrap();
    rig.disk.faults(|faults| faults.room = Some(0));
    tokio::time::sleep(Duration::from_millis(120)).await;
    rig.disk.faults(|faults| faults.room = None);
    ended.await.unwrap().unwrap();
    while rig.log(0).last_stable_offset() < rig.log(0).end_offset() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(rig.numbers(0), [1, 2]);
}
