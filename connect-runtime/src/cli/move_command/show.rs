//! What `naru move` shows: how it goes on standard error, what came of it on standard output.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::path::Path;
use std::time::Duration;

use crate::moving::{Job, Outcome, Pace, Report, Standing};

/// How often it is said how it goes: on a terminal, and elsewhere.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Says how it goes, again and again.
pub async fn pace(pace: &Pace) -> Infallible {
    let terminal = stderr().is_terminal();
    loop {
        tokio::time::sleep(if terminal { EVERY.0 } else { EVERY.1 }).await;
        let Some(standing) = pace.standing() else { continue };
        let line = line(&standing);
        // What cannot be shown does not matter.
        let _ = if terminal { write!(stderr(), "\r\x1b[K{line}") } else { writeln!(stderr(), "{line}") };
    }
}

/// Leaves the line on which it was said.
pub fn end_of_pace() {
    if stderr().is_terminal() {
        let _ = write!(stderr(), "\r\x1b[K");
    }
}

fn line(standing: &Standing) -> String {
    let Standing { what, records: (done, total), bytes, rate, left } = standing;
    let left = left.map_or(String::new(), |left| format!(", {} left", span(left)));
    format!("{what}: {done} of {total} records, {}, {}/s{left}", size(*bytes), size(*rate as u64))
}

/// `h:mm:ss`, or minutes and seconds.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Bytes with three digits that matter.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{value} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// Says what came of it.
pub fn outcome(job: &Job, outcome: &Outcome, config: Option<&Path>) {
    let to = &job.to;
    match outcome {
        Outcome::MovedBefore => println!("Everything has been moved to {to} already.\n\n{}", next(job, config)),
        Outcome::Planned(report) => {
            print!("{}", table(report, false));
            println!("\n{} would be copied to {to}. Nothing was written.", sums(report));
        }
        Outcome::Moved(report) => {
            print!("{}", table(report, true));
            println!("\n{} are at {to}, read back and the same.\n\n{}", sums(report), next(job, config));
        }
    }
}

fn sums(report: &Report) -> String {
    let records: i64 = report.rows.iter().map(|row| row.records).sum();
    let (offsets, groups) = report.offsets;
    format!("{records} records in {} topics and {offsets} committed offsets of {groups} groups", report.rows.len())
}

fn table(report: &Report, checked: bool) -> String {
    let head =
        ["topic", "partitions", "records", "bytes", if checked { "checked" } else { "checksum" }].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(report.rows.iter().map(|row| {
        let crc = format!("{:08x}", row.crc);
        [row.topic.clone(), row.partitions.to_string(), row.records.to_string(), row.bytes.to_string(), crc]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let [topic, others @ ..] = row;
        let _ = write!(text, "{topic:<0$}", widths[0]);
        for (cell, width) in others.iter().zip(&widths[1..]) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    for (number, note) in report.notes.iter().enumerate() {
        let _ = writeln!(text, "{}{note}", if number == 0 { "\n" } else { "" });
    }
    text
}

/// How the worker is started from now on.
fn next(job: &Job, config: Option<&Path>) -> String {
    let file = config.map_or(String::new(), |file| format!(" {}", file.display()));
    let folder = job.source.data_dir.display();
    format!(
        "Start the worker there:\n\n  naru worker{file} --set bootstrap.servers={} --set data.dir={folder}\n\nThe folder still holds \
         secret.key, without which sealed passwords cannot be read: on another machine, take that file along. The log in {folder} is \
         not used any more; workers refuse to start on it.",
        job.to
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moving::Row;

    #[test]
    fn it_is_said_how_much_how_fast_and_how_long_still() {
        let left = Some(Duration::from_secs(75));
        let standing = Standing { what: "copying", records: (10, 20), bytes: 1_500_000, rate: 999.0, left };
        assert_eq!(line(&standing), "copying: 10 of 20 records, 1.5 MB, 999 B/s, 1:15 left");
        assert_eq!(span(Duration::from_secs(3 * 3600 + 62)), "3:01:02");
        assert_eq!(size(2_000_000_000_000), "2.0 TB");
    }

    #[test]
    fn topics_stand_below_each_other() {
        let row = Row { topic: "orders".into(), partitions: 3, records: 1200, bytes: 9, crc: 0xab };
        let report = Report { rows: vec![row], offsets: (0, 0), notes: vec!["Note.".into()] };
        let text =
            "topic   partitions  records  bytes   checked\norders           3     1200      9  000000ab\n\nNote.\n";
        assert_eq!(table(&report, true), text);
    }
}
