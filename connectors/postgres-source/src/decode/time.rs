//! Dates, times and moments in ISO form, as the server writes them under `DateStyle = ISO` and `TimeZone = UTC`.

use bytes::{BufMut, BytesMut};
use connector_api::data::{Text, Value};

use super::{Scratch, Unreadable};

/// How a date is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// Days since 1970-01-01.
    Days,
    /// ISO 8601 with a `Z`.
    Iso,
}

/// How a time of day is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Milliseconds since midnight, in 32 bits.
    Millis,
    /// Microseconds since midnight.
    Micros,
    /// Nanoseconds since midnight.
    Nanos,
    /// ISO 8601 with a `Z`.
    Iso,
}

/// How a date and time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampForm {
    /// Milliseconds since 1970-01-01.
    Millis,
    /// Microseconds since 1970-01-01.
    Micros,
    /// Nanoseconds since 1970-01-01.
    Nanos,
    /// ISO 8601 with a `Z`.
    Iso,
}

const NOT_A_DATE: Unreadable = Unreadable("it is not a date in ISO form");
const NOT_A_TIME: Unreadable = Unreadable("it is not a time in ISO form");
const OUT_OF_RANGE: Unreadable =
    Unreadable("it is out of the range that its precision can hold; set `time.precision.mode` to another value");

const DAY: i64 = 86_400_000_000;

/// What Debezium shows for infinity where milliseconds are shown.
const INFINITY_MILLIS: i64 = 9_223_372_036_825_200_000;
const MINUS_INFINITY_MILLIS: i64 = -9_223_372_036_832_400_000;
const INFINITY_ISO: &str = "+292278994-08-16T23:00:00Z";
const MINUS_INFINITY_ISO: &str = "-292275055-05-16T23:00:00Z";

impl DateForm {
    /// Reads a date. Infinity is the last day that 32 bits can count, minus infinity the first.
    pub fn decode(self, cell: &[u8], scratch: &mut Scratch) -> Result<Value, Unreadable> {
        match (self, cell) {
            (DateForm::Days, b"infinity") => Ok(Value::Int32(i32::MAX)),
            (DateForm::Days, b"-infinity") => Ok(Value::Int32(i32::MIN)),
            (DateForm::Iso, b"infinity") => Ok("+292278994-08-16Z".into()),
            (DateForm::Iso, b"-infinity") => Ok("-292275055-05-16Z".into()),
            _ => {
                let (digits, bc) = era(cell);
                let date = Date::read(digits, bc)?;
                match self {
                    DateForm::Days => i32::try_from(date.days()).map(Value::Int32).map_err(|_| OUT_OF_RANGE),
                    DateForm::Iso => scratch
                        .text(|out| {
                            date.write(out);
                            out.put_u8(b'Z');
                        })
                        .map(Value::String),
                }
            }
        }
    }
}

impl TimeForm {
    /// Reads a time of day. The end of the day, 24:00, is taken as it is.
    pub fn decode(self, cell: &[u8], scratch: &mut Scratch) -> Result<Value, Unreadable> {
        let micros = time_of_day(cell)?;
        match self {
            TimeForm::Millis => Ok(Value::Int32((micros / 1_000) as i32)),
            TimeForm::Micros => Ok(Value::Int64(micros)),
            TimeForm::Nanos => Ok(Value::Int64(micros * 1_000)),
            TimeForm::Iso => {
                let text = scratch.text(|out| {
                    out.put_slice(cell);
                    out.put_u8(b'Z');
                });
                text.map(Value::String)
            }
        }
    }
}

impl TimestampForm {
    /// Reads a date and time.
    pub fn decode(self, cell: &[u8], scratch: &mut Scratch) -> Result<Value, Unreadable> {
        match cell {
            b"infinity" => Ok(self.infinity(i64::MAX, INFINITY_MILLIS, INFINITY_ISO)),
            b"-infinity" => Ok(self.infinity(i64::MIN, MINUS_INFINITY_MILLIS, MINUS_INFINITY_ISO)),
            _ => self.finite(cell, scratch),
        }
    }

    fn infinity(self, fine: i64, millis: i64, iso: &'static str) -> Value {
        match self {
            TimestampForm::Millis => Value::Int64(millis),
            TimestampForm::Micros | TimestampForm::Nanos => Value::Int64(fine),
            TimestampForm::Iso => Value::String(Text::from_static(iso)),
        }
    }

