//! Times in names: the letters of Java's date formats that names are made of. In UTC.

use jiff::civil::DateTime;

/// A time format, such as `yyyy.MM.dd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A letter and how many digits it has at least.
    Number(char, usize),
}

impl Pattern {
    /// Reads a format. The error says what is wrong with it.
    pub fn new(format: &str) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('\'') {
                let end = quoted.find('\'').ok_or("a quote is not closed")?;
                parts.push(Part::Text(if end == 0 { "'".to_owned() } else { quoted[..end].to_owned() }));
                rest = &quoted[end + 1..];
                continue;
            }
            let end = rest.find(|other| other != first).unwrap_or(rest.len());
            parts.push(part(first, &rest[..end])?);
            rest = &rest[end..];
        }
        if parts.is_empty() { Err("a time needs a format such as `yyyy.MM.dd`".to_owned()) } else { Ok(Pattern(parts)) }
    }

    /// Appends a time in milliseconds since 1970. False far out of the calendar.
    pub fn write(&self, millis: i64, out: &mut String) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(millis) else { return false };
        let time = jiff::tz::Offset::UTC.to_datetime(instant);
        self.0.iter().for_each(|part| part.write(time, out));
        true
    }
}

impl Part {
    fn write(&self, time: DateTime, out: &mut String) {
        use std::fmt::Write;
        let (letter, width) = match self {
            Part::Text(text) => return out.push_str(text),
            Part::Number(letter, width) => (*letter, *width),
        };
        let number = match letter {
            'y' if width == 2 => i32::from(time.year()).rem_euclid(100),
            'y' => i32::from(time.year()),
            'M' => i32::from(time.month()),
            'd' => i32::from(time.day()),
            'D' => i32::from(time.date().day_of_year()),
            'H' => i32::from(time.hour()),
            'm' => i32::from(time.minute()),
            'w' => i32::from(time.date().iso_week_date().week()),
            'x' => i32::from(time.date().iso_week_date().year()),
            _ => i32::from(time.second()),
        };
        // Writing into memory does not fail.
        let _ = write!(out, "{number:0width$}");
    }
}

fn part(letter: char, run: &str) -> Result<Part, String> {
    match letter {
        'y' | 'M' | 'd' | 'D' | 'H' | 'm' | 's' | 'w' | 'x' if run.len() <= 4 => Ok(Part::Number(letter, run.len())),
        letter if letter.is_ascii_alphabetic() => Err(format!(
            "`{run}` is no part of a time; there are y, M, d, D (day of the year), H, m, s, w and x (ISO week and its year), \
             and quotes (') around text"
        )),
        _ => Ok(Part::Text(run.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &str, millis: i64) -> String {
        let mut out = String::new();
        assert!(Pattern::new(format).unwrap().write(millis, &mut out));
        out
    }

    #[test]
    fn times_are_written_by_their_letters() {
        let new_year = 1_735_603_199_000; // 2024-12-30T23:59:59Z, a Monday
        for (format, expected) in [
            ("yyyy.MM.dd", "2024.12.30"),
            ("yy-M-d'T'HHmmss", "24-12-30T235959"),
            ("xxxx-'w'ww", "2025-w01"),
            ("DDD", "365"),
            ("yyyy''MM", "2024'12"),
        ] {
            assert_eq!(written(format, new_year), expected);
        }
        assert_eq!(written("yyyy.MM.dd HH", -1), "1969.12.31 23");
        for format in ["", "yyyy.QQ", "'open", "yyyyy"] {
            assert!(Pattern::new(format).is_err(), "{format}");
        }
        assert!(!Pattern::new("yyyy").unwrap().write(i64::MAX, &mut String::new()));
    }
}
