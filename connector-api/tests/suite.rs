//! The suite passes what behaves and names what does not.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use connector_api::config::{Config, ConfigDef, RawConfig};
use connector_api::conformance::{SinkWorld, SourceWorld, check_sink, check_source, doubles};
use connector_api::data::{Payload, Value};
use connector_api::*;

/// A source of numbers that a test lets happen, with faults to be found.
struct Numbers {
    made: Arc<AtomicI64>,
    fault: &'static str,
}

struct NumbersTask {
    made: Arc<AtomicI64>,
    fault: &'static str,
    next: i64,
}

impl SourceConnector for Numbers {
    type Task = NumbersTask;
    fn definition(&self) -> Definition {
        Definition { class: "NumbersConnector", aliases: &[], version: "1", doc: "Numbers.", config: ConfigDef::new() }
    }
    fn task(&self) -> NumbersTask {
        NumbersTask { made: self.made.clone(), fault: self.fault, next: 0 }
    }
}

impl SourceTask for NumbersTask {
    async fn start(&mut self, context: SourceContext, _: &Config) -> Result<()> {
        let stored = context.offset(&SourcePartition::default()).and_then(|offset| offset.number("next"));
        self.next = stored.unwrap_or(0)
            + match (self.fault, stored) {
                ("skips at restart", Some(_)) => 1,
                ("repeats at restart", Some(_)) => -1,
                _ => 0,
            };
        Ok(())
    }
    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        if self.fault == "hangs" {
            std::future::pending::<()>().await;
        }
        let most = if self.fault == "takes too many" { 50 } else { limits.max_records as i64 };
        let end = self.made.load(Relaxed).min(self.next + most);
        if end == self.next {
            tokio::time::sleep(limits.wait).await;
            return Ok(None);
        }
        let record = |n: i64| SourceRecord::new("t", Payload::Null, Payload::text(n.to_string()));
        let records = (self.next..end).map(record).collect();
        self.next = end;
        let offset = Some(SourceOffset::of("next", end));
        Ok(Some(SourceBatch {
            id: 0,
            records,
            positions: vec![Position { partition: SourcePartition::default(), offset }],
        }))
    }
    async fn stop(&mut self) {
        if self.fault == "does not stop" {
            std::future::pending::<()>().await;
        }
    }
}

struct NumbersWorld(Arc<AtomicI64>, &'static str);

impl SourceWorld for NumbersWorld {
    fn plugin(&self) -> Plugin {
        Plugin::source(Numbers { made: self.0.clone(), fault: self.1 })
    }
    fn config(&self) -> RawConfig {
        RawConfig::new()
    }
    async fn happen(&mut self, count: usize) -> Vec<String> {
        let from = self.0.fetch_add(count as i64, Relaxed);
        (from..from + count as i64).map(|n| n.to_string()).collect()
    }
    fn identify(&self, record: &SourceRecord) -> Option<String> {
        record.value.as_value().and_then(Value::as_str).map(str::to_owned)
    }
}

async fn check_numbers(fault: &'static str) {
    check_source(&mut NumbersWorld(Arc::default(), fault)).await;
}

struct Memory {
    trouble: &'static str,
    world: &'static str,
}

impl SinkWorld for Memory {
    fn plugin(&self) -> Plugin {
        Plugin::sink(doubles::DoubleSink)
    }
    fn config(&self) -> RawConfig {
        [("trouble", self.trouble), ("world", self.world)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }
    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        SinkRecord::new(partition.clone(), offset, Payload::Json(offset.to_string().into()))
    }
    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("{partition}:{offset}")
    }
    fn hopeless(&self, partition: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        let picky = !self.trouble.is_empty();
        picky.then(|| SinkRecord { value: Payload::Json("\"hopeless\"".into()), ..self.record(partition, offset) })
    }
    async fn written(&mut self) -> Vec<String> {
        let records = doubles::world(self.world).records;
        records.iter().map(|(partition, offset, _)| self.identity(partition, *offset)).collect()
    }
}

#[tokio::test]
async fn a_sink_that_behaves_passes() {
    check_sink(&mut Memory { trouble: "", world: "sink-good" }).await;
}

#[tokio::test]
async fn a_sink_that_refuses_what_it_cannot_take_passes() {
    check_sink(&mut Memory { trouble: "put:hopeless:1:0", world: "sink-picky" }).await;
}

#[tokio::test]
#[should_panic(expected = "a good record was refused")]
async fn a_sink_that_refuses_good_records_with_the_bad_one_is_named() {
    check_sink(&mut Memory { trouble: "put:careless:1:0", world: "sink-too-picky" }).await;
}

#[tokio::test]
#[should_panic(expected = "flushed to")]
async fn a_sink_that_flushes_ahead_is_named() {
    check_sink(&mut Memory { trouble: "flush:ahead:3:1", world: "sink-ahead" }).await;
}

#[tokio::test]
#[should_panic(expected = "is not open")]
async fn a_sink_that_names_a_foreign_partition_is_named() {
    check_sink(&mut Memory { trouble: "flush:foreign:2:1", world: "sink-foreign" }).await;
}

#[tokio::test]
#[should_panic(expected = "good records")]
async fn a_sink_that_rejects_good_records_is_named() {
    check_sink(&mut Memory { trouble: "put:odd:2:1", world: "sink-odd" }).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "stop did not return")]
async fn a_sink_that_does_not_stop_is_named() {
    check_sink(&mut Memory { trouble: "stop:hang:1:1", world: "sink-hang" }).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_behaves_passes() {
    check_numbers("").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "poll did not return")]
async fn a_source_that_hangs_is_named() {
    check_numbers("hangs").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "stop did not return")]
async fn a_source_that_does_not_stop_is_named() {
    check_numbers("does not stop").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "7 allowed")]
async fn a_source_that_ignores_its_limits_is_named() {
    check_numbers("takes too many").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a clean stop leaves no gap")]
async fn a_source_that_skips_is_named() {
    check_numbers("skips at restart").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a clean stop leaves no gap")]
async fn a_source_that_repeats_is_named() {
    check_numbers("repeats at restart").await;
}

#[test]
fn the_doubles_of_parts_pass_their_own_checks() {
    use connector_api::conformance::check_part;
    use connector_api::conformance::double_parts::{DoublePredicate, DoubleTransform, MarkConverter};
    for part in
        [Export::transform(DoubleTransform), Export::predicate(DoublePredicate), Export::converter(MarkConverter)]
    {
        check_part(&part, &RawConfig::new());
    }
}
