//! Texts as times, as leniently as Java: numbers beyond their range run over into the next unit, and what follows the pattern in
//! the text does not count.

use jiff::ToSpan;
use jiff::civil::Date;

use super::pattern::{Part, Pattern};
use super::{DAY, DAYS, MONTHS, date_of, days_of, short};

/// The hundred years that two digits of a year are taken from: they begin 80 years before the pattern was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Century {
    begin: i64,
    year: i64,
}

impl Century {
    /// That of a pattern made at this moment, in milliseconds since 1970.
    pub fn at(now: i64) -> Century {
        let today = date_of(now.div_euclid(DAY)).unwrap_or_default();
        let begin = today.checked_sub(80.years()).unwrap_or(today);
        Century { begin: days_of(begin) * DAY + now.rem_euclid(DAY), year: i64::from(begin.year()) }
    }

    /// The year that two digits mean, and whether it is the one in which the hundred years begin and end.
    fn year(self, digits: i64) -> (i64, bool) {
        let first = self.year.rem_euclid(100);
        let year = self.year - first + digits + if digits < first { 100 } else { 0 };
        (year, digits == first)
    }
}

/// What has been read so far. Zero, or the first, is what a text does not say.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    border_year: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    half_hour: Option<i64>,
    afternoon: bool,
    minute: i64,
    second: i64,
    milli: i64,
    offset: i64,
}

/// The longest number that is read, in digits: every one of them fits 64 bits.
const MAX_DIGITS: usize = 18;

impl Pattern {
    /// Reads a text as milliseconds since 1970. `None` if it does not follow the pattern or names no moment of the calendar.
    pub fn parse(&self, text: &str, century: Century) -> Option<i64> {
        let mut found = Found::default();
        let mut rest = text;
        for (at, part) in self.parts.iter().enumerate() {
            rest = match part {
                Part::Text(text) => rest.strip_prefix(text.as_str())?,
                Part::Field(letter, width) => {
                    // Numbers without anything between them are told apart by their widths.
                    let joined = matches!(self.parts.get(at + 1), Some(next) if is_number(next));
                    let digits = if joined { Some(*width) } else { None };
                    field(*letter, *width, digits, rest.trim_start_matches([' ', '\t']), century, &mut found)?
                }
            };
        }
        found.millis(century)
    }
}

fn is_number(part: &Part) -> bool {
    match part {
        Part::Text(_) => false,
        Part::Field('M' | 'L', width) => *width <= 2,
        Part::Field(letter, _) => "ydDuHkKhmsS".contains(*letter),
    }
}

/// Reads a field; what follows it.
fn field<'t>(
    letter: char,
    width: usize,
    digits: Option<usize>,
    text: &'t str,
    century: Century,
    found: &mut Found,
) -> Option<&'t str> {
    match letter {
        'M' | 'L' if width >= 3 => {
            let (month, rest) = named(&MONTHS, text)?;
            found.month = Some(month);
            return Some(rest);
        }
        'E' => return named(&DAYS, text).map(|(_, rest)| rest),
        'a' => {
            let (half, rest) = named(&["AM", "PM"], text)?;
            found.afternoon = half == 2;
            return Some(rest);
        }
        'z' | 'Z' => {
            let (offset, rest) = zone(text)?;
            found.offset = offset;
            return Some(rest);
        }
        'X' => {
            let (offset, rest) = iso_zone(text, width)?;
            found.offset = offset;
            return Some(rest);
        }
        _ => {}
    }
    let (number, length, rest) = number(text, digits)?;
    match letter {
        'y' if width <= 2 && length == 2 && number >= 0 => {
            let (year, border) = century.year(number);
            (found.year, found.border_year) = (Some(year), border);
        }
        'y' => found.year = Some(number),
        'M' | 'L' => found.month = Some(number),
        'd' => (found.day, found.day_of_year) = (Some(number), None),
        'D' => (found.day_of_year, found.day) = (Some(number), None),
        'H' => (found.hour, found.half_hour) = (number, None),
        'k' => (found.hour, found.half_hour) = (if number == 24 { 0 } else { number }, None),
        'K' => found.half_hour = Some(number),
        'h' => found.half_hour = Some(if number == 12 { 0 } else { number }),
        'm' => found.minute = number,
        's' => found.second = number,
        'S' => found.milli = number,
        _ => {}
    }
    Some(rest)
}

