//! Java's `SimpleDateFormat` in UTC and English: patterns, printing, lenient reading.
//!
//! Beside the s3-sink's `path.format`, which is Joda's and prints folders, the letters mean other things here (`S` counts
//! milliseconds, `Y` is the year of weeks) and texts are read as well.

mod parse;
mod pattern;
mod print;

use jiff::Span;
use jiff::civil::Date;

pub(crate) use parse::Century;
pub(crate) use pattern::Pattern;
pub(crate) use print::{date_text, time_text, timestamp_text};

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The day that lies so many days after 1970-01-01; `None` outside the years from -9999 to 9999.
fn date_of(days: i64) -> Option<Date> {
    let days = Span::new().try_days(days).ok()?;
    EPOCH.checked_add(days).ok()
}

/// The other way round.
fn days_of(date: Date) -> i64 {
    EPOCH.until(date).map_or(0, |days| i64::from(days.get_days()))
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The first three letters of a name.
fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

#[cfg(test)]
mod tests;