    fn finite(self, cell: &[u8], scratch: &mut Scratch) -> Result<Value, Unreadable> {
        let (rest, bc) = era(cell);
        let (date, time) = parts(rest)?;
        let date = Date::read(date, bc)?;
        let micros = || {
            let day = date.days().checked_mul(DAY).ok_or(OUT_OF_RANGE)?;
            day.checked_add(time_of_day(time)?).ok_or(OUT_OF_RANGE)
        };
        match self {
            TimestampForm::Millis => Ok(Value::Int64(date.days() * (DAY / 1_000) + time_of_day(time)? / 1_000)),
            TimestampForm::Micros => Ok(Value::Int64(micros()?)),
            TimestampForm::Nanos => micros()?.checked_mul(1_000).map(Value::Int64).ok_or(OUT_OF_RANGE),
            TimestampForm::Iso => {
                time_of_day(time)?;
                let text = scratch.text(|out| {
                    date.write(out);
                    out.put_u8(b'T');
                    out.put_slice(time);
                    out.put_u8(b'Z');
                });
                text.map(Value::String)
            }
        }
    }
}

/// A moment in ISO 8601, with exactly that many digits behind the second. Infinity stays a word.
pub fn zoned_timestamp(cell: &[u8], digits: u32, scratch: &mut Scratch) -> Result<Text, Unreadable> {
    match cell {
        b"infinity" => return Ok(Text::from_static("infinity")),
        b"-infinity" => return Ok(Text::from_static("-infinity")),
        _ => {}
    }
    let (rest, bc) = era(cell);
    let (date, time) = parts(rest)?;
    let day = Date::read(date, bc)?;
    let time = time.strip_suffix(b"+00").ok_or(Unreadable("it is not a moment at UTC"))?;
    time_of_day(time)?;
    let (clock, fraction) = time.split_at(time.len().min(8));
    scratch.text(|out| {
        match day.year {
            1..=9_999 if !bc => out.put_slice(date),
            _ => day.write(out),
        }
        out.put_u8(b'T');
        out.put_slice(clock);
        put_fraction(fraction.strip_prefix(b".").unwrap_or_default(), digits as usize, out);
        out.put_u8(b'Z');
    })
}

fn put_fraction(fraction: &[u8], digits: usize, out: &mut BytesMut) {
    if digits > 0 {
        out.put_u8(b'.');
        out.put_slice(&fraction[..fraction.len().min(digits)]);
        out.put_bytes(b'0', digits.saturating_sub(fraction.len()));
    }
}

/// A time of day with its offset, moved to UTC.
pub fn zoned_time(cell: &[u8], scratch: &mut Scratch) -> Result<Text, Unreadable> {
    let sign = cell.iter().rposition(|byte| matches!(byte, b'+' | b'-')).ok_or(NOT_A_TIME)?;
    let (time, offset) = cell.split_at(sign);
    let micros = time_of_day(time)?;
    let ahead = offset_seconds(offset)? * 1_000_000;
    let utc = if ahead == 0 { micros } else { (micros - ahead).rem_euclid(DAY) };
    let second = utc / 1_000_000;
    scratch.text(|out| {
        let mut two = |number: i64, after: &[u8]| {
            out.put_u8(b'0' + (number / 10) as u8);
            out.put_u8(b'0' + (number % 10) as u8);
            out.put_slice(after);
        };
        two(second / 3_600, b":");
        two(second / 60 % 60, b":");
        two(second % 60, b"");
        put_shortest(utc % 1_000_000, out);
        out.put_u8(b'Z');
    })
}

