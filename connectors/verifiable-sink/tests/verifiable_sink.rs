//! The sink through the conformance suite, with its reports as the other system.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::cell::Cell;
use std::path::PathBuf;

use connector_api::config::RawConfig;
use connector_api::conformance::{SinkWorld, check_sink};
use connector_api::data::Payload;
use connector_api::*;
use verifiable_sink::VerifiableSink;

/// Counts start anew with each task, so each configuration names a report of its own; together they are what was seen.
struct Reports {
    folder: PathBuf,
    made: Cell<usize>,
}

impl SinkWorld for Reports {
    fn plugin(&self) -> Plugin {
        Plugin::sink(VerifiableSink)
    }
    fn config(&self) -> RawConfig {
        self.made.set(self.made.get() + 1);
        let file = self.folder.join(format!("report-{}.json", self.made.get()));
        RawConfig::from([("report.file".to_owned(), file.to_string_lossy().into_owned())])
    }
    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        let task = partition.partition;
        SinkRecord {
            topic: partition.topic.clone(),
            origin: partition.clone(),
            offset,
            key: Payload::Null,
            value: Payload::Json(format!("{{\"name\":\"v\",\"task\":{task},\"seqno\":{offset}}}").into()),
            headers: Vec::new(),
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
        }
    }
    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("v-{} {offset}", partition.partition)
    }
    async fn written(&mut self) -> Vec<String> {
        let reports = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        reports.flat_map(|file| seen(&std::fs::read_to_string(file).unwrap())).collect()
    }
}

fn seen(report: &str) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let mut seen = Vec::new();
    for (stream, counts) in report["streams"].as_object().into_iter().flatten() {
        // The suite also puts records without a value, in the places of others.
        assert!(counts["missing"].as_i64() <= report["foreign"].as_i64() && counts["repeats"] == 0, "{report}");
        let (first, next) = (counts["first"].as_i64().unwrap(), counts["next"].as_i64().unwrap());
        seen.extend((first..next).map(|number| format!("{stream} {number}")));
    }
    seen
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    let folder = tempfile::tempdir().unwrap();
    check_sink(&mut Reports { folder: folder.path().to_owned(), made: Cell::new(0) }).await;
}
