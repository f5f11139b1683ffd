//! Connectors that misbehave on purpose, steered by their configuration: what a worker must survive.
//!
//! `DoubleSource` numbers its records from 0 (`{"n": 5}`, position `{"next": 6}`); `DoubleSink` keeps what it is given
//! in memory, where a test finds it under the sink's `world` key. Both go wrong where `trouble` says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{Config, ConfigDef, ConfigKey, ConfigType};
use crate::connector::{Definition, ExactlyOnce};
use crate::data::{Format, Payload};
use crate::error::{Decision, Error, Result};
use crate::host::TaskContext;
use crate::position::{Position, SourceOffset, SourcePartition};
use crate::record::{SinkRecord, SourceRecord, TopicPartition};
use crate::sink::{FlushOccasion, Flushed, Formats, SinkConnector, SinkTask, Taken, Written};
use crate::source::{Outcome, PollLimits, SourceBatch, SourceConnector, SourceContext, SourceTask};

/// Everything that the doubles of this process have been told and given, by the `world` key.
static WORLDS: LazyLock<Mutex<BTreeMap<String, World>>> = LazyLock::new(Mutex::default);

/// What the doubles that share a `world` have seen.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Every call, in order, such as `put 3` or `settled 0 Delivered`.
    pub calls: Vec<String>,
    /// What a sink took: partition, offset and value as text.
    pub records: Vec<(TopicPartition, i64, String)>,
}

/// What the doubles of that `world` have seen so far.
pub fn world(name: &str) -> World {
    worlds().get(name).cloned().unwrap_or_default()
}

fn worlds() -> std::sync::MutexGuard<'static, BTreeMap<String, World>> {
    WORLDS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::preset("world", ConfigType::String, "default").doc("Where a test finds what the double saw."))
        .key(ConfigKey::preset("trouble", ConfigType::List, "").doc(
            "Items `call:kind:from:times`: from the given call of that name on (1 is the first), so many times \
             (0 is for ever), go wrong. Kinds: retry, reject, fail, fatal, panic, hang (await for ever), block (block \
             the thread for a minute), abort, overflow (the stack), leak (memory, until there is none), thread (in `start`: a thread of the \
             task panics), slow (100 ms longer), ahead (flush says too much), foreign (flush names a partition that \
             is not open), again (put asks for odd records again), odd (put rejects odd offsets), sevens (put rejects calls with an offset that is a \
             multiple of seven, and names none), hopeless (put rejects values that say `hopeless`), careless (and with one odd offsets), keep (put keeps up to thirty records and what comes with them, which `written` writes ten at a time, a \
             little later; there, odd rejects odd offsets).",
        ))
        .key(ConfigKey::preset("topic", ConfigType::String, "doubles").doc("Where the numbers go."))
        .key(ConfigKey::preset("count", ConfigType::Long, "100").doc("How many numbers there are."))
        .grouped("Double")
}

/// What goes wrong, and when.
pub(super) struct Trouble {
    world: String,
    plan: Vec<(String, String, u64, u64)>,
    seen: BTreeMap<String, u64>,
}

impl Trouble {
    pub fn new(config: &Config) -> Trouble {
        let item = |text: &String| {
            let mut parts = text.split(':').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_default();
            let (call, kind) = (next(), next());
            (call, kind, next().parse().unwrap_or(1), next().parse().unwrap_or(1))
        };
        let plan = config.list("trouble").iter().map(item).collect();
        Trouble { world: config.text("world").to_owned(), plan, seen: BTreeMap::new() }
    }

    /// Notes the call and goes wrong if it is due; returns the kind if the caller has to act on it.
    async fn on(&mut self, call: &str, detail: String) -> Result<Option<String>> {
        let kind = self.at_once(call, detail)?;
        match kind.as_deref() {
            Some("hang") => std::future::pending().await,
            Some("slow") => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(None)
            }
            _ => Ok(kind),
        }
    }

    /// The same in a call that cannot wait.
    pub fn at_once(&mut self, call: &str, detail: String) -> Result<Option<String>> {
        worlds().entry(self.world.clone()).or_default().calls.push(format!("{call} {detail}"));
        let nth = self.seen.entry(call.to_owned()).or_default();
        *nth += 1;
        let due = self
            .plan
            .iter()
            .find(|(name, _, from, times)| name == call && *nth >= *from && (*times == 0 || *nth < from + times));
        let Some((_, kind, _, _)) = due else { return Ok(None) };
        let error = |decision| Err(Error::new(decision, format!("trouble in {call} {nth}")));
        match kind.as_str() {
            "retry" => error(Decision::Retry { after: Some(Duration::from_millis(1)) }),
            "reject" => error(Decision::Reject),
            "fail" => error(Decision::Fail),
            "fatal" => error(Decision::Fatal),
            "panic" => panic!("trouble in {call}"),
            "block" => {
                std::thread::sleep(Duration::from_secs(60));
                Ok(None)
            }
            "abort" => std::process::abort(),
            "overflow" => {
                std::hint::black_box(deep(1));
                Ok(None)
            }
            "leak" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
                }
            }
            kind => Ok(Some(kind.to_owned())),
        }
    }
}

