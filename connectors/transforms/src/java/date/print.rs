//! Times as text.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};

use super::pattern::{Part, Pattern};
use super::{DAY, DAYS, MONTHS, date_of, short};

impl Pattern {
    /// Writes a time in milliseconds since 1970. False, with nothing written, outside the years from -9999 to 9999.
    pub fn print(&self, millis: i64, out: &mut String) -> bool {
        let Some(time) = civil(millis) else { return false };
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(letter, width) => field(*letter, *width, time, out),
            }
        }
        true
    }
}

fn civil(millis: i64) -> Option<DateTime> {
    let time = Time::midnight() + SignedDuration::from_millis(millis.rem_euclid(DAY));
    Some(date_of(millis.div_euclid(DAY))?.to_datetime(time))
}

fn field(letter: char, width: usize, time: DateTime, out: &mut String) {
    let number = match letter {
        'M' | 'L' if width >= 3 => return name(&MONTHS, i64::from(time.month()), width, out),
        'E' => return name(&DAYS, weekday(time), width, out),
        'a' => return out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
        'z' => return out.push_str(if width < 4 { "UTC" } else { "Coordinated Universal Time" }),
        'Z' => return out.push_str("+0000"),
        'X' => return out.push('Z'),
        'y' if width == 2 => era_year(time).rem_euclid(100),
        'y' => era_year(time),
        'M' | 'L' => i64::from(time.month()),
        'd' => i64::from(time.day()),
        'D' => i64::from(time.date().day_of_year()),
        'u' => weekday(time),
        'H' => i64::from(time.hour()),
        'k' => clock(time.hour(), 24),
        'K' => i64::from(time.hour()) % 12,
        'h' => clock(time.hour(), 12),
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        _ => i64::from(time.millisecond()),
    };
    let _ = write!(out, "{number:0width$}");
}

/// A day from Monday, 1, to Sunday, 7.
fn weekday(time: DateTime) -> i64 {
    i64::from(time.date().weekday().to_monday_one_offset())
}

/// Years before the first count backwards in their own era.
fn era_year(time: DateTime) -> i64 {
    let year = i64::from(time.year());
    if year > 0 { year } else { 1 - year }
}

/// An hour on a clock that ends with `last` where others begin with 0.
fn clock(hour: i8, last: i64) -> i64 {
    match i64::from(hour) % last {
        0 => last,
        hour => hour,
    }
}

fn name(names: &[&str], number: i64, width: usize, out: &mut String) {
    let at = usize::try_from(number - 1).unwrap_or(0);
    let name = names.get(at).copied().unwrap_or("");
    out.push_str(if width < 4 { short(name) } else { name });
}

/// A day as ISO 8601 writes it; `days` are counted from 1970-01-01.
pub(crate) fn date_text(days: i64) -> Option<String> {
    let time = civil(days.checked_mul(DAY)?)?;
    Some(format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day()))
}

/// A time of day as ISO 8601 writes it, in UTC.
pub(crate) fn time_text(millis: i64) -> Option<String> {
    let time = civil(millis)?;
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    Some(format!("{hour:02}:{minute:02}:{second:02}.{:03}Z", time.millisecond()))
}

/// A moment as ISO 8601 writes it, in UTC; the day alone if it is the first moment of it, as Kafka Connect writes that.
pub(crate) fn timestamp_text(millis: i64) -> Option<String> {
    let day = date_text(millis.div_euclid(DAY))?;
    if millis % DAY == 0 { Some(day) } else { Some(format!("{day}T{}", time_text(millis)?)) }
}
