use connector_api::config::RawConfig;

use super::*;

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
    assert_eq!(settings.names.extension, ".json.gz");
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
        (&[("format.class", "ParquetFormat")][..], "not offered yet"),
        (&[("format.class", "io.confluent.connect.s3.format.avro.AvroFormat")], "not offered yet"),
        (&[("store.kafka.keys", "true")], "keys are not stored"),
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
        (&[("s3.object.tagging", "true")], "no tags"),
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
        read(&extra).unwrap().shape
    };
    assert_eq!(bytes("\\r\\n"), Shape::Bytes(b"\r\n".to_vec()));
    assert_eq!(bytes("\\\\n"), Shape::Bytes(b"\\n".to_vec()));
    assert_eq!(bytes(""), Shape::Bytes(Vec::new()));
    assert_eq!(read(&[("format.class", "ByteArrayFormat")]).unwrap().shape, Shape::Bytes(b"\n".to_vec()));
}

#[test]
fn the_readme_lists_every_key() {
    let readme = include_str!("../../README.md");
    let table = definition().markdown();
    assert!(readme.contains(&table), "the table in README.md should be:\n\n{table}");
}
