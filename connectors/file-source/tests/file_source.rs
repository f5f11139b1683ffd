//! The source against real files.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::conformance::{SourceWorld, check_source};
use connector_api::data::{Payload, Value};
use connector_api::*;
use file_source::FileSource;

struct Lines {
    file: PathBuf,
    made: usize,
}

impl SourceWorld for Lines {
    fn plugin(&self) -> Plugin {
        Plugin::source(FileSource)
    }
    fn config(&self) -> RawConfig {
        config(&self.file)
    }
    async fn happen(&mut self, count: usize) -> Vec<String> {
        let lines: Vec<String> = (self.made..self.made + count).map(|n| format!("zeile {n} ü")).collect();
        self.made += count;
        append(&self.file, &format!("{}\n", lines.join("\n")));
        lines
    }
    fn identify(&self, record: &SourceRecord) -> Option<String> {
        text(record)
    }
}

fn config(file: &Path) -> RawConfig {
    let file = file.to_string_lossy().into_owned();
    RawConfig::from([("file".to_owned(), file), ("topic".to_owned(), "lines".to_owned())])
}

fn append(file: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn text(record: &SourceRecord) -> Option<String> {
    record.value.as_value().and_then(Value::as_str).map(str::to_owned)
}

/// A started task with what it had stored.
async fn start(file: &Path, stored: Option<SourceOffset>) -> (impl SourceTask, SourcePartition) {
    let plugin = Plugin::source(FileSource);
    let config = plugin.definition().config.check(&config(file)).into_result().unwrap();
    let partition = SourcePartition::of("filename", file.to_string_lossy().into_owned());
    let mut task = FileSource.task();
    let positions = stored.into_iter().map(|offset| (partition.clone(), offset)).collect();
    let context = SourceContext { task: TaskContext::alone("test"), positions };
    task.start(context, &config).await.unwrap();
    (task, partition)
}

async fn poll(task: &mut impl SourceTask) -> (Vec<String>, Option<SourceOffset>) {
    let limits = PollLimits { max_records: 100, max_bytes: 1 << 20, wait: Duration::from_millis(300) };
    match task.poll(limits).await.unwrap() {
        Some(batch) => {
            let offset = batch.positions.last().and_then(|position| position.offset.clone());
            (batch.records.iter().map(|record| text(record).unwrap_or("bytes".into())).collect(), offset)
        }
        None => (Vec::new(), None),
    }
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    let folder = tempfile::tempdir().unwrap();
    check_source(&mut Lines { file: folder.path().join("in.txt"), made: 0 }).await;
}

#[tokio::test]
async fn a_file_may_appear_late_be_cut_and_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.txt");
    let (mut task, _) = start(&file, None).await;
    assert_eq!(poll(&mut task).await.0, Vec::<String>::new());
    append(&file, "a\nb\nhal");
    assert_eq!(poll(&mut task).await.0, ["a", "b"]);
    append(&file, "f\n");
    assert_eq!(poll(&mut task).await.0, ["half"]);
    fs::write(&file, "c\n").unwrap();
    assert_eq!(poll(&mut task).await.0, ["c"]);
    append(&file, "last of the old one\n");
    fs::rename(&file, folder.path().join("in.txt.1")).unwrap();
    append(&file, "first of the new one\n");
    assert_eq!(poll(&mut task).await.0, ["last of the old one"]);
    assert_eq!(poll(&mut task).await.0, ["first of the new one"]);
}

#[tokio::test]
async fn a_position_of_kafka_connect_is_taken_over_and_stays_readable_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.txt");
    append(&file, "zwölf\n𝄞\nend\n");
    // It has read the first line and counted six characters, and would itself go on at the sixth byte: in the middle of it.
    let (mut task, _) = start(&file, Some(SourceOffset::of("position", 6))).await;
    let (lines, offset) = poll(&mut task).await;
    assert_eq!(lines, ["zwölf", "𝄞", "end"], "a line again, and none in part or left out");
    assert_eq!(offset.unwrap().number("position"), Some(16), "it goes on at that byte");
    let (mut task, _) = start(&file, Some(SourceOffset::of("position", 7))).await;
    assert_eq!(poll(&mut task).await.0, ["𝄞", "end"]);
}

#[tokio::test]
async fn a_replaced_file_is_read_from_its_start_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.txt");
    append(&file, "old 1\nold 2\n");
    let (mut task, _) = start(&file, None).await;
    let (_, offset) = poll(&mut task).await;
    fs::rename(&file, folder.path().join("in.txt.1")).unwrap();
    append(&file, "new 1\nnew 2\nnew 3\n");
    let (mut task, _) = start(&file, offset).await;
    assert_eq!(poll(&mut task).await.0, ["new 1", "new 2", "new 3"]);
}

#[tokio::test]
async fn a_line_that_is_not_text_travels_as_bytes_and_one_that_is_too_long_fails_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.txt");
    fs::write(&file, b"good\n\xff\xfe\n").unwrap();
    let (mut task, _) = start(&file, None).await;
    let limits = PollLimits { max_records: 10, max_bytes: 1 << 20, wait: Duration::ZERO };
    let batch = task.poll(limits).await.unwrap().unwrap();
    assert_eq!(batch.records[1].value, Payload::Bytes(vec![0xff, 0xfe].into()));
    append(&file, &"x".repeat(1_000_001));
    let error = loop {
        match task.poll(limits).await {
            Ok(_) => continue,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("near byte 8 is longer than 1000000 bytes"), "{error}");
}
