//! What a bucket is asked for, and what is in it then.

use std::time::Duration;

use connector_api::data::Payload;
use connector_api::{FlushOccasion, SinkRecord};

use crate::world::*;

fn records(partition: i32, from: i64, to: i64, padding: usize) -> Vec<SinkRecord> {
    (from..to).map(|offset| record(partition, offset, padding)).collect()
}

#[test]
fn a_small_object_is_one_request() {
    let world = World::new(&[("flush.size", "10"), ("rotate.idle.ms", "-1")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.take_counts();
        for from in (0..100).step_by(25) {
            put(&mut task, &records(0, from, from + 25, 0)).await;
        }
        flush_to(&mut task, 1, 100).await;
    });
    let counts = server.take_counts();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("put", 10)]);
    let names: Vec<String> = world.server.objects("topics").into_keys().collect();
    assert_eq!(names[1], "topics/events/partition=0/events+0+0000000010.json");
}

#[test]
fn with_a_journal_there_is_at_most_one_request_more_for_each_object() {
    let world = World::new(&[
        ("flush.size", "10"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "kind"),
    ]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.take_counts();
        for from in 0..200 {
            put(&mut task, &records(0, from, from + 1, 0)).await;
        }
        task.flush(FlushOccasion::Closing).await.unwrap();
        let counts = server.take_counts();
        let objects = world.server.objects("topics").len() as u64;
        assert!(objects >= 15, "{objects}");
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["journal", "put"]);
        assert_eq!(counts["put"], objects);
        assert!((1..=objects).contains(&counts["journal"]), "{counts:?} for {objects} objects");
    });
}

#[test]
fn cuts_that_come_together_share_a_request() {
    let world = World::new(&[
        ("rotate.idle.ms", "50"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "kind"),
    ]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.take_counts();
        put(&mut task, &records(0, 0, 100, 0)).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        flush_to(&mut task, 1, 100).await;
    });
    let counts = server.take_counts();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("journal", 1), ("put", 5)]);
}

#[test]
fn a_large_object_is_sent_in_parts_and_appears_at_once() {
    let world = World::new(&[("flush.size", "30"), ("rotate.idle.ms", "-1"), ("s3.part.size", "5242880")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.take_counts();
        for from in 0..29 {
            put(&mut task, &records(0, from, from + 1, 400_000)).await;
        }
        flush(&mut task).await;
        assert!(world.server.objects("topics").is_empty());
        put(&mut task, &records(0, 29, 30, 400_000)).await;
        flush_to(&mut task, 1, 30).await;
    });
    let counts = server.take_counts();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("complete", 1), ("create", 1), ("part", 3)]);
    assert!(world.stored().into_values().eq(std::iter::repeat_n(1, 30)));
}

#[test]
fn a_large_object_holds_what_was_put_on_any_server() {
    let world = World::new(&[("flush.size", "30"), ("rotate.idle.ms", "100000"), ("s3.part.size", "5242880")]);
    run(async {
        let mut task = world.task(1).await;
        for from in 0..30 {
            put(&mut task, &records(0, from, from + 1, 400_000)).await;
        }
        flush_to(&mut task, 1, 30).await;
    });
    assert!(world.stored().into_values().eq(std::iter::repeat_n(1, 30)));
}

#[test]
fn uploads_of_files_that_are_given_up_are_aborted() {
    let world = World::new(&[("flush.size", "1000"), ("s3.part.size", "5242880")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        put(&mut task, &records(0, 0, 20, 400_000)).await;
        for _ in 0..100 {
            if server.take_counts().contains_key("part") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        task.flush(FlushOccasion::Closing).await.unwrap();
        task.close(&names(1)).await.unwrap();
    });
    assert_eq!(server.take_counts().get("abort"), Some(&1));
    assert!(world.server.objects("topics").is_empty());
}

#[test]
fn each_format_and_codec_holds_what_was_put() {
    for (codec, end) in [("none", ".json"), ("gzip", ".json.gz"), ("zstd", ".json.zst")] {
        let world = World::new(&[("flush.size", "50"), ("s3.compression.type", codec)]);
        run(async {
            let mut task = world.task(1).await;
            put(&mut task, &records(0, 0, 50, 100)).await;
            flush_to(&mut task, 1, 50).await;
        });
        let objects = world.server.objects("topics");
        let (name, bytes) = objects.first_key_value().unwrap();
        assert!(objects.len() == 1 && name.ends_with(end), "{name}");
        let lines: Vec<String> = text(name, bytes).lines().map(str::to_owned).collect();
        let wanted: Vec<String> = records(0, 0, 50, 100)
            .iter()
            .map(|record| String::from_utf8(record.value.as_bytes().unwrap().to_vec()).unwrap())
            .collect();
        assert_eq!(lines, wanted);
    }
}

#[test]
fn raw_bytes_have_the_separator_after_each() {
    let world = World::new(&[
        ("flush.size", "3"),
        ("format.class", "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"),
        ("format.bytearray.separator", "|"),
    ]);
    run(async {
        let mut task = world.task(1).await;
        let bytes = |offset: i64| SinkRecord {
            value: Payload::Bytes(vec![0, 255, offset as u8].into()),
            ..record(0, offset, 0)
        };
        put(&mut task, &(0..3).map(bytes).collect::<Vec<_>>()).await;
        flush_to(&mut task, 1, 3).await;
    });
    let objects = world.server.objects("topics");
    let (name, bytes) = objects.first_key_value().unwrap();
    assert!(name.ends_with("events+0+0000000000.bin"), "{name}");
    assert_eq!(bytes[..], [0, 255, 0, b'|', 0, 255, 1, b'|', 0, 255, 2, b'|']);
}

#[test]
fn records_without_a_value_are_left_out_or_rejected() {
    let null = |offset| SinkRecord { value: Payload::Null, ..record(0, offset, 0) };
    let world = World::new(&[("flush.size", "2"), ("behavior.on.null.values", "ignore")]);
    run(async {
        let mut task = world.task(1).await;
        put(&mut task, &[record(0, 0, 0), null(1), record(0, 2, 0), null(3)]).await;
        flush_to(&mut task, 1, 4).await;
    });
    assert_eq!(world.stored().into_keys().collect::<Vec<_>>(), [(0, 0), (0, 2)]);
    let world = World::new(&[("flush.size", "2")]);
    run(async {
        let mut task = world.task(1).await;
        let taken = task.put(&[record(0, 0, 0), null(1), record(0, 2, 0)]).await.unwrap();
        assert_eq!(taken.rejected.len(), 1);
        assert_eq!(taken.rejected[0].0, 1);
        assert!(taken.rejected[0].1.to_string().contains("behavior.on.null.values"));
    });
}

#[test]
fn a_thousand_open_files_keep_to_the_limit() {
    let world = World::new(&[
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "o"),
        ("max.buffered.bytes", "8388608"),
        ("max.requests.in.flight", "4"),
    ]);
    run(async {
        let mut task = world.task(1).await;
        for from in (0..1000).step_by(50) {
            put(&mut task, &records(0, from, from + 50, 20_000)).await;
        }
        let safe = flush(&mut task).await;
        assert!(safe[&0] > 400, "20 MB do not fit into 8: {safe:?}");
    });
    assert!(world.stored().values().all(|count| *count == 1));
}