/// Calls itself until the stack is used up.
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn deep(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 512]);
    deep(depth + 1) + here[depth as usize % 512]
}

/// A thread of the task that panics.
fn start_thread(context: &TaskContext) -> Result<()> {
    let started = context.spawn_thread("double", || panic!("trouble in a thread"));
    started.map(drop).map_err(|why| Error::fail("cannot start a thread").caused_by(why))
}

/// A source that goes wrong on purpose.
pub struct DoubleSource;

/// Its task.
#[derive(Default)]
pub struct DoubleSourceTask {
    trouble: Option<Trouble>,
    topic: String,
    next: i64,
    count: i64,
}

impl SourceConnector for DoubleSource {
    type Task = DoubleSourceTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "naru.DoubleSourceConnector",
            aliases: &[],
            version: "1",
            doc: "Misbehaves.",
            config: keys(),
        }
    }

    fn task(&self) -> DoubleSourceTask {
        DoubleSourceTask::default()
    }

    fn exactly_once(&self, _: &Config) -> ExactlyOnce {
        ExactlyOnce::Supported
    }
}

impl DoubleSourceTask {
    async fn on(&mut self, call: &str, detail: String) -> Result<Option<String>> {
        match &mut self.trouble {
            Some(trouble) => trouble.on(call, detail).await,
            None => Ok(None),
        }
    }
}

impl SourceTask for DoubleSourceTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        self.trouble = Some(Trouble::new(config));
        self.topic = config.text("topic").to_owned();
        self.count = config.number("count").unwrap_or(0);
        let stored = context.offset(&SourcePartition::default());
        self.next = stored.and_then(|offset| offset.number("next")).unwrap_or(0);
        match self.on("start", self.next.to_string()).await?.as_deref() {
            Some("thread") => start_thread(&context.task),
            _ => Ok(()),
        }
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        self.on("poll", String::new()).await?;
        let end = (self.next + limits.max_records.min(10) as i64).min(self.count);
        if self.next == end {
            tokio::time::sleep(limits.wait).await;
            return Ok(None);
        }
        let number = |n: i64| {
            let value = Payload::Json(format!("{{\"n\":{n}}}").into());
            SourceRecord::new(self.topic.as_str(), Payload::text(n.to_string()), value)
        };
        let records = (self.next..end).map(number).collect();
        let id = self.next as u64;
        self.next = end;
        let offset = Some(SourceOffset::of("next", end));
        Ok(Some(SourceBatch {
            id,
            records,
            positions: vec![Position { partition: SourcePartition::default(), offset }],
        }))
    }

    async fn settled(&mut self, batch: u64, outcome: Outcome) -> Result<()> {
        self.on("settled", format!("{batch} {outcome:?}")).await.map(|_| ())
    }

    async fn stop(&mut self) {
        let _ = self.on("stop", String::new()).await;
    }
}

fn is_hopeless(record: &SinkRecord) -> bool {
    record.value == Payload::Json("\"hopeless\"".into())
}

/// A sink that goes wrong on purpose.
pub struct DoubleSink;

/// Its task.
#[derive(Default)]
pub struct DoubleSinkTask {
    trouble: Option<Trouble>,
    put: BTreeMap<TopicPartition, i64>,
    kept: VecDeque<SinkRecord>,
}

impl SinkConnector for DoubleSink {
    type Task = DoubleSinkTask;

    fn definition(&self) -> Definition {
        Definition { class: "naru.DoubleSinkConnector", aliases: &[], version: "1", doc: "Misbehaves.", config: keys() }
    }

