//! A source that always has the same batch, and a sink that looks at each record and forgets it.

use bytes::Bytes;
use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::{Format, Payload};
use connector_api::{
    Definition, Formats, PollLimits, Position, Result, SinkConnector, SinkRecord, SinkTask, SourceBatch,
    SourceConnector, SourceContext, SourceOffset, SourcePartition, SourceRecord, SourceTask, Taken, TaskContext, Topic,
};

/// Records of a batch.
pub const BATCH: usize = 500;

/// Bytes of a record.
pub const RECORD: usize = 200;

/// A source without end, or up to `count`.
pub struct Everything;

impl SourceConnector for Everything {
    type Task = EverythingTask;

    fn definition(&self) -> Definition {
        let config = ConfigDef::new()
            .key(ConfigKey::preset("topic", ConfigType::String, "everything").doc("Where the records go."))
            .key(ConfigKey::preset("count", ConfigType::Long, "9000000000000000000").doc("How many."));
        Definition { class: "bench.Everything", aliases: &[], version: "1", doc: "Records without end.", config }
    }

    fn task(&self) -> EverythingTask {
        EverythingTask { topic: "everything".into(), value: Bytes::new(), next: 0, count: 0 }
    }
}

/// Its task.
pub struct EverythingTask {
    topic: Topic,
    value: Bytes,
    next: i64,
    count: i64,
}

impl SourceTask for EverythingTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        self.topic = config.text("topic").into();
        self.count = config.number("count").unwrap_or(0);
        self.value = format!("{{\"fill\":\"{}\"}}", "x".repeat(RECORD - 11)).into();
        let stored = context.offset(&SourcePartition::default());
        self.next = stored.and_then(|offset| offset.number("next")).unwrap_or(0);
        Ok(())
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let most = limits.max_records.min(BATCH) as i64;
        let records = most.min(self.count - self.next);
        if records <= 0 {
            return std::future::pending().await;
        }
        self.next += records;
        let record = |_| SourceRecord::new(self.topic.clone(), Payload::Null, Payload::Json(self.value.clone()));
        let offset = Some(SourceOffset::of("next", self.next));
        Ok(Some(SourceBatch {
            id: self.next as u64,
            records: (0..records).map(record).collect(),
            positions: vec![Position { partition: SourcePartition::default(), offset }],
        }))
    }
}

/// A sink that keeps nothing.
pub struct Nothing;

impl SinkConnector for Nothing {
    type Task = NothingTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "bench.Nothing",
            aliases: &[],
            version: "1",
            doc: "Looks and forgets.",
            config: ConfigDef::new(),
        }
    }

    fn task(&self) -> NothingTask {
        NothingTask::default()
    }

    fn formats(&self, _: &Config) -> Formats {
        Formats { key: Format::Bytes, value: Format::Json }
    }
}

/// Its task.
#[derive(Default)]
pub struct NothingTask {
    seen: u64,
}

impl SinkTask for NothingTask {
    async fn start(&mut self, _: TaskContext, _: &Config) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let first = |record: &SinkRecord| u64::from(record.value.as_bytes().map_or(0, |value| value[value.len() - 1]));
        self.seen = records.iter().map(first).fold(self.seen, u64::wrapping_add);
        std::hint::black_box(self.seen);
        Ok(Taken::all())
    }
}
