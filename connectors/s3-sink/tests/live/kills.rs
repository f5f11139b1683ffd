//! Lives that end at any moment, under every rule: each record is stored exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use s3_sink::test_server::Trouble;

use crate::world::*;

const PARTITIONS: i32 = 2;
const RECORDS: i64 = 300;

/// When a life ends: after so many puts of so many records, so many milliseconds into the next call; how long uploads
/// have after each put, whether a flush is asked for then, and what the server does to it meanwhile.
#[derive(Clone, Debug)]
struct Life {
    puts: u8,
    size: u8,
    millis: u8,
    pause: u8,
    flushes: bool,
    trouble: Option<(Trouble, Option<&'static str>, u64)>,
}

fn life() -> impl Strategy<Value = Life> {
    let kind = prop::sample::select(vec![None, Some("put"), Some("journal"), Some("complete")]);
    let trouble = prop_oneof![
        3 => Just(None),
        1 => (kind.clone(), 1u64..6).prop_map(|(kind, count)| Some((Trouble::SlowDown, kind, count))),
        1 => (kind.clone(), 1u64..3).prop_map(|(kind, count)| Some((Trouble::AnswerLost, kind, count))),
        1 => (kind, 1u64..20).prop_map(|(kind, count)| Some((Trouble::Slow(5), kind, count))),
    ];
    (0u8..8, 1u8..40, 0u8..12, 0u8..10, any::<bool>(), trouble)
        .prop_map(|(puts, size, millis, pause, flushes, trouble)| Life { puts, size, millis, pause, flushes, trouble })
}

/// What the worker remembers between lives.
#[derive(Default)]
struct Log {
    committed: BTreeMap<i32, i64>,
}

impl Log {
    fn from(&self, partition: i32) -> i64 {
        self.committed.get(&partition).copied().unwrap_or(0)
    }

    fn commit(&mut self, safe: BTreeMap<i32, i64>) {
        for (partition, offset) in safe {
            let known = self.committed.entry(partition).or_insert(0);
            *known = offset.max(*known);
        }
    }
}

async fn live(world: &World, log: &mut Log, life: &Life) {
    let mut task = world.task(PARTITIONS).await;
    if let Some((trouble, kind, count)) = life.trouble {
        world.server.make(trouble, kind, count);
    }
    let mut next: Vec<i64> = (0..PARTITIONS).map(|partition| log.from(partition)).collect();
    for _ in 0..life.puts {
        let records = batch(&mut next, i64::from(life.size), RECORDS);
        put(&mut task, &records).await;
        tokio::time::sleep(Duration::from_millis(u64::from(life.pause))).await;
        if life.flushes {
            log.commit(flush(&mut task).await);
        }
    }
    // The end: in the middle of a call, as a killed process ends.
    let records = batch(&mut next, i64::from(life.size), RECORDS);
    let _ = tokio::time::timeout(Duration::from_millis(u64::from(life.millis)), put(&mut task, &records)).await;
    drop(task);
    world.server.make(Trouble::SlowDown, None, 0);
}

/// The next records of each partition, up to an end.
fn batch(next: &mut [i64], size: i64, end: i64) -> Vec<connector_api::SinkRecord> {
    let mut records = Vec::new();
    for (partition, next) in next.iter_mut().enumerate() {
        let until = (*next + size).min(end);
        records.extend((*next..until).map(|offset| record(partition as i32, offset, 0)));
        *next = until;
    }
    records
}

/// All lives, then one that goes on until everything up to `RECORDS` is safe. Records above that push the last files out.
async fn all_lives(world: &World, lives: &[Life]) {
    let mut log = Log::default();
    for life in lives {
        live(world, &mut log, life).await;
    }
    let mut task = world.task(PARTITIONS).await;
    let mut next: Vec<i64> = (0..PARTITIONS).map(|partition| log.from(partition)).collect();
    while next.iter().any(|next| *next < RECORDS) {
        put(&mut task, &batch(&mut next, 50, RECORDS)).await;
    }
    put(&mut task, &batch(&mut next, 200, RECORDS + 400)).await;
    put(&mut task, &batch(&mut next, 200, RECORDS + 400)).await;
    flush_to(&mut task, PARTITIONS, RECORDS).await;
    let stored = world.stored();
    for partition in 0..PARTITIONS {
        for offset in 0..RECORDS {
            let count = stored.get(&(i64::from(partition), offset)).copied().unwrap_or(0);
            assert_eq!(count, 1, "partition {partition} offset {offset} is stored {count} times");
        }
    }
    assert!(stored.values().all(|count| *count == 1), "a record is stored twice");
}

fn holds_under(rules: &[(&str, &str)]) {
    let mut runner =
        TestRunner::new(Cases { cases: 16, max_shrink_iters: 40, failure_persistence: None, ..Cases::default() });
    let lives = prop::collection::vec(life(), 2..8);
    let held = runner.run(&lives, |lives| {
        let world = World::new(rules);
        run(all_lives(&world, &lives));
        Ok(())
    });
    held.unwrap_or_else(|why| panic!("{rules:?}: {why}"));
}

const FIELD: [(&str, &str); 2] = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "kind")];
const MINUTES: [(&str, &str); 3] = [
    ("partitioner.class", "TimeBasedPartitioner"),
    ("path.format", "'minute'=HH-mm"),
    ("partition.duration.ms", "60000"),
];

