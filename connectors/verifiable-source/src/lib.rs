//! Numbers records, so that gaps and repeats can be counted at the other end.
//!
//! Each task sends `{"name":NAME,"task":TASK,"seqno":N}` with `N` = 0, 1, 2, ... and the key `TASK`, so that the records
//! of a task stay in order in one partition.

use std::sync::Arc;
use std::time::Duration;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, RawConfig};
use connector_api::data::Payload;
use connector_api::{
    Definition, Error, ExactlyOnce, PollLimits, Position, Result, SourceBatch, SourceConnector, SourceContext,
    SourceOffset, SourcePartition, SourceRecord, SourceTask,
};
use tokio::time::Instant;

/// The connector: Kafka Connect's `VerifiableSourceConnector`.
pub struct VerifiableSource;

impl SourceConnector for VerifiableSource {
    type Task = VerifiableSourceTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "org.apache.kafka.connect.tools.VerifiableSourceConnector",
            aliases: &["verifiable-source"],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Numbers records, so that gaps and repeats can be counted.",
            config: keys(),
        }
    }

    fn task(&self) -> VerifiableSourceTask {
        VerifiableSourceTask::default()
    }

    async fn split(&self, config: &Config, max: usize) -> Result<Vec<RawConfig>> {
        let task = |id: usize| {
            let mut raw = config.raw().clone();
            raw.insert("id".to_owned(), id.to_string());
            raw
        };
        Ok((0..max).map(task).collect())
    }

    fn exactly_once(&self, _: &Config) -> ExactlyOnce {
        ExactlyOnce::Supported
    }
}

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::required("topic", ConfigType::String).check(Check::NonEmpty).doc("The topic for the records."))
        .key(
            ConfigKey::preset("throughput", ConfigType::Long, "-1")
                .doc("Records per second and task; -1 for as many as the log takes."),
        )
        .key(
            ConfigKey::preset("max.messages", ConfigType::Long, "-1")
                .doc("How many records a task sends in all, over all its starts; -1 for no end."),
        )
        .key(
            ConfigKey::preset("record.bytes", ConfigType::Int, "0")
                .check(Check::Between(0, 1 << 24))
                .doc("Fill the value up to that many bytes."),
        )
        .key(ConfigKey::preset("id", ConfigType::Int, "0").doc("The task's number; the connector sets it."))
        .grouped("Verifiable")
}

/// Counts.
#[derive(Default)]
pub struct VerifiableSourceTask {
    open: Option<Open>,
}

struct Open {
    name: Arc<str>,
    topic: Arc<str>,
    id: i64,
    next: i64,
    end: i64,
    record_bytes: usize,
    pace: Option<Pace>,
}

/// Spreads records evenly over time. What was missed in a pause is made up for by at most a second's worth.
struct Pace {
    interval: Duration,
    due: Instant,
}

impl SourceTask for VerifiableSourceTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        let id = config.number("id").unwrap_or(0);
        let stored = context.offset(&SourcePartition::of("id", id)).and_then(|offset| offset.number("seqno"));
        let throughput = config.number("throughput").unwrap_or(-1);
        if throughput == 0 {
            return Err(
                Error::bad_config("throughput", "a throughput of 0 sends nothing").remedy("Use -1 for no limit.")
            );
        }
        let interval = (throughput > 0).then(|| Duration::from_secs_f64(1.0 / throughput as f64));
        let most = config.number("max.messages").unwrap_or(-1);
        self.open = Some(Open {
            name: context.task.connector,
            topic: config.text("topic").into(),
            id,
            next: stored.map_or(0, |last| last + 1),
            end: if most < 0 { i64::MAX } else { most },
            record_bytes: config.count("record.bytes"),
            pace: interval.map(|interval| Pace { interval, due: Instant::now() }),
        });
        Ok(())
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let ready = open.ready(limits).await;
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < ready && bytes < limits.max_bytes {
            let record = open.record();
            bytes += record.size();
            records.push(record);
        }
        Ok((!records.is_empty()).then(|| SourceBatch { id: 0, records, positions: vec![open.position()] }))
    }
}

impl Open {
    /// How many records may go now; waits for the first.
    async fn ready(&mut self, limits: PollLimits) -> usize {
        let left = usize::try_from(self.end - self.next).unwrap_or(0).min(limits.max_records);
        if left == 0 {
            tokio::time::sleep(limits.wait).await;
            return 0;
        }
        match &mut self.pace {
            None => left,
            Some(pace) => pace.take(left, limits.wait).await,
        }
    }

    fn record(&mut self) -> SourceRecord {
        let head = format!("{{\"name\":{:?},\"task\":{},\"seqno\":{}", self.name, self.id, self.next);
        const FILL: usize = ",\"fill\":\"\"}".len();
        let value = match self.record_bytes.checked_sub(head.len() + FILL) {
            Some(fill @ 1..) => format!("{head},\"fill\":\"{}\"}}", "x".repeat(fill)),
            _ => format!("{head}}}"),
        };
        self.next += 1;
        SourceRecord::new(self.topic.clone(), Payload::text(self.id.to_string()), Payload::Json(value.into()))
    }

    fn position(&self) -> Position {
        let offset = Some(SourceOffset::of("seqno", self.next - 1));
        Position { partition: SourcePartition::of("id", self.id), offset }
    }
}

impl Pace {
    async fn take(&mut self, most: usize, wait: Duration) -> usize {
        let early = self.due.saturating_duration_since(Instant::now());
        tokio::time::sleep(early.min(wait)).await;
        if early > wait {
            return 0;
        }
        let now = Instant::now();
        self.due = now.checked_sub(Duration::from_secs(1)).map_or(self.due, |earliest| self.due.max(earliest));
        let late = now.saturating_duration_since(self.due);
        let count = ((late.as_secs_f64() / self.interval.as_secs_f64()) as usize + 1).min(most);
        self.due += self.interval * count as u32;
        count
    }
}