/// A number with a sign, at most that many characters of it; how many there were, and what follows.
fn number(text: &str, limit: Option<usize>) -> Option<(i64, usize, &str)> {
    let within = match limit {
        Some(limit) => text.get(..limit)?,
        None => text,
    };
    let unsigned = within.strip_prefix('-').unwrap_or(within);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let length = within.len() - unsigned.len() + digits;
    let number = text.get(..length)?;
    let rest = text.get(length..)?;
    ((1..=MAX_DIGITS).contains(&digits)).then_some(())?;
    Some((number.parse().ok()?, length, rest))
}

/// A name, whole or short, in any case; its place counted from 1, and what follows.
fn named<'t>(names: &[&str], text: &'t str) -> Option<(i64, &'t str)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    let find = |form: fn(&str) -> &str| {
        let found = names.iter().position(|name| starts(form(name)))?;
        Some((found as i64 + 1, text.get(form(names.get(found)?).len()..)?))
    };
    find(|name| name).or_else(|| find(short))
}

/// A zone by its name, or by its distance from Greenwich, in milliseconds.
fn zone(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix("GMT") {
        let colon = |rest| {
            signed(rest, |text| {
                let (hours, _, rest) = number(text, None)?;
                let (minutes, length, rest) = number(rest.strip_prefix(':')?, None)?;
                (length == 2).then_some((hours, minutes, rest))
            })
        };
        return colon(rest).or(Some((0, rest)));
    }
    let named = ["UTC", "UT", "Z", "Coordinated Universal Time"].iter().find_map(|name| text.strip_prefix(name));
    named.map(|rest| (0, rest)).or_else(|| signed(text, |text| hours_and_minutes(text, "")))
}

/// A zone as ISO 8601 writes it: `Z`, or hours (`X`), with minutes (`XX`), with a colon between (`XXX`).
fn iso_zone(text: &str, width: usize) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    signed(text, |text| match width {
        1 => number(text, Some(2)).map(|(hours, _, rest)| (hours, 0, rest)),
        2 => hours_and_minutes(text, ""),
        _ => hours_and_minutes(text, ":"),
    })
}

fn hours_and_minutes<'t>(text: &'t str, between: &str) -> Option<(i64, i64, &'t str)> {
    let (hours, _, rest) = number(text, Some(2))?;
    let (minutes, _, rest) = number(rest.strip_prefix(between)?, Some(2))?;
    Some((hours, minutes, rest))
}

fn signed<'t>(text: &'t str, read: impl Fn(&'t str) -> Option<(i64, i64, &'t str)>) -> Option<(i64, &'t str)> {
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes, rest) = read(text.get(1..)?)?;
    let fits = (0..=23).contains(&hours) && (0..=59).contains(&minutes);
    fits.then_some((sign * (hours * 60 + minutes) * 60_000, rest))
}

impl Found {
    fn millis(&self, century: Century) -> Option<i64> {
        let millis = self.in_year(self.year.unwrap_or(1970))?;
        match self.year {
            Some(year) if self.border_year && millis < century.begin => self.in_year(year + 100),
            _ => Some(millis),
        }
    }

    fn in_year(&self, year: i64) -> Option<i64> {
        let month = if self.day_of_year.is_some() { 1 } else { self.month.unwrap_or(1) };
        let months = year.checked_mul(12)?.checked_add(month.checked_sub(1)?)?;
        let first = Date::new(months.div_euclid(12).try_into().ok()?, (months.rem_euclid(12) + 1).try_into().ok()?, 1);
        let first = days_of(first.ok()?) * DAY;
        let day = self.day_of_year.or(self.day).unwrap_or(1);
        let hour = match self.half_hour {
            Some(hour) => i128::from(hour) + if self.afternoon { 12 } else { 0 },
            None => i128::from(self.hour),
        };
        let millis = i128::from(first)
            + (i128::from(day) - 1) * i128::from(DAY)
            + hour * 3_600_000
            + i128::from(self.minute) * 60_000
            + i128::from(self.second) * 1000
            + i128::from(self.milli)
            - i128::from(self.offset);
        millis.try_into().ok()
    }
}