fn with(
    base: &[(&'static str, &'static str)],
    more: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    base.iter().chain(more).copied().collect()
}

#[test]
fn by_count_without_a_journal() {
    holds_under(&[("flush.size", "9"), ("rotate.idle.ms", "-1")]);
}

#[test]
fn by_bytes_without_a_journal() {
    holds_under(&[("rotate.bytes", "900"), ("rotate.idle.ms", "-1"), ("s3.compression.type", "gzip")]);
}

#[test]
fn by_record_time_without_a_journal() {
    holds_under(&[("rotate.interval.ms", "9000"), ("rotate.idle.ms", "-1")]);
}

#[test]
fn by_the_clock() {
    holds_under(&[("rotate.schedule.interval.ms", "10"), ("rotate.idle.ms", "-1")]);
}

#[test]
fn by_idleness() {
    holds_under(&[("rotate.idle.ms", "5"), ("flush.size", "60")]);
}

#[test]
fn by_count_in_folders_of_a_field() {
    holds_under(&with(&FIELD, &[("flush.size", "6"), ("rotate.idle.ms", "50")]));
}

#[test]
fn by_the_clock_in_folders_of_a_field() {
    holds_under(&with(&FIELD, &[("rotate.schedule.interval.ms", "10"), ("s3.compression.type", "zstd")]));
}

#[test]
fn by_record_time_in_folders_of_a_time() {
    holds_under(&with(&MINUTES, &[("rotate.interval.ms", "9000"), ("rotate.idle.ms", "50")]));
}

#[test]
fn by_every_rule_in_folders_of_a_time_field() {
    let field = [("timestamp.extractor", "RecordField"), ("timestamp.field", "time"), ("rotate.interval.ms", "30000")];
    let more = [
        ("flush.size", "11"),
        ("rotate.bytes", "1500"),
        ("rotate.schedule.interval.ms", "20"),
        ("rotate.idle.ms", "9"),
    ];
    holds_under(&with(&with(&MINUTES, &field), &more));
}

/// Two tasks that both believe to have a partition: the earlier one is told, and nothing is stored twice.
#[test]
fn of_two_tasks_the_later_one_decides() {
    let world = World::new(&with(&FIELD, &[("flush.size", "6")]));
    run(async {
        let mut earlier = world.task(1).await;
        put(&mut earlier, &(0..40).map(|offset| record(0, offset, 0)).collect::<Vec<_>>()).await;
        let mut later = world.task(1).await;
        let records: Vec<_> = (40..100).map(|offset| record(0, offset, 0)).collect();
        let _ = earlier.put(&records).await;
        let refused = trouble_of(&mut earlier).await;
        assert!(refused.to_string().contains("another task has taken"), "{refused}");
        let all: Vec<_> = (0..200).map(|offset| record(0, offset, 0)).collect();
        put(&mut later, &all).await;
        flush_to(&mut later, 1, 150).await;
        let stored = world.stored();
        assert!((0..150).all(|offset| stored.get(&(0, offset)) == Some(&1)), "{stored:?}");
        assert!(stored.values().all(|count| *count == 1));
    });
}