/// A fraction of a second in microseconds, without zeros at the end.
fn put_shortest(micros: i64, out: &mut BytesMut) {
    if micros > 0 {
        let digits = format!("{micros:06}");
        out.put_u8(b'.');
        out.put_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// `+02`, `-05:30`, `+01:02:03`.
fn offset_seconds(offset: &[u8]) -> Result<i64, Unreadable> {
    let (sign, digits) = offset.split_first().ok_or(NOT_A_TIME)?;
    let mut seconds = 0;
    let mut unit = 3_600;
    for part in digits.split(|byte| *byte == b':') {
        seconds += small(part).filter(|_| part.len() == 2 && unit > 0).ok_or(NOT_A_TIME)? * unit;
        unit /= 60;
    }
    Ok(if *sign == b'-' { -seconds } else { seconds })
}

/// Takes ` BC` off.
fn era(cell: &[u8]) -> (&[u8], bool) {
    match cell.strip_suffix(b" BC") {
        Some(rest) => (rest, true),
        None => (cell, false),
    }
}

fn parts(cell: &[u8]) -> Result<(&[u8], &[u8]), Unreadable> {
    let space = cell.iter().position(|byte| *byte == b' ').ok_or(NOT_A_DATE)?;
    Ok((&cell[..space], &cell[space + 1..]))
}

/// Up to nine digits.
fn small(digits: &[u8]) -> Option<i64> {
    let fits = !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// `HH:MM:SS` with up to six digits more, in microseconds.
fn time_of_day(cell: &[u8]) -> Result<i64, Unreadable> {
    let (clock, fraction) = cell.split_at_checked(8).ok_or(NOT_A_TIME)?;
    let part = |at: usize| small(&clock[at..at + 2]).ok_or(NOT_A_TIME);
    if clock[2] != b':' || clock[5] != b':' {
        return Err(NOT_A_TIME);
    }
    let seconds = part(0)? * 3_600 + part(3)? * 60 + part(6)?;
    let micros = match fraction.strip_prefix(b".") {
        None if fraction.is_empty() => 0,
        Some(digits) if digits.len() <= 6 => small(digits).ok_or(NOT_A_TIME)? * 10_i64.pow(6 - digits.len() as u32),
        _ => return Err(NOT_A_TIME),
    };
    let total = seconds * 1_000_000 + micros;
    if total <= DAY { Ok(total) } else { Err(NOT_A_TIME) }
}

/// A day of the Gregorian calendar, extended to all years; the year before 1 is 0.
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn read(cell: &[u8], bc: bool) -> Result<Date, Unreadable> {
        let split = cell.len().checked_sub(6).filter(|at| (4..=7).contains(at)).ok_or(NOT_A_DATE)?;
        let (year, rest) = cell.split_at(split);
        if rest[0] != b'-' || rest[3] != b'-' {
            return Err(NOT_A_DATE);
        }
        let number = |digits| small(digits).ok_or(NOT_A_DATE);
        let (year, month, day) = (number(year)?, number(&rest[1..3])?, number(&rest[4..6])?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(NOT_A_DATE);
        }
        Ok(Date { year: if bc { 1 - year } else { year }, month, day })
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day comes last.
    fn days(&self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let month = (self.month + 9) % 12;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + (month * 153 + 2) / 5 + self.day - 1 - 719_468
    }

    /// ISO 8601: four digits, with a sign before year 0 and after year 9999.
    fn write(&self, out: &mut BytesMut) {
        let sign: &[u8] = match self.year {
            ..0 => b"-",
            10_000.. => b"+",
            _ => b"",
        };
        out.put_slice(sign);
        let mut number = itoa::Buffer::new();
        let digits = number.format(self.year.unsigned_abs());
        out.put_bytes(b'0', 4_usize.saturating_sub(digits.len()));
        out.put_slice(digits.as_bytes());
        for part in [self.month, self.day] {
            out.put_u8(b'-');
            out.put_u8(b'0' + (part / 10) as u8);
            out.put_u8(b'0' + (part % 10) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: Result<Text, Unreadable>) -> String {
        value.unwrap().to_string()
    }

    #[test]
    fn moments_are_iso_with_the_columns_digits() {
        let mut scratch = Scratch::default();
        let mut read = |cell: &str, digits| text(zoned_timestamp(cell.as_bytes(), digits, &mut scratch));
        assert_eq!(read("2024-02-29 10:34:56.789012+00", 6), "2024-02-29T10:34:56.789012Z");
        assert_eq!(read("2024-02-29 10:34:56.7+00", 3), "2024-02-29T10:34:56.700Z");
        assert_eq!(read("2020-01-01 00:00:01+00", 0), "2020-01-01T00:00:01Z");
        assert_eq!(read("0044-03-15 12:00:00+00 BC", 6), "-0043-03-15T12:00:00.000000Z");
        assert_eq!(read("0001-03-15 12:00:00+00 BC", 1), "0000-03-15T12:00:00.0Z");
        assert_eq!(read("12024-01-01 00:00:00+00", 6), "+12024-01-01T00:00:00.000000Z");
        assert_eq!(read("-infinity", 6), "-infinity");
        assert!(zoned_timestamp(b"2024-02-29 10:34:56+02", 6, &mut Scratch::default()).is_err());
    }

    #[test]
    fn times_with_a_zone_move_to_utc() {
        let mut scratch = Scratch::default();
        let mut read = |cell: &str| text(zoned_time(cell.as_bytes(), &mut scratch));
        assert_eq!(read("12:34:56.789012+02"), "10:34:56.789012Z");
        assert_eq!(read("12:34:56.789-05:30"), "18:04:56.789Z");
        assert_eq!(read("24:00:00+00"), "24:00:00Z");
        assert_eq!(read("00:00:00+15:59"), "08:01:00Z");
        assert_eq!(read("01:02:03+02"), "23:02:03Z");
        assert_eq!(read("00:00:00.1+00"), "00:00:00.1Z");
    }

    #[test]
    fn timestamps_are_counted_from_1970_in_every_form() {
        let mut scratch = Scratch::default();
        let mut read = |form: TimestampForm, cell: &str| form.decode(cell.as_bytes(), &mut scratch);
        use TimestampForm::*;
        assert_eq!(read(Micros, "2024-02-29 12:34:56.789012"), Ok(Value::Int64(1_709_210_096_789_012)));
        assert_eq!(read(Millis, "2024-02-29 12:34:56.789"), Ok(Value::Int64(1_709_210_096_789)));
        assert_eq!(read(Millis, "1969-12-31 23:59:59"), Ok(Value::Int64(-1000)));
        assert_eq!(read(Millis, "1600-01-01 00:00:00.000001"), Ok(Value::Int64(-11_676_096_000_000)));
        assert_eq!(read(Micros, "0044-03-15 12:00:00 BC"), Ok(Value::Int64(-63_517_780_800_000_000)));
        assert_eq!(read(Millis, "290000-01-01 00:00:00"), Ok(Value::Int64(9_089_348_860_800_000)));
        assert_eq!(read(Nanos, "9999-12-31 23:59:59"), Err(OUT_OF_RANGE));
        assert_eq!(read(Iso, "2024-02-29 12:34:56.1"), Ok("2024-02-29T12:34:56.1Z".into()));
        assert_eq!(read(Micros, "infinity"), Ok(Value::Int64(i64::MAX)));
        assert_eq!(read(Millis, "-infinity"), Ok(Value::Int64(MINUS_INFINITY_MILLIS)));
    }

    #[test]
    fn dates_are_days() {
        let mut scratch = Scratch::default();
        let mut read = |cell: &str| DateForm::Days.decode(cell.as_bytes(), &mut scratch);
        assert_eq!(read("2024-02-29"), Ok(Value::Int32(19782)));
        assert_eq!(read("0044-03-15 BC"), Ok(Value::Int32(-735_160)));
        assert_eq!(read("12024-01-01"), Ok(Value::Int32(3_672_148)));
        assert_eq!(read("infinity"), Ok(Value::Int32(i32::MAX)));
        assert_eq!(DateForm::Iso.decode(b"2024-02-29", &mut scratch), Ok("2024-02-29Z".into()));
    }

    #[test]
    fn times_of_day_end_at_midnight() {
        let mut scratch = Scratch::default();
        assert_eq!(TimeForm::Millis.decode(b"12:34:56.789", &mut scratch), Ok(Value::Int32(45_296_789)));
        assert_eq!(TimeForm::Micros.decode(b"24:00:00", &mut scratch), Ok(Value::Int64(DAY)));
        assert_eq!(TimeForm::Iso.decode(b"12:34:56.7", &mut scratch), Ok("12:34:56.7Z".into()));
        assert_eq!(TimeForm::Micros.decode(b"24:00:01", &mut scratch), Err(NOT_A_TIME));
    }

    proptest! {
        #[test]
        fn every_day_follows_the_one_before(days in -2_000_000i64..2_000_000) {
            // The reverse of `Date::days`, counted the slow way from a known day.
            let (mut year, mut left) = (1970, days);
            let length = |year: i64| if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 };
            while left < 0 { year -= 1; left += length(year); }
            while left >= length(year) { left -= length(year); year += 1; }
            let february = length(year) - 337;
            let mut month = 1;
            for size in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                if left < size { break }
                left -= size;
                month += 1;
            }
            prop_assert_eq!(Date { year, month, day: left + 1 }.days(), days);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut scratch = Scratch::default();
            let _ = TimestampForm::Nanos.decode(&bytes, &mut scratch);
            let _ = zoned_timestamp(&bytes, 6, &mut scratch);
            let _ = zoned_time(&bytes, &mut scratch);
            let _ = DateForm::Days.decode(&bytes, &mut scratch);
        }

        #[test]
        fn digits_in_the_shape_of_a_moment_do_no_harm(cell in "[0-9]{4,7}-[0-9]{2}-[0-9]{2} \
            [0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,7})?([+-][0-9]{2})?( BC)?") {
            let mut scratch = Scratch::default();
            for form in [TimestampForm::Millis, TimestampForm::Micros, TimestampForm::Nanos, TimestampForm::Iso] {
                let _ = form.decode(cell.as_bytes(), &mut scratch);
            }
            let _ = zoned_timestamp(cell.as_bytes(), 3, &mut scratch);
        }
    }
}