    fn task(&self) -> DoubleSinkTask {
        DoubleSinkTask::default()
    }

    fn formats(&self, _: &Config) -> Formats {
        Formats { key: Format::Bytes, value: Format::Json }
    }
}

impl DoubleSinkTask {
    async fn on(&mut self, call: &str, detail: String) -> Result<Option<String>> {
        match &mut self.trouble {
            Some(trouble) => trouble.on(call, detail).await,
            None => Ok(None),
        }
    }

    /// Writes the next of the records that were kept.
    async fn write_kept(&mut self) -> Result<Written> {
        let kind = self.on("written", self.kept.len().to_string()).await?;
        let mut written = Written::default();
        for record in self.kept.drain(..self.kept.len().min(10)).collect::<Vec<_>>() {
            match kind.as_deref() {
                Some("odd") if record.offset % 2 == 1 => {
                    let why = Error::reject(format!("offset {} is odd", record.offset));
                    written.rejected.push((record.origin.clone(), record.offset, why));
                }
                _ => self.write(&record),
            }
            self.put.insert(record.origin.clone(), record.offset + 1);
        }
        written.safe = self.put.iter().map(|(partition, offset)| (partition.clone(), *offset)).collect();
        Ok(written)
    }

    fn write(&mut self, record: &SinkRecord) {
        let value =
            record.value.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let world = self.trouble.as_ref().map(|trouble| trouble.world.clone()).unwrap_or_default();
        worlds().entry(world).or_default().records.push((record.origin.clone(), record.offset, value));
    }
}

impl SinkTask for DoubleSinkTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        self.trouble = Some(Trouble::new(config));
        match self.on("start", String::new()).await?.as_deref() {
            Some("thread") => start_thread(&context),
            _ => Ok(()),
        }
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Vec<crate::ReadFrom>> {
        self.on("open", partitions.len().to_string()).await?;
        Ok(Vec::new())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let kind = self.on("put", records.len().to_string()).await?;
        if kind.as_deref() == Some("sevens") && records.iter().any(|record| record.offset % 7 == 0) {
            return Err(Error::reject("a multiple of seven"));
        }
        let mut taken = Taken::all();
        let mut again = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let odd = record.offset % 2 == 1;
            if kind.as_deref() == Some("keep") {
                self.kept.push_back(record.clone());
                taken.kept = true;
                continue;
            }
            self.put.insert(record.origin.clone(), record.offset + 1);
            match kind.as_deref() {
                Some("odd") if odd => taken.reject(index, Error::reject(format!("offset {} is odd", record.offset))),
                Some("again") if odd => again.push(index),
                Some("careless") if odd && records.iter().any(is_hopeless) => {
                    taken.reject(index, Error::reject("something is hopeless"));
                }
                Some("hopeless" | "careless") if is_hopeless(record) => {
                    taken.reject(index, Error::reject("hopeless"));
                }
                _ => self.write(record),
            }
        }
        taken.again = (!again.is_empty()).then(|| (again, Error::retry("odd ones later")));
        Ok(taken)
    }

    fn has_room(&self) -> bool {
        self.kept.len() < 30
    }

    async fn written(&mut self) -> Result<Written> {
        match self.kept.is_empty() {
            true => std::future::pending().await,
            false => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                self.write_kept().await
            }
        }
    }

    async fn flush(&mut self, occasion: FlushOccasion) -> Result<Flushed> {
        let kind = self.on("flush", format!("{occasion:?}")).await?;
        if !self.kept.is_empty() && occasion == FlushOccasion::Closing {
            return self.write_kept().await.map(Flushed::Written);
        }
        let put = self.put.iter().map(|(partition, offset)| (partition.clone(), *offset));
        match kind.as_deref() {
            Some("ahead") => Ok(Flushed::UpTo(put.map(|(partition, offset)| (partition, offset + 1000)).collect())),
            Some("foreign") => Ok(Flushed::UpTo(vec![(TopicPartition::new("foreign", 0), 5)])),
            _ => Ok(Flushed::UpTo(put.collect())),
        }
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.put.retain(|partition, _| !partitions.contains(partition));
        self.kept.retain(|record| !partitions.contains(&record.origin));
        self.on("close", partitions.len().to_string()).await.map(|_| ())
    }

    async fn stop(&mut self) {
        let _ = self.on("stop", String::new()).await;
    }
}
