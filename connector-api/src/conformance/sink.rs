//! Checks on sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::RawConfig;
use crate::data::Payload;
use crate::error::Decision;
use crate::host::TaskContext;
use crate::plugin::{AnySinkTask, Plugin};
use crate::record::{SinkRecord, TopicPartition};
use crate::sink::{FlushOccasion, Flushed, Written};

use super::{CALL_DEADLINE, STOP_DEADLINE, check_definition, within};

/// The other system of a sink under test.
#[allow(async_fn_in_trait, reason = "tests run on one thread")]
pub trait SinkWorld {
    /// The connector.
    fn plugin(&self) -> Plugin;

    /// A configuration that works, with one task.
    fn config(&self) -> RawConfig;

    /// A record that the sink takes, of that partition and offset, in the form that the sink asks for.
    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord;

    /// The identity under which [`written`](Self::written) reports such a record.
    fn identity(&self, partition: &TopicPartition, offset: i64) -> String;

    /// The identities of everything that the other system holds, repeats included.
    async fn written(&mut self) -> Vec<String>;

    /// A record that the sink can never take, of that partition and offset; `None` if it takes everything.
    fn hopeless(&self, _partition: &TopicPartition, _offset: i64) -> Option<SinkRecord> {
        None
    }
}

/// Runs every check on a sink. Needs a tokio runtime with time and I/O. The other system is empty at the start.
pub async fn check_sink(world: &mut impl SinkWorld) {
    let local = tokio::task::LocalSet::new();
    local.run_until(all(world)).await;
}

async fn all(world: &mut impl SinkWorld) {
    check_definition(&world.plugin(), &world.config()).await;
    let partitions: Vec<TopicPartition> =
        (0..3).map(|partition| TopicPartition::new("conformance", partition)).collect();
    let committed = partitions.iter().map(|partition| (partition.clone(), 0)).collect();
    let mut log = Log { committed, keeps_offsets: false, refused: BTreeSet::new(), odd: BTreeSet::new() };
    what_is_flushed_is_there(world, &mut log).await;
    an_empty_put_and_an_empty_flush_are_fine(world, &mut log).await;
    what_was_not_flushed_comes_again(world, &mut log).await;
    a_partition_that_was_given_up_is_let_go(world, &mut log).await;
    stop_is_quick_at_any_moment(world, &mut log).await;
    a_record_that_cannot_be_taken_holds_up_no_other(world, &mut log).await;
    a_record_without_a_value_is_taken_or_refused(world, &mut log).await;
    what_is_flushed_is_there(world, &mut log).await;
    nothing_is_twice_if_the_sink_keeps_offsets(world, &log).await;
}

async fn what_is_flushed_is_there(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "what is flushed is there";
    let mut run = Run::start(check, world, log).await;
    for _ in 0..5 {
        run.put(world, 20).await;
        run.flush(FlushOccasion::Interval).await;
        run.no_commit_is_ahead(world).await;
    }
    run.stop().await;
    assert_complete(check, world, log).await;
}

async fn an_empty_put_and_an_empty_flush_are_fine(world: &mut impl SinkWorld, log: &mut Log) {
    let mut run = Run::start("an empty put and an empty flush are fine", world, log).await;
    run.put(world, 0).await;
    let before = run.log.committed.clone();
    run.flush(FlushOccasion::Interval).await;
    assert_eq!(run.log.committed, before, "{}: nothing was put, so nothing moves", run.check);
    run.stop().await;
}

async fn what_was_not_flushed_comes_again(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "what was not flushed comes again";
    let mut run = Run::start(check, world, log).await;
    run.put(world, 30).await;
    run.flush(FlushOccasion::Interval).await;
    run.put(world, 10).await;
    drop(run);
    let mut run = Run::start(check, world, log).await;
    run.put(world, 30).await;
    run.stop().await;
    assert_complete(check, world, log).await;
}

async fn a_partition_that_was_given_up_is_let_go(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "a partition that was given up is let go";
    let mut run = Run::start(check, world, log).await;
    run.put(world, 10).await;
    run.flush(FlushOccasion::Closing).await;
    let given_up: Vec<TopicPartition> = run.next.keys().take(1).cloned().collect();
    let closed = within(check, "close", CALL_DEADLINE, run.task.close(&given_up)).await;
    closed.unwrap_or_else(|error| panic!("{check}: close failed: {error}"));
    let kept_at = run.log.committed.clone();
    run.next.remove(&given_up[0]);
    run.put(world, 10).await;
    run.flush(FlushOccasion::Interval).await;
    assert_eq!(run.log.committed[&given_up[0]], kept_at[&given_up[0]], "{check}: its offset was moved");
    run.stop().await;
    assert_complete(check, world, log).await;
}

