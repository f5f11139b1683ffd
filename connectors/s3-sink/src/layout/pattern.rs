//! `path.format`: the part of Joda's formats that folders are made of.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What Hive expects of hours.
pub(crate) const HIVE_HOUR: &str = "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH";
/// What Hive expects of days.
pub(crate) const HIVE_DAY: &str = "'year'=YYYY/'month'=MM/'day'=dd";

/// A time format with its zone and the duration to which times are cut down.
#[derive(Debug)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    zone: TimeZone,
    duration: i64,
    /// The folder made last and the time that it stands for: most records belong where the one before did.
    last: Option<(i64, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A letter and how often it stands there.
    Number(char, usize),
}

impl Pattern {
    /// Reads a format. `duration` is in milliseconds and above zero. The error completes "`path.format` is wrong: ...".
    pub fn new(format: &str, zone: TimeZone, duration: i64) -> Result<Pattern, String> {
        Ok(Pattern { parts: parse(format)?, zone, duration: duration.max(1), last: None })
    }

    /// Whether that format can be read.
    pub fn check(format: &str) -> Result<(), String> {
        parse(format).map(|_| ())
    }

    /// The folder of a time in milliseconds since 1970; `None` far out of the calendar.
    pub fn folder(&mut self, millis: i64) -> Option<&str> {
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        let local = millis.checked_add(i64::from(self.zone.to_offset(instant).seconds()) * 1000)?;
        let whole = local.div_euclid(self.duration).checked_mul(self.duration)?;
        if self.last.as_ref().is_none_or(|(time, _)| *time != whole) {
            let utc = jiff::Timestamp::from_millisecond(whole).ok()?;
            let time = jiff::tz::Offset::UTC.to_datetime(utc);
            self.last = Some((whole, self.parts.iter().map(|part| part.print(time)).collect()));
        }
        self.last.as_ref().map(|(_, folder)| folder.as_str())
    }
}

impl Part {
    fn print(&self, time: DateTime) -> String {
        let (letter, width) = match self {
            Part::Text(text) => return text.clone(),
            Part::Number(letter, width) => (*letter, *width),
        };
        let number = match letter {
            'y' | 'Y' if width == 2 => i64::from(time.year()).rem_euclid(100),
            'y' | 'Y' => i64::from(time.year()),
            'M' if width >= 3 => {
                return MONTHS[usize::from(time.month().unsigned_abs()) - 1].chars().take(short(width)).collect();
            }
            'M' => i64::from(time.month()),
            'd' => i64::from(time.day()),
            'D' => i64::from(time.date().day_of_year()),
            'H' => i64::from(time.hour()),
            'm' => i64::from(time.minute()),
            's' => i64::from(time.second()),
            _ => return fraction(time.millisecond(), width),
        };
        format!("{number:0width$}")
    }
}

/// Names of three letters or whole.
fn short(width: usize) -> usize {
    if width == 3 { 3 } else { usize::MAX }
}

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

fn fraction(millis: i16, width: usize) -> String {
    let digits = format!("{millis:03}");
    digits.chars().chain(std::iter::repeat('0')).take(width).collect()
}

fn parse(format: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (text, after) = quoted(&rest[1..])?;
            parts.push(Part::Text(text));
            rest = after;
            continue;
        }
        let end = rest.find(|other| other != first).unwrap_or(rest.len());
        parts.push(part(first, &rest[..end])?);
        rest = &rest[end..];
    }
    if parts.is_empty() { Err("it must not be empty".to_owned()) } else { Ok(parts) }
}

/// Text up to the closing quote; two quotes are one.
fn quoted(rest: &str) -> Result<(String, &str), String> {
    if let Some(after) = rest.strip_prefix('\'') {
        return Ok(("'".to_owned(), after));
    }
    let mut text = String::new();
    let mut rest = rest;
    loop {
        let end = rest.find('\'').ok_or("a quote is not closed")?;
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                text.push('\'');
                rest = after;
            }
            None => return Ok((text, rest)),
        }
    }
}

fn part(letter: char, run: &str) -> Result<Part, String> {
    match letter {
        'y' | 'Y' | 'M' | 'd' | 'D' | 'H' | 'm' | 's' | 'S' if run.len() <= 9 => Ok(Part::Number(letter, run.len())),
        letter if letter.is_ascii_alphabetic() => {
            Err(format!("`{run}` is not known; use y, M, d, D, H, m, s, S, and quotes (') around text"))
        }
        _ => Ok(Part::Text(run.to_owned())),
    }
}
