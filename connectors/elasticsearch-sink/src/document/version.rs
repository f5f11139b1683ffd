//! A document's version.

use connector_api::data::Payload;
use connector_api::data::json_field;
use connector_api::{Error, Result, SinkRecord};

/// The version that a header holds: a whole number from 0, as a number or as text.
pub fn from_header(record: &SinkRecord, name: &str) -> Result<i64> {
    const REMEDY: &str = "Correct the producer, take `external.version.header` out to use offsets, or set \
                          `drop.invalid.message` to true.";
    let Some(header) = record.headers.iter().rev().find(|header| &*header.name == name) else {
        return Err(
            Error::reject(format!("the record has no header `{name}`, which is to be its version")).remedy(REMEDY)
        );
    };
    number(&header.value).filter(|version| *version >= 0).ok_or_else(|| {
        Error::reject(format!("the record's header `{name}` is not a whole number from 0")).remedy(REMEDY)
    })
}

fn number(value: &Payload) -> Option<i64> {
    match value {
        Payload::Null => None,
        Payload::Bytes(bytes) | Payload::Json(bytes) => {
            let text = std::str::from_utf8(bytes).ok()?.trim();
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse().ok()
        }
        Payload::Structured { value, .. } => value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()),
    }
}

/// The version that a field of the document holds.
pub fn from_field(json: &[u8], path: &str) -> Result<i64> {
    let found = json_field::find(json, path).and_then(json_field::plain);
    found.and_then(|text| parse(&text)).filter(|version| *version >= 0).ok_or_else(|| {
        Error::reject(format!(
            "the document's field `{path}`, which is to be its version, holds no whole number from 0, no time, and no log \
             sequence number"
        ))
        .remedy("Correct `version.field` or the data, or set `drop.invalid.message` to true.")
    })
}

/// A whole number; a time after ISO 8601, as microseconds since 1970 (a day alone, or without a zone, counts as UTC); or a log
/// sequence number as Postgres writes it, two hexadecimal halves with a slash between them.
fn parse(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let Some((high, low)) = text.split_once('/') {
        let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
        return i64::try_from(u64::from(high) << 32 | u64::from(low)).ok();
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_microsecond());
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(local).ok().map(|instant| instant.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_times_and_sequence_numbers_are_versions() {
        for (text, version) in [
            ("17", 17),
            ("16/B374D848", 0x16_B374_D848),
            ("2023-11-14T22:13:20.123456Z", 1_700_000_000_123_456),
            ("2023-11-14T23:13:20.123456+01:00", 1_700_000_000_123_456),
            ("2023-11-14T22:13:20", 1_700_000_000_000_000),
            ("2023-11-14 22:13:20", 1_700_000_000_000_000),
            ("2023-11-14", 1_699_920_000_000_000),
        ] {
            assert_eq!(parse(text), Some(version), "{text}");
        }
        for text in ["", "1.5", "yesterday", "x/y", "1/2/3", "FFFFFFFF/0"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for json in [&b"{}"[..], b"{\"v\":null}", b"{\"v\":-1}", b"{\"v\":{}}", b"{\"v\":1.5}"] {
            assert!(from_field(json, "v").unwrap_err().to_string().contains("`v`"));
        }
        assert_eq!(from_field(b"{\"s\":{\"lsn\":\"0/10\"}}", "s.lsn").unwrap(), 16);
    }

    proptest! {
        #[test]
        fn later_sequence_numbers_are_higher_versions(a in 0u64..1 << 62, b in 0u64..1 << 62) {
            let lsn = |number: u64| parse(&format!("{:X}/{:X}", number >> 32, number & 0xFFFF_FFFF)).unwrap();
            prop_assert_eq!(a.cmp(&b), lsn(a).cmp(&lsn(b)));
        }

        #[test]
        fn later_times_are_higher_versions(a in 0i64..4_000_000_000_000_000, b in 0i64..4_000_000_000_000_000) {
            let time = |micros| parse(&jiff::Timestamp::from_microsecond(micros).unwrap().to_string()).unwrap();
            prop_assert_eq!((time(a), time(b)), (a, b));
        }
    }
}