async fn stop_is_quick_at_any_moment(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "stop is quick at any moment";
    let mut run = Run::start(check, world, log).await;
    within(check, "stop", STOP_DEADLINE, run.task.stop()).await;
    let mut run = Run::start(check, world, log).await;
    run.put(world, 5).await;
    within(check, "stop", STOP_DEADLINE, run.task.stop()).await;
}

async fn a_record_that_cannot_be_taken_holds_up_no_other(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "a record that cannot be taken holds up no other";
    let mut run = Run::start(check, world, log).await;
    let Some((partition, offset)) = run.next.iter().next().map(|(partition, next)| (partition.clone(), *next + 3))
    else {
        return;
    };
    let Some(hopeless) = world.hopeless(&partition, offset) else {
        return run.stop().await;
    };
    run.put_with(world, 10, &[hopeless]).await;
    run.stop().await;
    assert!(log.refused.contains(&(partition.clone(), offset)), "{check}: {partition} offset {offset} was not refused");
    let end = log.committed[&partition];
    assert!(end > offset, "{check}: {partition} is committed to {end} only, the record stands at {offset}");
    assert_complete(check, world, log).await;
}

/// Deletions may mean something to a sink or be refused by it one by one; they are no reason to fail.
async fn a_record_without_a_value_is_taken_or_refused(world: &mut impl SinkWorld, log: &mut Log) {
    let check = "a record without a value is taken or refused";
    let mut run = Run::start(check, world, log).await;
    let deletions: Vec<SinkRecord> = run
        .next
        .iter()
        .map(|(partition, next)| SinkRecord { value: Payload::Null, ..world.record(partition, *next + 1) })
        .collect();
    // What becomes of them in the other system is the sink's own.
    run.log.refused.extend(deletions.iter().map(|record| (record.origin.clone(), record.offset)));
    run.put_with(world, 3, &deletions).await;
    run.stop().await;
    assert_complete(check, world, log).await;
}

/// Whoever says where to read on means: no record twice.
async fn nothing_is_twice_if_the_sink_keeps_offsets(world: &mut impl SinkWorld, log: &Log) {
    if !log.keeps_offsets {
        return;
    }
    let mut seen = BTreeSet::new();
    for identity in world.written().await {
        assert!(seen.insert(identity.clone()), "the sink says where to read on, and {identity} is there twice");
    }
}

/// Everything below the committed offsets is in the other system.
async fn assert_complete(check: &str, world: &mut impl SinkWorld, log: &Log) {
    let written = world.written().await;
    for (partition, end) in &log.committed {
        for offset in (0..*end).filter(|offset| !log.refused.contains(&(partition.clone(), *offset))) {
            let identity = world.identity(partition, offset);
            assert!(
                written.contains(&identity),
                "{check}: {partition} is committed to {end}, but {identity} is missing"
            );
        }
    }
}

/// Committed offsets as the log keeps them.
struct Log {
    committed: BTreeMap<TopicPartition, i64>,
    /// The sink has said where to read on.
    keeps_offsets: bool,
    /// Records that the sink has refused, or may do with as it likes.
    refused: BTreeSet<(TopicPartition, i64)>,
    /// Records that it may refuse later.
    odd: BTreeSet<(TopicPartition, i64)>,
}

/// One life of a task.
struct Run<'a> {
    check: &'static str,
    task: Box<dyn AnySinkTask>,
    log: &'a mut Log,
    next: BTreeMap<TopicPartition, i64>,
}

