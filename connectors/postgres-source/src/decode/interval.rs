//! Spans of time, as the server writes them under `IntervalStyle = iso_8601`.

use bytes::BufMut;
use connector_api::data::Text;

use super::{Scratch, Unreadable};

const MALFORMED: Unreadable = Unreadable("it is not an interval in ISO 8601");

/// A mean month of 365.25 / 12 days, in microseconds, as Debezium counts it.
const MONTH: i64 = 2_629_800_000_000;
const DAY: i64 = 86_400_000_000;

/// The parts as written: years, months, days, hours, minutes, seconds.
type Parts<'a> = [&'a str; 6];

/// Microseconds, at most what 64 bits hold.
pub fn micros(cell: &[u8]) -> Result<i64, Unreadable> {
    let [years, months, days, hours, minutes, seconds] = parts(cell)?;
    let whole = |part: &str| part.parse::<i64>().map_err(|_| MALFORMED);
    let sum = [
        (whole(years)?, 12 * MONTH),
        (whole(months)?, MONTH),
        (whole(days)?, DAY),
        (whole(hours)?, 3_600_000_000),
        (whole(minutes)?, 60_000_000),
        (second_micros(seconds)?, 1),
    ];
    let total = sum.iter().map(|(count, unit)| i128::from(*count) * i128::from(*unit)).sum::<i128>();
    Ok(total.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// ISO 8601 with all parts, such as `P0Y0M1DT0H0M0S`.
pub fn text(cell: &[u8], scratch: &mut Scratch) -> Result<Text, Unreadable> {
    let parts = parts(cell)?;
    scratch.text(|out| {
        out.put_u8(b'P');
        for (part, letter) in parts.iter().zip(*b"YMDHMS") {
            if letter == b'H' {
                out.put_u8(b'T');
            }
            out.put_slice(part.as_bytes());
            out.put_u8(letter);
        }
    })
}

fn second_micros(text: &str) -> Result<i64, Unreadable> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| MALFORMED)?;
    if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MALFORMED);
    }
    let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| MALFORMED)?;
    let micros = if whole.starts_with('-') { -micros } else { micros };
    seconds.checked_mul(1_000_000).and_then(|all| all.checked_add(micros)).ok_or(MALFORMED)
}

fn parts(cell: &[u8]) -> Result<Parts<'_>, Unreadable> {
    let text = std::str::from_utf8(cell).ok().and_then(|text| text.strip_prefix('P')).ok_or(MALFORMED)?;
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let mut parts = ["0"; 6];
    take(date, "YMD", &mut parts[..3])?;
    take(time, "HMS", &mut parts[3..])?;
    Ok(parts)
}

/// Puts each number before its letter into its place.
fn take<'a>(mut text: &'a str, letters: &str, places: &mut [&'a str]) -> Result<(), Unreadable> {
    while !text.is_empty() {
        let at = text.find(|letter: char| letter.is_ascii_uppercase()).ok_or(MALFORMED)?;
        let place = letters.find(&text[at..at + 1]).ok_or(MALFORMED)?;
        if !text[..at].bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')) || at == 0 {
            return Err(MALFORMED);
        }
        places[place] = &text[..at];
        text = &text[at + 1..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_counted_as_debezium_counts_them() {
        assert_eq!(micros(b"P1Y2M3DT4H5M6.789S"), Ok(37_091_106_789_000));
        assert_eq!(micros(b"P-1Y-2M3DT-4H-5M-6.789S"), Ok(-36_572_706_789_000));
        assert_eq!(micros(b"PT-0.001S"), Ok(-1000));
        assert_eq!(micros(b"PT0S"), Ok(0));
        assert_eq!(micros(b"P178000000Y"), Ok(i64::MAX));
    }

    #[test]
    fn spans_show_all_their_parts() {
        let mut scratch = Scratch::default();
        let mut read = |cell: &str| text(cell.as_bytes(), &mut scratch).map(|text| text.to_string());
        assert_eq!(read("P1D"), Ok("P0Y0M1DT0H0M0S".into()));
        assert_eq!(read("PT0.000001S"), Ok("P0Y0M0DT0H0M0.000001S".into()));
        assert_eq!(read("1 day"), Err(MALFORMED));
        assert_eq!(read("PD"), Err(MALFORMED));
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_no_harm(text in "P?[0-9YMDTHS.é-]{0,30}") {
            let _ = micros(text.as_bytes());
        }
    }
}
