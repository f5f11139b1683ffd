//! The task: records into files, files into objects, and what is safe.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use connector_api::config::Config;
use connector_api::{
    Decision, Error, FlushOccasion, Flushed, ReadFrom, Result, SinkRecord, SinkTask, Taken, TaskContext, TopicPartition,
};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, timeout_at};

use crate::config::{LEAST_PART, Settings, settings};
use crate::file::Buffers;
use crate::journal::Keeper;
use crate::layout::Place;
use crate::partition::Making;
use crate::store::{Board, Store};

mod clock;
mod owned;
mod pressure;
mod taking;

use clock::now;
use owned::Owned;
use pressure::Share;
use taking::Taking;

/// How long `put` waits for room before it says that the store is too slow.
const PUT_WAIT: Duration = Duration::from_secs(20);
/// How long partitions that are given up wait for what is already cut.
const CLOSING_WAIT: Duration = Duration::from_secs(2);
/// How long unfinished uploads are given to be aborted at the end.
const ABORT_WAIT: Duration = Duration::from_secs(1);
/// How often `put` looks what the clock ends, in milliseconds.
const LOOK: i64 = 10;
/// How many journals are taken over at a time.
const CLAIMS_AT_ONCE: usize = 16;
/// How many unfinished uploads are looked at when partitions are taken on.
const LEFTOVERS: usize = 10_000;

/// Writes objects.
#[derive(Default)]
pub struct S3SinkTask {
    running: Option<Running>,
}

struct Running {
    context: TaskContext,
    settings: Settings,
    making: Making,
    store: Store,
    board: Rc<Board>,
    owned: BTreeMap<TopicPartition, Owned>,
    place: Place,
    memory: Share,
    /// When to look next what the clock ends, in milliseconds since 1970.
    next_look: i64,
    /// The last `put` ended in an error, so the same records come again.
    repeating: bool,
}

impl SinkTask for S3SinkTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        let settings = settings(config)?;
        let store = Store::connect(&settings.access, Some(context.host.clone())).await;
        store.find_bucket().await?;
        let making = Making {
            rules: settings.rules.clone(),
            outputs: settings.outputs.clone(),
            writer: clock::life_of_a_task().into(),
            single: settings.exactly_once && !settings.needs_journal(),
            part_size: settings.part_size,
            buffers: Buffers::new(settings.buffered),
        };
        let board = Board::new(settings.in_flight);
        let owned = BTreeMap::new();
        let (memory, place) = (Share::new(&context), Place::default());
        self.running = Some(Running {
            context,
            settings,
            making,
            store,
            board,
            owned,
            place,
            memory,
            next_look: 0,
            repeating: false,
        });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Vec<ReadFrom>> {
        self.running()?.open(partitions).await?;
        Ok(Vec::new())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let running = self.running()?;
        let taken = running.put(records).await;
        running.repeating = taken.is_err();
        taken
    }

    async fn flush(&mut self, occasion: FlushOccasion) -> Result<Flushed> {
        self.running()?.flush(occasion).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let running = self.running()?;
        let gone = partitions.iter().filter_map(|partition| running.owned.remove(partition)).collect();
        running.let_go(gone).await;
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let gone = std::mem::take(&mut running.owned).into_values().collect();
            running.let_go(gone).await;
        }
    }
}

impl S3SinkTask {
    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().ok_or_else(|| Error::fail("the task has not started"))
    }
}

