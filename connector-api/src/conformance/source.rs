//! Checks on sources.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Config, RawConfig};
use crate::host::TaskContext;
use crate::plugin::{AnySourceTask, Plugin};
use crate::position::{Position, SourceOffset, SourcePartition};
use crate::record::SourceRecord;
use crate::source::{Outcome, PollLimits, SourceBatch, SourceContext};

use super::{CALL_DEADLINE, STOP_DEADLINE, check_definition, within};

/// The other system of a source under test.
#[allow(async_fn_in_trait, reason = "tests run on one thread")]
pub trait SourceWorld {
    /// The connector.
    fn plugin(&self) -> Plugin;

    /// A configuration that works, with one task.
    fn config(&self) -> RawConfig;

    /// Makes that many new things happen in the other system, each of which becomes one counted record, and returns
    /// their identities in order.
    async fn happen(&mut self, count: usize) -> Vec<String>;

    /// Whether things can happen while a task runs. If not, the suite lets them happen before it starts one, and
    /// [`config`](Self::config) may tell the task about them.
    fn live(&self) -> bool {
        true
    }

    /// The identity of a record, as `happen` gave it; `None` for records that do not count, such as tombstones.
    fn identify(&self, record: &SourceRecord) -> Option<String>;
}

const LIMITS: PollLimits = PollLimits { max_records: 7, max_bytes: 1 << 20, wait: Duration::from_millis(100) };

/// Runs every check on a source. Needs a tokio runtime with time and I/O.
pub async fn check_source(world: &mut impl SourceWorld) {
    let local = tokio::task::LocalSet::new();
    local.run_until(all(world)).await;
}

async fn all(world: &mut impl SourceWorld) {
    check_definition(&world.plugin(), &world.config()).await;
    let mut store = Store::default();
    everything_arrives_once(world, &mut store).await;
    an_idle_poll_comes_back(world, &mut store).await;
    a_clean_stop_leaves_no_gap_and_no_repeat(world, &mut store).await;
    what_was_not_delivered_is_read_again(world, &mut store, Outcome::Unknown).await;
    what_was_not_delivered_is_read_again(world, &mut store, Outcome::Failed("the log is full".into())).await;
    late_outcomes_do_no_harm(world, &mut store).await;
    stop_is_quick_at_any_moment(world, &mut store).await;
    everything_arrives_once(world, &mut store).await;
}

async fn everything_arrives_once(world: &mut impl SourceWorld, store: &mut Store) {
    let (mut run, expected) = Run::start_and_happen("everything arrives once", world, store, 50).await;
    let seen = run.read(world, expected.len()).await;
    assert_eq!(seen, expected, "{}: in order, none missing, none twice", run.check);
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
}

async fn an_idle_poll_comes_back(world: &mut impl SourceWorld, store: &mut Store) {
    let mut run = Run::start("an idle poll comes back", world, store).await;
    for _ in 0..3 {
        let since = Instant::now();
        run.poll(world).await;
        let late = LIMITS.wait + Duration::from_secs(5);
        assert!(since.elapsed() < late, "{}: it took {:?} of a wait of {:?}", run.check, since.elapsed(), LIMITS.wait);
    }
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
}

async fn a_clean_stop_leaves_no_gap_and_no_repeat(world: &mut impl SourceWorld, store: &mut Store) {
    let check = "a clean stop leaves no gap and no repeat";
    let expected = world.happen(40).await;
    let mut run = Run::start(check, world, store).await;
    let mut seen = run.read(world, 15).await;
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
    let mut run = Run::start(check, world, store).await;
    seen.extend(run.read(world, expected.len() - seen.len()).await);
    assert_eq!(seen, expected, "{check}");
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
}

async fn what_was_not_delivered_is_read_again(world: &mut impl SourceWorld, store: &mut Store, outcome: Outcome) {
    let check = "what was not delivered is read again";
    let expected = world.happen(40).await;
    let mut run = Run::start(check, world, store).await;
    let first = run.read(world, 10).await;
    run.settle_all(Outcome::Delivered).await;
    let lost = run.read(world, 10).await;
    run.settle_all(outcome).await;
    run.stop().await;
    let mut run = Run::start(check, world, store).await;
    let again = run.read(world, expected.len() - first.len()).await;
    assert_eq!(&expected[..first.len()], first, "{check}: the delivered part");
    assert_eq!(&expected[first.len()..], again, "{check}: the rest, from the first that was not delivered");
    assert!(again.starts_with(&lost[..lost.len().min(again.len())]), "{check}: in the same order as before");
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
}

async fn late_outcomes_do_no_harm(world: &mut impl SourceWorld, store: &mut Store) {
    let (mut run, expected) = Run::start_and_happen("late outcomes do no harm", world, store, 60).await;
    let seen = run.read(world, expected.len()).await;
    assert_eq!(seen, expected, "{}", run.check);
    while run.waiting.len() > 1 {
        run.settle_first(Outcome::Delivered).await;
        run.poll(world).await;
    }
    run.settle_all(Outcome::Delivered).await;
    run.stop().await;
}

