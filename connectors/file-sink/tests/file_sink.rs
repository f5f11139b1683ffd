//! The sink against real files.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::path::PathBuf;

use connector_api::config::RawConfig;
use connector_api::conformance::{SinkWorld, check_sink};
use connector_api::data::Payload;
use connector_api::*;
use file_sink::FileSink;

struct Lines(PathBuf);

impl SinkWorld for Lines {
    fn plugin(&self) -> Plugin {
        Plugin::sink(FileSink)
    }
    fn config(&self) -> RawConfig {
        RawConfig::from([("file".to_owned(), self.0.to_string_lossy().into_owned())])
    }
    fn record(&self, partition: &TopicPartition, offset: i64) -> SinkRecord {
        SinkRecord::new(partition.clone(), offset, Payload::Json(format!("\"{partition} {offset}\"").into()))
    }
    fn identity(&self, partition: &TopicPartition, offset: i64) -> String {
        format!("{partition} {offset}")
    }
    async fn written(&mut self) -> Vec<String> {
        std::fs::read_to_string(&self.0).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    let folder = tempfile::tempdir().unwrap();
    check_sink(&mut Lines(folder.path().join("out.txt"))).await;
}

#[tokio::test]
async fn a_full_disk_is_named_with_its_remedy() {
    let plugin = FileSink.definition();
    let raw = RawConfig::from([("file".to_owned(), "/dev/full".to_owned())]);
    let config = plugin.config.check(&raw).into_result().unwrap();
    let mut task = FileSink.task();
    task.start(TaskContext::alone("test"), &config).await.unwrap();
    let record = Lines(PathBuf::new()).record(&TopicPartition::new("t", 0), 0);
    let error = task.put(&[record]).await.unwrap_err();
    assert!(error.to_string().contains("cannot write `/dev/full`"), "{error}");
    assert!(error.to_string().contains("Make room"), "{error}");
}