impl Running {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.abort_leftovers(partitions).await;
        let journaled = self.settings.needs_journal();
        for some in partitions.chunks(CLAIMS_AT_ONCE) {
            let claims: Vec<_> = some.iter().map(|partition| journaled.then(|| self.claim(partition))).collect();
            for (partition, claim) in some.iter().zip(claims) {
                let keeper = match claim {
                    Some(claim) => Some(claim.await.map_err(|why| Error::fail("a claim ended early").caused_by(why))??),
                    None => None,
                };
                self.owned.insert(partition.clone(), Owned::new(partition.clone(), keeper, &self.board));
            }
        }
        Ok(())
    }

    fn claim(&self, partition: &TopicPartition) -> JoinHandle<Result<Keeper>> {
        let delimiter = &self.settings.names.directory_delimiter;
        let name = self.settings.names.stem(partition);
        let folder = format!("{}{delimiter}{}", self.settings.journal_dir, self.context.connector);
        let key = format!("{folder}{delimiter}{name}cuts.json");
        let (store, partition, writer) = (self.store.clone(), partition.clone(), self.making.writer.clone());
        spawn_local(async move { Keeper::claim(store, key, partition, &writer).await })
    }

    /// What a killed process has begun is worth nothing; that it cannot be looked for is worth a warning.
    async fn abort_leftovers(&self, partitions: &[TopicPartition]) {
        let names = &self.settings.names;
        let stem = |partition| format!("{}{}", names.directory_delimiter, names.stem(partition));
        let stems: Vec<String> = partitions.iter().map(stem).collect();
        match self.store.abort_leftovers(&names.root, &stems, LEFTOVERS).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "aborted unfinished uploads of an earlier life"),
            Err(fault) => self.context.host.warn(&format!(
                "uploads that a killed process left unfinished could not be looked for: {}. A lifecycle rule of the bucket \
                 can abort them.",
                fault.text
            )),
        }
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        if let Some(trouble) = self.board.trouble() {
            return Err(trouble);
        }
        let mut taken = Taken::all();
        let now = now();
        let mut index = 0;
        for run in records.chunk_by(|one, next| one.origin == next.origin) {
            self.take_run(run, now, |within, why| taken.reject(index + within, why)).await?;
            index += run.len();
        }
        if now >= self.next_look {
            self.cut_by_clock(now);
        }
        self.settle();
        let settled = self.make_room().await;
        // Records are named as rejected once; trouble shows again at the next call.
        if taken.rejected.is_empty() { settled.map(|()| taken) } else { Ok(taken) }
    }

    /// Takes records of one partition; those that are no good are told to `reject`, by their index.
    async fn take_run(&mut self, records: &[SinkRecord], now: i64, mut reject: impl FnMut(usize, Error)) -> Result<()> {
        let Some(first) = records.first() else { return Ok(()) };
        let Some(owned) = self.owned.get_mut(&first.origin) else {
            return Err(Error::fail(format!("{} was put without being opened", first.origin)));
        };
        if owned.partition.next().is_none() {
            owned.begin_at(first.offset, &self.settings, &self.store).await?;
        }
        let mut taking = Taking {
            partition: &mut owned.partition,
            settings: &mut self.settings,
            making: &self.making,
            place: &mut self.place,
            repeating: self.repeating,
            now,
        };
        for (index, record) in records.iter().enumerate() {
            match taking.take(record) {
                Err(why) if *why.decision() == Decision::Reject => reject(index, why),
                taken => taken?,
            }
        }
        Ok(())
    }

    fn cut_by_clock(&mut self, now: i64) {
        self.next_look = now + LOOK;
        if !self.making.rules.are_deterministic() {
            self.owned.values_mut().for_each(|owned| owned.partition.cut_by_clock(&self.making, now));
        }
    }

    /// Sends parts and what has been cut. Nothing is waited for here.
    fn settle(&mut self) {
        self.send_parts(self.making.part_size);
        for owned in self.owned.values_mut() {
            owned.bound_cuts(&self.settings);
            owned.send_cut(&self.settings, &self.store, &self.board);
        }
    }

    fn send_parts(&mut self, at_least: usize) {
        for owned in self.owned.values_mut() {
            owned.send_parts(at_least, &self.settings, &self.store, &self.board);
        }
    }

    async fn flush(&mut self, occasion: FlushOccasion) -> Result<Flushed> {
        self.cut_by_clock(now());
        self.settle();
        if occasion == FlushOccasion::Closing {
            self.wait_for_uploads(Instant::now() + CLOSING_WAIT).await;
        } else if let Some(trouble) = self.board.trouble() {
            return Err(trouble);
        }
        if self.kept() + self.board.bytes() == 0 {
            self.making.buffers.clear();
        }
        self.account();
        self.say_what_is_open();
        let safe = |(name, owned): (&TopicPartition, &mut Owned)| Some((name.clone(), owned.flushed()?));
        Ok(Flushed::UpTo(self.owned.iter_mut().filter_map(safe).collect()))
    }

    async fn wait_for_uploads(&mut self, deadline: Instant) {
        while self.owned.values().any(Owned::is_storing) && !self.board.in_trouble() {
            if timeout_at(deadline, self.board.moved()).await.is_err() {
                return;
            }
        }
    }

    async fn let_go(&self, gone: Vec<Owned>) {
        let unfinished: Vec<(String, String)> = gone.iter().flat_map(Owned::unfinished).collect();
        drop(gone);
        let aborts = async {
            for (key, id) in unfinished {
                if let Err(fault) = self.store.abort(&key, &id).await {
                    tracing::info!(trouble = %fault.text, "an unfinished upload stays until partitions are taken on again");
                }
            }
        };
        let _ = timeout_at(Instant::now() + ABORT_WAIT, aborts).await;
    }

    fn say_what_is_open(&self) {
        let open: usize = self.owned.values().map(|owned| owned.partition.files().count()).sum();
        let files = self.owned.values().flat_map(|owned| owned.partition.files());
        let Some(oldest) = files.min_by_key(|file| file.tally.opened) else {
            return self.context.host.activity("no file is open");
        };
        let tally = &oldest.tally;
        self.context.host.activity(&format!(
            "{open} files open, {} bytes kept; the oldest is in `{}` from offset {}: {} records, {} bytes, open for {} s. It ends after {}",
            self.kept() + self.board.bytes(),
            oldest.path,
            tally.start,
            tally.records,
            tally.bytes,
            now().saturating_sub(tally.opened) / 1000,
            self.making.rules.in_words(),
        ));
    }
}
