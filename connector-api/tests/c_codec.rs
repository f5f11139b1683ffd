//! `include/naru_codec.h` reads and writes what the Rust code does: a C program says messages again.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use connector_api::boundary::batch::{BatchReader, BatchWriter};
use connector_api::boundary::frame::{Reader, Writer};
use connector_api::boundary::message::{Request, Start, read_config, read_error, read_polled, read_reply};
use connector_api::config::RawConfig;
use connector_api::data::Payload;
use connector_api::{
    Decision, Error, Flushed, Header, Position, SinkRecord, SourceOffset, SourcePartition, Taken, TimestampType,
    TopicPartition,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// The program, with whatever the compiler has to see steps beyond the end of memory.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codec");
        let checked = compile(&program, &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        // Not every compiler has the checks; the rest of the test holds without them.
        checked.or_else(|_| compile(&program, &[])).unwrap();
        program
    })
}

fn compile(program: &Path, checks: &[&str]) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiled = Command::new("cc")
        .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"])
        .args(checks)
        .arg("-I")
        .arg(folder.join("include"))
        .arg(folder.join("tests/c/codec.c"))
        .arg("-o")
        .arg(program)
        .output()
        .unwrap();
    if compiled.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&compiled.stderr).into_owned()) }
}

/// What the program says of these messages; `None` for one that it finds malformed.
fn said(messages: &[(u8, Vec<u8>)]) -> Vec<Option<Bytes>> {
    let mut input = Writer::default();
    for (letter, message) in messages {
        input.u8(*letter).bytes(message);
    }
    let mut child = Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(&input.bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the program ended badly: {}", output.status);
    let mut from = Reader::new(output.stdout.into());
    let answers = messages.iter().map(|_| {
        let right = from.flag().unwrap();
        let answer = from.bytes().unwrap();
        right.then_some(answer)
    });
    answers.collect()
}

/// So many values, the same in each run.
fn sample<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn payload() -> impl Strategy<Value = Payload> {
    let bytes = || vec(any::<u8>(), 0..30).prop_map(Bytes::from);
    prop_oneof![Just(Payload::Null), bytes().prop_map(Payload::Bytes), bytes().prop_map(Payload::Json)]
}

fn record() -> impl Strategy<Value = SinkRecord> {
    let headers = vec(("\\PC{0,5}", payload()).prop_map(|(name, value)| Header { name: name.into(), value }), 0..3);
    let place = ("[a-c]", "[a-c]", any::<i32>(), any::<i64>());
    let timestamp = (option::of(0..i64::MAX), any::<bool>());
    (place, payload(), payload(), headers, timestamp).prop_map(|(place, key, value, headers, (timestamp, by_log))| {
        SinkRecord {
            topic: place.0.into(),
            origin: TopicPartition::new(place.1, place.2),
            offset: place.3,
            key,
            value,
            headers,
            timestamp,
            timestamp_type: if by_log { TimestampType::LogAppendTime } else { TimestampType::CreateTime },
        }
    })
}

fn start() -> impl Strategy<Value = Start> {
    let words = || proptest::collection::btree_map("\\PC{0,9}", "\\PC{0,9}", 0..5);
    let object = || words().prop_map(|words| words.into_iter().map(|(key, value)| (key, value.into())).collect());
    let position = (object(), option::of(object())).prop_map(|(partition, offset)| Position {
        partition: SourcePartition(partition),
        offset: offset.map(SourceOffset),
    });
    ("\\PC{0,9}", any::<u32>(), words(), vec(position, 0..4)).prop_map(|(connector, task, config, positions)| Start {
        connector,
        task,
        config,
        positions,
    })
}

fn batch_message(records: &[SinkRecord]) -> Vec<u8> {
    let mut to = Writer::default();
    BatchWriter::default().sink(&mut to, records);
    to.bytes
}

fn start_message(start: &Start) -> Vec<u8> {
    let mut to = Writer::default();
    let (connector, config) = (start.connector.clone(), start.config.clone());
    let positions = start.positions.clone();
    Request::Start(Start { connector, config, positions, task: start.task }).write(&mut to);
    to.bytes
}

#[test]
fn batches_that_c_says_again_are_the_same() {
    let batches = sample(&vec(record(), 0..6), 300);
    let messages: Vec<_> = batches.iter().map(|batch| (b'b', batch_message(batch))).collect();
    for (batch, answer) in batches.iter().zip(said(&messages)) {
        assert_eq!(&BatchReader::default().sink(&answer.unwrap()).unwrap(), batch);
    }
}

#[test]
fn starts_that_c_says_again_are_the_same() {
    let starts = sample(&start(), 300);
    let messages: Vec<_> = starts.iter().map(|start| (b's', start_message(start))).collect();
    for (start, answer) in starts.iter().zip(said(&messages)) {
        let mut from = Reader::new(answer.unwrap());
        assert_eq!(from.string().unwrap(), start.connector);
        let config: RawConfig = read_config(&mut from).unwrap();
        assert_eq!(config, start.config);
        // The rest is the reply of a poll without its batch: an empty one makes it whole.
        let mut rest = from.slice(from.left()).unwrap().to_vec();
        rest.extend_from_slice(&batch_message(&[]));
        let polled = read_polled(rest.into(), &mut BatchReader::default(), Vec::new()).unwrap().unwrap();
        assert_eq!((polled.id, &polled.positions), (u64::from(start.task), &start.positions));
    }
}

#[test]
fn replies_that_c_writes_are_read() {
    let partitions = vec![TopicPartition::new("a", 3), TopicPartition::new("b", -1)];
    let mut open = Writer::default();
    Request::Open(partitions.clone()).write(&mut open);
    let mut messages = vec![(b'p', open.bytes), (b't', 7u32.to_le_bytes().to_vec()), (b'm', Vec::new())];
    messages.extend((0..5).map(|decision| (b'e', vec![decision])));
    let mut answers = said(&messages).into_iter().map(Option::unwrap);

    let Flushed::UpTo(safe) = read_reply(answers.next().unwrap()).unwrap() else { panic!("another reply") };
    assert_eq!(safe, partitions.into_iter().map(|one| (one.clone(), i64::from(one.partition))).collect::<Vec<_>>());
    let taken: Taken = read_reply(answers.next().unwrap()).unwrap();
    assert_eq!(taken.rejected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2, 4, 6]);
    assert!(taken.kept && taken.again.is_none());
    let mut error = || -> Error {
        let mut from = Reader::new(answers.next().unwrap());
        let error = read_error(&mut from).unwrap();
        from.end().unwrap();
        error
    };
    assert_eq!(format!("{:?}", error()), "Retry { after: None }: out of memory");
    assert_eq!(error().decision(), &Decision::Retry { after: Some(Duration::from_millis(1500)) });
    assert_eq!(error().decision(), &Decision::Reject);
    assert_eq!(error().decision(), &Decision::Fail);
    assert_eq!(error().remedy_text(), Some("Do it."));
    assert_eq!(error().decision(), &Decision::BadConfig { key: "a.key".to_owned() });
}

