//! Avro and Parquet in the bucket.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use connector_api::data::{Field, Kind, Payload, Schema, Struct, Value};
use connector_api::{Header, SinkRecord};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::world::*;

const AVRO: (&str, &str) = ("format.class", "io.confluent.connect.s3.format.avro.AvroFormat");
const PARQUET: (&str, &str) = ("format.class", "io.confluent.connect.s3.format.parquet.ParquetFormat");

static OLD: LazyLock<Arc<Schema>> = LazyLock::new(|| schema(&[]));
static NEW: LazyLock<Arc<Schema>> = LazyLock::new(|| schema(&[Field::new("more", Schema::string().optional())]));

fn schema(more: &[Field]) -> Arc<Schema> {
    let mut fields = vec![Field::new("o", Schema::new(Kind::Int64)), Field::new("kind", Schema::string())];
    fields.extend(more.iter().cloned());
    Arc::new(Schema::structure(fields).named("test.Event"))
}

/// From offset 100 on records have one field more.
fn structured(offset: i64) -> SinkRecord {
    let schema = if offset < 100 { OLD.clone() } else { NEW.clone() };
    let values = vec![Value::Int64(offset), format!("k{}", offset % 3).into()];
    SinkRecord {
        key: Payload::structured(Arc::new(Schema::string().optional()), format!("key-{offset}").into()),
        value: Payload::structured(schema.clone(), Value::Struct(Struct::new(schema, values))),
        headers: vec![Header { name: "offset".into(), value: Payload::text(offset.to_string()) }],
        ..record(0, offset, 0)
    }
}

fn records(from: i64, to: i64) -> Vec<SinkRecord> {
    (from..to).map(structured).collect()
}

/// The offsets in an object of any kind.
fn offsets(name: &str, bytes: Vec<u8>) -> Vec<i64> {
    if name.ends_with(".parquet") {
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        return reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_long(0).unwrap()).collect();
    }
    let offset = |value: apache_avro::types::Value| match value {
        apache_avro::types::Value::Record(fields) => match fields[0].1 {
            apache_avro::types::Value::Long(offset) => offset,
            ref other => panic!("{other:?}"),
        },
        apache_avro::types::Value::String(key) => key[4..].parse().unwrap(),
        apache_avro::types::Value::Array(headers) => {
            let text = format!("{:?}", headers[0]);
            text.split('"').find_map(|part| part.parse().ok()).unwrap()
        }
        other => panic!("{other:?}"),
    };
    apache_avro::Reader::new(bytes.as_slice()).unwrap().map(|value| offset(value.unwrap())).collect()
}

fn stored(world: &World) -> BTreeMap<String, Vec<i64>> {
    let objects = world.server.objects("topics").into_iter();
    objects.map(|(name, bytes)| (name.rsplit('/').next().unwrap().to_owned(), offsets(&name, bytes))).collect()
}

#[test]
fn another_schema_begins_another_file() {
    for (format, ending) in [(AVRO, ".avro"), (PARQUET, ".snappy.parquet")] {
        let world = World::new(&[format, ("flush.size", "60"), ("rotate.idle.ms", "-1")]);
        run(async {
            let mut task = world.task(1).await;
            put(&mut task, &records(0, 160)).await;
            flush_to(&mut task, 1, 160).await;
        });
        let wanted = [(0, 60), (60, 100), (100, 160)];
        let wanted = wanted.map(|(from, to)| (format!("events+0+{from:010}{ending}"), (from..to).collect::<Vec<_>>()));
        assert!(stored(&world).into_iter().eq(wanted), "{ending}: {:?}", stored(&world));
    }
}

#[test]
fn a_record_without_a_schema_is_rejected_and_leaves_no_file() {
    for format in [AVRO, PARQUET] {
        let world = World::new(&[format, ("flush.size", "10")]);
        run(async {
            let mut task = world.task(1).await;
            let bare = Payload::Structured { schema: None, value: Value::Map(Vec::new()) };
            let bare = SinkRecord { value: bare, ..record(0, 0, 0) };
            let taken = task.put(&[bare]).await.unwrap();
            assert!(taken.rejected[0].1.to_string().contains("schemas.enable"), "{taken:?}");
            put(&mut task, &records(1, 11)).await;
            flush_to(&mut task, 1, 11).await;
        });
        let found = stored(&world);
        assert!(found.len() == 1 && found.into_values().eq([(1..11).collect::<Vec<_>>()]));
    }
}

/// Keys and headers as Avro, folders by a field, several lives: once in each object, and the same bytes.
#[test]
fn lives_that_end_anywhere_leave_each_record_once() {
    for format in [AVRO, PARQUET] {
        let world = World::new(&[
            format,
            ("flush.size", "7"),
            ("rotate.schedule.interval.ms", "15"),
            ("partitioner.class", "FieldPartitioner"),
            ("partition.field.name", "kind"),
            ("store.kafka.keys", "true"),
            ("store.kafka.headers", "true"),
        ]);
        run(async {
            let mut committed = 0;
            for life in 0..20i64 {
                let mut task = world.task(1).await;
                put(&mut task, &records(committed, committed + 5 + life * 7 % 30)).await;
                tokio::time::sleep(std::time::Duration::from_millis((life * 5 % 30) as u64)).await;
                if life % 4 == 0 {
                    committed = flush(&mut task).await.get(&0).copied().unwrap_or(0).max(committed);
                }
            }
            let mut task = world.task(1).await;
            put(&mut task, &records(committed, committed + 300)).await;
            flush_to(&mut task, 1, committed + 200).await;
            let found = stored(&world);
            let mut all: Vec<i64> = Vec::new();
            for (name, offsets) in found.iter().filter(|(name, _)| !name.contains("keys") && !name.contains("headers"))
            {
                let start = name.split_once('.').unwrap().0;
                assert_eq!(found[&format!("{start}.keys.avro")], *offsets, "{name}");
                assert_eq!(found[&format!("{start}.headers.avro")], *offsets, "{name}");
                all.extend(offsets);
            }
            all.sort_unstable();
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
            assert!((0..committed + 200).all(|offset| all.binary_search(&offset).is_ok()), "{all:?}");
        });
    }
}

#[test]
fn a_large_avro_file_is_sent_in_parts() {
    let world = World::new(&[AVRO, ("flush.size", "30"), ("rotate.idle.ms", "-1"), ("s3.part.size", "5242880")]);
    let Some(server) = world.server.own() else { return };
    let schema = schema(&[]);
    run(async {
        let mut task = world.task(1).await;
        server.take_counts();
        for offset in 0..30 {
            let values = vec![Value::Int64(offset), "x".repeat(400_000).into()];
            let value = Payload::structured(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)));
            put(&mut task, &[SinkRecord { value, ..record(0, offset, 0) }]).await;
        }
        flush_to(&mut task, 1, 30).await;
    });
    assert_eq!(server.take_counts().into_iter().collect::<Vec<_>>(), [("complete", 1), ("create", 1), ("part", 3)]);
    assert!(stored(&world).into_values().eq([(0..30).collect::<Vec<_>>()]));
}
