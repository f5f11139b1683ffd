//! Times in fields.

use connector_api::{Error, Result, SinkRecord};

use super::field::field_of;

/// Milliseconds since 1970 from a field: a number of milliseconds, or text after ISO 8601 (a day alone, or without a
/// zone, counts as UTC).
pub(super) fn from_field(record: &SinkRecord, field: &str) -> Result<i64> {
    let found = field_of(record, field)?;
    parse(found.as_deref().unwrap_or("null")).ok_or_else(|| {
        Error::reject(format!("the field `{field}` of the value holds no time"))
            .remedy("Times are milliseconds since 1970 or ISO 8601. Correct `timestamp.field` or the data.")
    })
}

fn parse(json: &str) -> Option<i64> {
    if let Ok(millis) = json.parse::<i64>() {
        return Some(millis);
    }
    let text: String = serde_json::from_str(json).ok()?;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_numbers_or_iso_8601() {
        assert_eq!(parse("1700000000123"), Some(1_700_000_000_123));
        assert_eq!(parse("\"2023-11-14T22:13:20.123Z\""), Some(1_700_000_000_123));
        assert_eq!(parse("\"2023-11-14T23:13:20.123+01:00\""), Some(1_700_000_000_123));
        assert_eq!(parse("\"2023-11-14\""), Some(1_699_920_000_000));
        for wrong in ["null", "1.5", "\"yesterday\"", "{}", ""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
