//! Keys and headers beside the values: as safe as they are.

use connector_api::data::Payload;
use connector_api::{Decision, Header, SinkRecord};
use s3_sink::test_server::Trouble;

use crate::world::*;

const SIDES: [(&str, &str); 5] = [
    ("store.kafka.keys", "true"),
    ("keys.format.class", "ByteArrayFormat"),
    ("store.kafka.headers", "true"),
    ("headers.format.class", "JsonFormat"),
    ("flush.size", "10"),
];

fn records(from: i64, to: i64) -> Vec<SinkRecord> {
    let with_sides = |offset: i64| SinkRecord {
        key: Payload::Bytes(format!("key-{offset}").into()),
        headers: vec![Header { name: "offset".into(), value: Payload::text(offset.to_string()) }],
        ..record(0, offset, 0)
    };
    (from..to).map(with_sides).collect()
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    SIDES.iter().chain(more).copied().collect()
}

/// The offsets in each object, which must be those of the objects beside it.
fn offsets(world: &World) -> Vec<i64> {
    let objects = world.server.objects("topics");
    let mut all = Vec::new();
    for (name, bytes) in objects.iter().filter(|(name, _)| name.ends_with(".json") && !name.contains(".headers")) {
        let start = name.strip_suffix(".json").unwrap();
        let number = |text: &str| text.parse::<i64>().unwrap();
        let keys = text(name, &objects[&format!("{start}.keys.bin")]);
        let headers = text(name, &objects[&format!("{start}.headers.json")]);
        let header = |line: &str| {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            number(json["headers"][0]["value"].as_str().unwrap())
        };
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["o"].as_i64().unwrap();
        let values: Vec<i64> = text(name, bytes).lines().map(value).collect();
        assert_eq!(values, keys.lines().map(|line| number(&line[4..])).collect::<Vec<_>>(), "{name}");
        assert_eq!(values, headers.lines().map(header).collect::<Vec<_>>(), "{name}");
        all.extend(values);
    }
    all.sort_unstable();
    all
}

#[test]
fn keys_and_headers_stand_in_objects_beside_the_values() {
    let world = World::new(&with(&[("rotate.idle.ms", "-1")]));
    run(async {
        let mut task = world.task(1).await;
        put(&mut task, &records(0, 25)).await;
        flush_to(&mut task, 1, 20).await;
    });
    assert_eq!(offsets(&world), (0..20).collect::<Vec<_>>());
    let names: Vec<String> = world.server.objects("topics").into_keys().collect();
    let start = "topics/events/partition=0/events+0+0000000010";
    assert_eq!(names[3..], ["headers.json", "json", "keys.bin"].map(|ending| format!("{start}.{ending}")));
}

/// The values' object says that all are there, so it is the last to appear.
#[test]
fn values_are_stored_last() {
    let world = World::new(&with(&[("rotate.idle.ms", "100000")]));
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.make(Trouble::SlowDown, Some("keys"), u64::MAX);
        let _ = task.put(&records(0, 10)).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let names: Vec<String> = server.objects("topics").into_keys().collect();
        assert!(names.len() == 1 && names[0].ends_with(".headers.json"), "{names:?}");
        // A successor finds that nothing proves the cut, and repeats it.
        drop(task);
        server.make(Trouble::SlowDown, None, 0);
        let mut task = world.task(1).await;
        put(&mut task, &records(0, 10)).await;
        flush_to(&mut task, 1, 10).await;
    });
    assert_eq!(offsets(&world), (0..10).collect::<Vec<_>>());
}

#[test]
fn lives_that_end_anywhere_leave_each_record_once_in_every_object() {
    for rules in [
        &[("rotate.idle.ms", "-1")][..],
        &[("rotate.schedule.interval.ms", "10")],
        &[("partitioner.class", "FieldPartitioner"), ("partition.field.name", "kind"), ("rotate.idle.ms", "20")],
    ] {
        let world = World::new(&with(rules));
        run(async {
            let (mut committed, mut end) = (0, 0);
            for life in 0..25u64 {
                let mut task = world.task(1).await;
                let troubles = [("put", 2), ("keys", 3), ("journal", 1), ("put", 0)];
                let (kind, count) = troubles[(life % 4) as usize];
                world.server.make(Trouble::AnswerLost, Some(kind), count);
                let until = committed + 10 + (life * 7 % 40) as i64;
                put(&mut task, &records(committed, until)).await;
                tokio::time::sleep(std::time::Duration::from_millis(life * 3 % 40)).await;
                if life % 3 == 0 {
                    committed = flush(&mut task).await.get(&0).copied().unwrap_or(committed).max(committed);
                }
                end = until.max(end);
                drop(task);
                world.server.make(Trouble::SlowDown, None, 0);
            }
            let mut task = world.task(1).await;
            put(&mut task, &records(committed, end + 200)).await;
            flush_to(&mut task, 1, end).await;
            let stored = offsets(&world);
            let once = stored.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(once, "{rules:?}: twice among {stored:?}");
            assert!((0..end).all(|offset| stored.binary_search(&offset).is_ok()), "{rules:?}: not in {stored:?}");
        });
    }
}

#[test]
fn a_record_without_a_key_or_headers_is_rejected() {
    let world = World::new(&SIDES);
    run(async {
        let mut task = world.task(1).await;
        let mut records = records(0, 12);
        records[3].key = Payload::Null;
        records[5].headers.clear();
        let taken = task.put(&records).await.unwrap();
        let rejected: Vec<usize> = taken.rejected.iter().map(|(index, _)| *index).collect();
        assert_eq!(rejected, [3, 5]);
        assert!(taken.rejected.iter().all(|(_, why)| matches!(why.decision(), Decision::Reject)));
        flush_to(&mut task, 1, 12).await;
    });
    assert_eq!(offsets(&world), [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]);
}