impl<'a> Run<'a> {
    async fn start(check: &'static str, world: &impl SinkWorld, log: &'a mut Log) -> Run<'a> {
        let Plugin::Sink(connector) = world.plugin() else { panic!("{check}: not a sink") };
        let config = world.plugin().definition().config.check(&world.config()).into_result().expect("a valid config");
        let mut task = connector.task();
        let started =
            within(check, "start", CALL_DEADLINE, task.start(TaskContext::alone("conformance"), &config)).await;
        started.unwrap_or_else(|error| panic!("{check}: start failed: {error}"));
        let mut next = log.committed.clone();
        let partitions: Vec<TopicPartition> = next.keys().cloned().collect();
        let opened = within(check, "open", CALL_DEADLINE, task.open(&partitions)).await;
        for from in opened.unwrap_or_else(|error| panic!("{check}: open failed: {error}")) {
            log.keeps_offsets = true;
            next.insert(from.partition, from.offset);
        }
        Run { check, task, log, next }
    }

    /// Puts that many records of every partition that is open.
    async fn put(&mut self, world: &impl SinkWorld, count: i64) {
        self.put_with(world, count, &[]).await;
    }

    /// The same with these in the places of others. They may be refused, by their indexes, or by an error that names none, after which
    /// halves are tried, as the worker does.
    async fn put_with(&mut self, world: &impl SinkWorld, count: i64, odd: &[SinkRecord]) {
        within(self.check, "room for more records", CALL_DEADLINE, self.make_room()).await;
        let mut records = Vec::new();
        for (partition, next) in &mut self.next {
            records.extend((*next..*next + count).map(|offset| world.record(partition, offset)));
            *next += count;
        }
        for record in &mut records {
            let same = |other: &&SinkRecord| other.origin == record.origin && other.offset == record.offset;
            odd.iter().find(same).into_iter().for_each(|other| *record = other.clone());
        }
        self.log.odd.extend(odd.iter().map(|record| (record.origin.clone(), record.offset)));
        let is_odd = |record: &SinkRecord| odd.iter().any(|other| other == record);
        let mut parts = vec![&records[..]];
        while let Some(part) = parts.pop() {
            match within(self.check, "put", CALL_DEADLINE, self.task.put(part)).await {
                Ok(taken) => {
                    assert!(taken.again.is_none(), "{}: asked for again: {taken:?}", self.check);
                    for (index, why) in taken.rejected {
                        let Some(record) = part.get(index) else { panic!("{}: no record {index} was put", self.check) };
                        assert!(
                            is_odd(record),
                            "{}: among good records: a good record was refused: {why:?}",
                            self.check
                        );
                        self.log.refused.insert((record.origin.clone(), record.offset));
                    }
                }
                Err(why) if *why.decision() == Decision::Reject && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(why) => {
                    let refused = part.first().filter(|one| *why.decision() == Decision::Reject && is_odd(one));
                    let Some(one) = refused else { panic!("{}: put failed: {why:?}", self.check) };
                    self.log.refused.insert((one.origin.clone(), one.offset));
                }
            }
        }
        if let Ok(written) = tokio::time::timeout(Duration::from_millis(20), self.task.written()).await {
            self.on_written(written.unwrap_or_else(|error| panic!("{}: written failed: {error:?}", self.check)));
        }
    }

    /// As the worker does: what is under way goes on until the task takes more.
    async fn make_room(&mut self) {
        while !self.task.has_room() {
            let written = self.task.written().await;
            self.on_written(written.unwrap_or_else(|error| panic!("{}: written failed: {error:?}", self.check)));
        }
    }

    async fn flush(&mut self, occasion: FlushOccasion) {
        let flushed = within(self.check, "flush", CALL_DEADLINE, self.task.flush(occasion)).await;
        match flushed.unwrap_or_else(|error| panic!("{}: flush failed: {error:?}", self.check)) {
            Flushed::Everything => self.log.committed.extend(self.next.clone()),
            Flushed::UpTo(safe) => self.on_written(Written { safe, rejected: Vec::new() }),
            Flushed::Written(written) => self.on_written(written),
        }
    }

    fn on_written(&mut self, written: Written) {
        for (partition, offset, why) in written.rejected {
            let place = (partition, offset);
            assert!(self.log.odd.contains(&place), "{}: a good record was refused: {place:?} {why:?}", self.check);
            self.log.refused.insert(place);
        }
        for (partition, offset) in written.safe {
            let put = self.next.get(&partition);
            let Some(put) = put else { panic!("{}: {partition} is not open", self.check) };
            assert!(offset <= *put, "{}: {partition} flushed to {offset}, put to {put}", self.check);
            self.log.committed.insert(partition, offset);
        }
    }

    async fn no_commit_is_ahead(&mut self, world: &mut impl SinkWorld) {
        assert_complete(self.check, world, self.log).await;
    }

    async fn stop(mut self) {
        self.flush(FlushOccasion::Closing).await;
        let partitions: Vec<TopicPartition> = self.next.keys().cloned().collect();
        let closed = within(self.check, "close", CALL_DEADLINE, self.task.close(&partitions)).await;
        closed.unwrap_or_else(|error| panic!("{}: close failed: {error}", self.check));
        within(self.check, "stop", STOP_DEADLINE, self.task.stop()).await;
    }
}