/// A message that was right once: bits are flipped, and it is cut or goes on.
fn mutated(mut message: Vec<u8>, flips: &[(prop::sample::Index, u8)], length: prop::sample::Index) -> Vec<u8> {
    let length = length.index(message.len() + 8);
    for (place, mask) in flips {
        let place = place.index(message.len() + 1);
        if let Some(byte) = message.get_mut(place) {
            *byte ^= mask;
        }
    }
    message.resize(length, 0);
    message
}

#[test]
fn c_reads_nothing_beyond_the_end_of_a_malformed_message() {
    let flips = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let valid = prop_oneof![
        vec(record(), 0..4).prop_map(|batch| (b'b', batch_message(&batch))),
        start().prop_map(|start| (b's', start_message(&start))),
        vec(any::<u8>(), 0..60).prop_map(|bytes| (b'p', bytes)),
        vec(any::<u8>(), 0..60).prop_map(|bytes| (b'b', bytes)),
    ];
    let strategy = (valid, flips, any::<prop::sample::Index>());
    let messages: Vec<_> = sample(&strategy, 3000)
        .into_iter()
        .map(|((letter, message), flips, length)| (letter, mutated(message, &flips, length)))
        .collect();
    let answers = said(&messages);
    assert!(answers.iter().filter(|answer| answer.is_none()).count() > 1000);
    // What C takes as a batch, Rust may refuse for its forms or texts; what C refuses, Rust refuses.
    for ((letter, bytes), answer) in messages.iter().zip(answers) {
        if *letter == b'b' && answer.is_none() {
            assert!(BatchReader::default().sink(&bytes.clone().into()).is_err(), "{bytes:?}");
        }
    }
}