async fn stop_is_quick_at_any_moment(world: &mut impl SourceWorld, store: &mut Store) {
    let check = "stop is quick at any moment";
    Run::start(check, world, store).await.stop().await;
    for pause in [0, 1, 20] {
        let mut run = Run::start(check, world, store).await;
        let long = PollLimits { wait: Duration::from_secs(60), ..LIMITS };
        let poll = tokio::time::timeout(Duration::from_millis(pause), run.task.poll(long)).await;
        if let Ok(Ok(Some(batch))) = poll {
            run.take(world, batch);
        }
        run.settle_all(Outcome::Delivered).await;
        run.stop().await;
    }
}

/// Positions as the worker keeps them.
#[derive(Default)]
struct Store(BTreeMap<String, (SourcePartition, SourceOffset)>);

impl Store {
    fn keep(&mut self, positions: Vec<Position>) {
        for Position { partition, offset } in positions {
            let key = serde_json::Value::Object(partition.0.clone()).to_string();
            match offset {
                Some(offset) => self.0.insert(key, (partition, offset)),
                None => self.0.remove(&key),
            };
        }
    }
}

/// One life of a task.
struct Run<'a> {
    check: &'static str,
    task: Box<dyn AnySourceTask>,
    store: &'a mut Store,
    waiting: VecDeque<SourceBatch>,
}

impl<'a> Run<'a> {
    async fn start_and_happen(
        check: &'static str,
        world: &mut impl SourceWorld,
        store: &'a mut Store,
        count: usize,
    ) -> (Run<'a>, Vec<String>) {
        if world.live() {
            let run = Run::start(check, world, store).await;
            let expected = world.happen(count).await;
            return (run, expected);
        }
        let expected = world.happen(count).await;
        (Run::start(check, world, store).await, expected)
    }

    async fn start(check: &'static str, world: &impl SourceWorld, store: &'a mut Store) -> Run<'a> {
        let Plugin::Source(connector) = world.plugin() else { panic!("{check}: not a source") };
        let config = read(&world.plugin(), &world.config());
        let mut tasks = within(check, "split", CALL_DEADLINE, connector.split(&config, 1)).await.expect("split");
        assert_eq!(tasks.len(), 1, "{check}: one task was asked for");
        let config = read(&world.plugin(), &tasks.remove(0));
        let mut task = connector.task();
        let positions = store.0.values().cloned().collect();
        let context = SourceContext { task: TaskContext::alone("conformance"), positions };
        let started = within(check, "start", CALL_DEADLINE, task.start(context, &config)).await;
        started.unwrap_or_else(|error| panic!("{check}: start failed: {error}"));
        Run { check, task, store, waiting: VecDeque::new() }
    }

    /// Polls until `count` counted records have come; gives up after a deadline.
    async fn read(&mut self, world: &impl SourceWorld, count: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let since = Instant::now();
        while seen.len() < count {
            assert!(since.elapsed() < CALL_DEADLINE, "{}: only {} of {count} records came", self.check, seen.len());
            seen.extend(self.poll(world).await);
        }
        seen
    }

    async fn poll(&mut self, world: &impl SourceWorld) -> Vec<String> {
        match within(self.check, "poll", CALL_DEADLINE, self.task.poll(LIMITS)).await {
            Ok(Some(batch)) => self.take(world, batch),
            Ok(None) => Vec::new(),
            Err(error) => panic!("{}: poll failed: {error:?}", self.check),
        }
    }

    fn take(&mut self, world: &impl SourceWorld, batch: SourceBatch) -> Vec<String> {
        let counted: Vec<String> = batch.records.iter().filter_map(|record| world.identify(record)).collect();
        let most = LIMITS.max_records;
        assert!(batch.records.len() <= most, "{}: {} records, {most} allowed", self.check, batch.records.len());
        self.waiting.push_back(batch);
        counted
    }

    async fn settle_first(&mut self, outcome: Outcome) {
        let Some(batch) = self.waiting.pop_front() else { return };
        if outcome == Outcome::Delivered {
            self.store.keep(batch.positions);
        }
        let told = within(self.check, "settled", CALL_DEADLINE, self.task.settled(batch.id, outcome)).await;
        told.unwrap_or_else(|error| panic!("{}: settled failed: {error:?}", self.check));
    }

    async fn settle_all(&mut self, outcome: Outcome) {
        while !self.waiting.is_empty() {
            self.settle_first(outcome.clone()).await;
        }
    }

    async fn stop(mut self) {
        within(self.check, "stop", STOP_DEADLINE, self.task.stop()).await;
    }
}

fn read(plugin: &Plugin, raw: &RawConfig) -> Config {
    let checked = plugin.definition().config.check(raw).into_result();
    checked.unwrap_or_else(|issues| panic!("the configuration is wrong: {issues:?}"))
}
