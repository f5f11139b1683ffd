use connector_api::config::RawConfig;

use super::*;
use crate::file::{Codec, Shape};

fn read(extra: &[(&str, &str)]) -> Result<Settings, String> {
    let mut raw = RawConfig::from([("s3.bucket.name".to_owned(), "bucket".to_owned())]);
    raw.extend(extra.iter().map(|(key, value)| (key.to_string(), value.to_string())));
    let config = definition().check(&raw).into_result().map_err(|issues| format!("{issues:?}"))?;
    settings(&config).map_err(|error| error.to_string())
}

#[test]
fn a_configuration_of_the_original_is_understood() {
    let settings = read(&[
        ("flush.size", "1000"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("partitioner.class", "io.confluent.connect.storage.partitioner.TimeBasedPartitioner"),
        ("path.format", "'year'=YYYY/'month'=MM"),
        ("partition.duration.ms", "60000"),
        ("timestamp.extractor", "Record"),
        ("locale", "en_US"),
        ("timezone", "Europe/Berlin"),
        ("s3.compression.type", "gzip"),
        ("rotate.interval.ms", "60000"),
        ("schema.compatibility", "NONE"),
        ("store.url", "http://localhost:9000"),
    ])
    .unwrap();
    assert_eq!(settings.outputs[0].ending, ".json.gz");
    assert_eq!((settings.rules.records, settings.rules.interval), (Some(1000), Some(60_000)));
    assert!(settings.needs_journal());
}

#[test]
fn cuts_that_depend_on_records_alone_need_no_journal() {
    assert!(read(&[]).unwrap().needs_journal(), "idle files end by the clock");
    assert!(!read(&[("rotate.idle.ms", "-1")]).unwrap().needs_journal());
    assert!(read(&[("rotate.idle.ms", "-1"), ("rotate.schedule.interval.ms", "5")]).unwrap().needs_journal());
    assert!(read(&[("rotate.idle.ms", "-1"), ("partitioner.class", "DailyPartitioner")]).unwrap().needs_journal());
    assert!(!read(&[("exactly.once", "false")]).unwrap().needs_journal());
    assert_eq!(read(&[]).unwrap().rules.bytes, BYTES);
}

#[test]
fn what_is_not_offered_is_refused_with_a_sentence() {
    for (extra, said) in [
        (&[("format.class", "CsvFormat")][..], "ParquetFormat"),
        (&[("schema.compatibility", "BACKWARD")], "begins a new file"),
        (&[("avro.codec", "bzip2")], "deflate"),
        (&[("parquet.codec", "brotli")], "zstd"),
        (&[("headers.format.class", "ByteArrayFormat")], "AvroFormat"),
        (&[("behavior.on.null.values", "write")], "set `ignore` or `fail`"),
        (&[("partitioner.class", "DailyPartitioner"), ("timestamp.extractor", "Wallclock")], "exactly.once"),
        (&[("partitioner.class", "FieldPartitioner")], "partition.field.name"),
        (
            &[
                ("partitioner.class", "FieldPartitioner"),
                ("partition.field.name", "a"),
                ("format.class", "ByteArrayFormat"),
            ],
            "ByteArrayFormat",
        ),
        (&[("aws.access.key.id", "a")], "Set both or none"),
        (&[("s3.compression.type", "gzip"), ("s3.compression.level", "12")], "from 0 to 9"),
        (&[("s3.part.size", "1000")], "from 5242880"),
        (&[("timezone", "Nowhere/Else")], "time zone"),
        (&[("locale", "de-DE")], "English"),
        (&[("rotate.schedule.interval.ms", "0")], "-1 for never"),
        (&[("s3.object.tagging.key.value.pairs", "a:1,b")], "colon"),
        (&[("s3.credentials.provider.sts.role.arn", "x")], "aws.profile"),
        (&[("path.format", "ww")], "not known"),
    ] {
        let error = read(extra).err().unwrap_or_else(|| panic!("{extra:?} passes"));
        assert!(error.contains(said), "{extra:?}: {error}");
    }
}

#[test]
fn the_clock_places_records_where_the_user_gives_exactly_once_up() {
    let settings = read(&[
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Wallclock"),
        ("exactly.once", "false"),
    ]);
    assert_eq!(settings.unwrap().time, TimeSource::WallClock);
}

#[test]
fn separators_may_be_written_with_backslashes() {
    let bytes = |separator| {
        let extra = [("format.class", "ByteArrayFormat"), ("format.bytearray.separator", separator)];
        read(&extra).unwrap().outputs[0].shape.clone()
    };
    let shape = |separator: &[u8]| Shape::Bytes(separator.to_vec(), Codec::None);
    assert_eq!(bytes("\\r\\n"), shape(b"\r\n"));
    assert_eq!(bytes("\\\\n"), shape(b"\\n"));
    assert_eq!(bytes(""), shape(b""));
    assert_eq!(read(&[("format.class", "ByteArrayFormat")]).unwrap().outputs[0].shape, shape(b"\n"));
}

#[test]
fn keys_and_headers_are_objects_beside_the_values() {
    let settings = read(&[
        ("format.class", "io.confluent.connect.s3.format.parquet.ParquetFormat"),
        ("parquet.codec", "gzip"),
        ("store.kafka.keys", "true"),
        ("keys.format.class", "ByteArrayFormat"),
        ("store.kafka.headers", "true"),
        ("s3.compression.type", "zstd"),
    ]);
    let endings: Vec<String> = settings.unwrap().outputs.iter().map(|output| output.ending.clone()).collect();
    assert_eq!(endings, [".gz.parquet", ".keys.bin.zst", ".headers.avro"]);
}

#[test]
fn tags_are_written_as_a_query() {
    let pairs = ("s3.object.tagging.key.value.pairs", "team:a b/c, startOffset:7");
    let tagging = read(&[("s3.object.tagging", "true"), pairs]).unwrap().access.tagging.unwrap();
    let tags = crate::store::Tags { start: 3, end: Some((9, 5)) };
    assert_eq!(tagging.header(tags), "startOffset=3&endOffset=9&recordCount=5&team=a%20b%2Fc");
    assert!(tagging.ignore_errors && read(&[pairs]).unwrap().access.tagging.is_none());
}
