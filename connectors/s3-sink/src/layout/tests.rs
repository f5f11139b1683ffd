use connector_api::data::Payload;
use connector_api::{TimestampType, TopicPartition};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn record(json: &str, timestamp: Option<i64>) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 3),
        offset: 7,
        key: Payload::Null,
        value: Payload::Json(json.to_owned().into()),
        headers: Vec::new(),
        timestamp,
        timestamp_type: TimestampType::CreateTime,
    }
}

fn folder(partitioner: &mut Partitioner, record: &SinkRecord) -> Result<String> {
    let mut path = String::new();
    partitioner.write_folder(record, 0, &mut path).map(|()| path)
}

fn time(format: &str, zone: &str, duration: i64, millis: i64) -> String {
    Pattern::new(format, TimeZone::get(zone).unwrap(), duration).unwrap().folder(millis).unwrap().to_owned()
}

#[test]
fn folders_are_named_as_the_original_names_them() {
    assert_eq!(folder(&mut Partitioner::Default, &record("1", None)).unwrap(), "partition=3");
    let mut fields = Partitioner::Field { fields: vec!["a".into(), "b.c".into()], delimiter: "/".into() };
    assert_eq!(folder(&mut fields, &record(r#"{"b":{"c":5},"x":[1],"a":"n/o"}"#, None)).unwrap(), "a=n%2Fo/b.c=5");
    for wrong in ["{}", r#"{"a":null,"b":{"c":1}}"#, r#"{"a":{},"b":{"c":1}}"#, "5"] {
        assert!(folder(&mut fields, &record(wrong, None)).is_err(), "{wrong}");
    }
}

#[test]
fn times_are_printed_in_their_zone_and_cut_down_to_durations() {
    let at = 1_700_000_000_123; // 2023-11-14 22:13:20.123 UTC
    assert_eq!(time(HIVE_HOUR, "UTC", 3_600_000, at), "year=2023/month=11/day=14/hour=22");
    assert_eq!(time(HIVE_HOUR, "Asia/Kolkata", 3_600_000, at), "year=2023/month=11/day=15/hour=03");
    assert_eq!(time("YYYYMMdd-HHmmss.SSS", "UTC", 1, at), "20231114-221320.123");
    assert_eq!(time("mm", "UTC", 600_000, at), "10");
    assert_eq!(time("MMM MMMM D yy 'o''clock'''", "UTC", 1, at), "Nov November 318 23 o'clock'");
    for wrong in ["", "'open", "ww", "YYYY/QQ", "xxxx"] {
        assert!(Pattern::check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn names_carry_the_start_offset() {
    let names = Names { root: "topics/".into(), directory_delimiter: "/".into(), file_delimiter: "+".into(), pad: 10 };
    let (mut place, mut at) = (Place::default(), record("1", None));
    let mut path = |record: &SinkRecord| place.of(record, 0, &mut Partitioner::Default, &names).unwrap().to_owned();
    let path = [
        path(&at),
        path(&at),
        {
            at.origin.partition = 4;
            path(&at)
        },
        {
            at.topic = "u".into();
            path(&at)
        },
    ];
    assert_eq!(path, ["topics/t/partition=3", "topics/t/partition=3", "topics/t/partition=4", "topics/u/partition=4"]);
    let key = names.key(&path[0], &TopicPartition::new("t", 3), 42, ".json");
    assert_eq!(key, "topics/t/partition=3/t+3+0000000042.json");
}

proptest! {
    #[test]
    fn no_value_makes_a_folder_of_its_own(value in ".*") {
        let json = serde_json::json!({ "f": value }).to_string();
        let mut fields = Partitioner::Field { fields: vec!["f".into()], delimiter: "/".into() };
        let folder = folder(&mut fields, &record(&json, None)).unwrap();
        prop_assert!(!folder.contains('/') && folder.starts_with("f="));
    }

    #[test]
    fn different_values_have_different_folders(a in ".{0,4}", b in ".{0,4}") {
        let mut fields = Partitioner::Field { fields: vec!["f".into()], delimiter: "/".into() };
        let mut folder_of = |value: &str| {
            let json = serde_json::json!({ "f": value }).to_string();
            folder(&mut fields, &record(&json, None)).unwrap()
        };
        prop_assert_eq!(folder_of(&a) == folder_of(&b), a == b);
    }

    #[test]
    fn any_time_of_an_hour_is_in_its_folder(hour in -400_000i64..4_000_000, within in 0i64..3_600_000) {
        let mut pattern = Pattern::new(HIVE_HOUR, TimeZone::UTC, 3_600_000).unwrap();
        let first = pattern.folder(hour * 3_600_000).unwrap().to_owned();
        prop_assert_eq!(pattern.folder(hour * 3_600_000 + within).unwrap(), &first);
        prop_assert_ne!(pattern.folder((hour + 1) * 3_600_000).unwrap(), &first);
    }

    #[test]
    fn no_format_and_no_time_panics(format in ".{0,12}", millis in any::<i64>()) {
        if let Ok(mut pattern) = Pattern::new(&format, TimeZone::UTC, 1) {
            pattern.folder(millis);
        }
    }
}
