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

fn time(format: &str, zone: &str, duration: i64, millis: i64) -> String {
    Pattern::new(format, TimeZone::get(zone).unwrap(), duration).unwrap().folder(millis).unwrap()
}

#[test]
fn folders_are_named_as_the_original_names_them() {
    assert_eq!(Partitioner::Default.folder(&record("1", None), 0).unwrap(), "partition=3");
    let mut fields = Partitioner::Field { fields: vec!["a".into(), "b.c".into()], delimiter: "/".into() };
    assert_eq!(fields.folder(&record(r#"{"b":{"c":5},"x":[1],"a":"n/o"}"#, None), 0).unwrap(), "a=n%2Fo/b.c=5");
    for wrong in ["{}", r#"{"a":null,"b":{"c":1}}"#, r#"{"a":{},"b":{"c":1}}"#, "5"] {
        assert!(fields.folder(&record(wrong, None), 0).is_err(), "{wrong}");
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
    let path = names.path("t", "partition=3");
    let key = names.key(&path, &TopicPartition::new("t", 3), 42, ".json");
    assert_eq!(key, "topics/t/partition=3/t+3+0000000042.json");
}

proptest! {
    #[test]
    fn no_value_makes_a_folder_of_its_own(value in ".*") {
        let json = serde_json::json!({ "f": value }).to_string();
        let mut fields = Partitioner::Field { fields: vec!["f".into()], delimiter: "/".into() };
        let folder = fields.folder(&record(&json, None), 0).unwrap();
        prop_assert!(!folder.contains('/') && folder.starts_with("f="));
    }

    #[test]
    fn different_values_have_different_folders(a in ".{0,4}", b in ".{0,4}") {
        let folder = |value: &str| {
            let json = serde_json::json!({ "f": value }).to_string();
            Partitioner::Field { fields: vec!["f".into()], delimiter: "/".into() }.folder(&record(&json, None), 0).unwrap()
        };
        prop_assert_eq!(folder(&a) == folder(&b), a == b);
    }

    #[test]
    fn any_time_of_an_hour_is_in_its_folder(hour in -400_000i64..4_000_000, within in 0i64..3_600_000) {
        let mut pattern = Pattern::new(HIVE_HOUR, TimeZone::UTC, 3_600_000).unwrap();
        let first = pattern.folder(hour * 3_600_000).unwrap();
        prop_assert_eq!(&pattern.folder(hour * 3_600_000 + within).unwrap(), &first);
        prop_assert_ne!(&pattern.folder((hour + 1) * 3_600_000).unwrap(), &first);
    }

    #[test]
    fn no_format_and_no_time_panics(format in ".{0,12}", millis in any::<i64>()) {
        if let Ok(mut pattern) = Pattern::new(&format, TimeZone::UTC, 1) {
            pattern.folder(millis);
        }
    }

    #[test]
    fn fields_are_those_that_a_whole_parse_finds(value in ".{0,8}", other in any::<i64>()) {
        let json = serde_json::json!({ "x": { "f": other }, "f": { "g": value }, "y": [1, { "f": 2 }] }).to_string();
        let found = field::find(json.as_bytes(), "f.g").unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(found).unwrap(), value);
        prop_assert!(field::find(json.as_bytes(), "f.h").is_none());
    }
}
