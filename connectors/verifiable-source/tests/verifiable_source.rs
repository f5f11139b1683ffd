//! The source through the conformance suite: its records happen when `max.messages` grows.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::conformance::{SourceWorld, check_source};
use connector_api::*;
use tokio::time::Instant;
use verifiable_source::VerifiableSource;

struct Numbers(usize);

impl SourceWorld for Numbers {
    fn plugin(&self) -> Plugin {
        Plugin::source(VerifiableSource)
    }
    fn config(&self) -> RawConfig {
        let pairs = [("topic", "numbers".to_owned()), ("max.messages", self.0.to_string())];
        pairs.map(|(key, value)| (key.to_owned(), value)).into()
    }
    async fn happen(&mut self, count: usize) -> Vec<String> {
        let from = self.0;
        self.0 += count;
        (from..self.0).map(|n| n.to_string()).collect()
    }
    /// What happens is that `max.messages` grows, which a task learns when it starts.
    fn live(&self) -> bool {
        false
    }
    fn identify(&self, record: &SourceRecord) -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(record.value.as_bytes()?).unwrap();
        Some(value["seqno"].to_string())
    }
}

async fn start(pairs: &[(&str, &str)]) -> impl SourceTask {
    let mut raw = Numbers(0).config();
    raw.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let config = VerifiableSource.definition().config.check(&raw).into_result().unwrap();
    let mut task = VerifiableSource.task();
    let context = SourceContext { task: TaskContext::alone("test"), positions: Vec::new() };
    task.start(context, &config).await.unwrap();
    task
}

const LIMITS: PollLimits = PollLimits { max_records: 500, max_bytes: 1 << 20, wait: Duration::from_millis(50) };

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    check_source(&mut Numbers(0)).await;
}

#[tokio::test]
async fn it_numbers_from_zero_and_stops_at_the_end() {
    let mut task = start(&[("max.messages", "700"), ("record.bytes", "200")]).await;
    let mut seen = Vec::new();
    while let Some(batch) = task.poll(LIMITS).await.unwrap() {
        for record in &batch.records {
            assert_eq!(record.value.as_bytes().unwrap().len(), 200);
            seen.push(Numbers(0).identify(record).unwrap());
        }
        let last = batch.positions[0].offset.as_ref().unwrap().number("seqno").unwrap();
        assert_eq!(last.to_string(), *seen.last().unwrap());
    }
    assert_eq!(seen, (0..700).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn it_keeps_to_its_throughput() {
    let mut task = start(&[("throughput", "1000"), ("max.messages", "-1")]).await;
    let (since, mut count) = (Instant::now(), 0);
    while since.elapsed() < Duration::from_millis(500) {
        count += task.poll(LIMITS).await.unwrap().map_or(0, |batch| batch.records.len());
    }
    assert!((495..=505).contains(&count), "{count} in half a second");
    tokio::time::advance(Duration::from_secs(60)).await;
    let at_once = PollLimits { max_records: usize::MAX, ..LIMITS };
    let after = task.poll(at_once).await.unwrap().unwrap().records.len();
    assert!((1000..=1001).contains(&after), "{after} after a pause of a minute");
}
