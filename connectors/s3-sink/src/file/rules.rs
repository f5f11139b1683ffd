//! When a file is cut.

use jiff::tz::TimeZone;

/// What ends a file. All times are milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `flush.size`
    pub records: Option<u64>,
    /// `rotate.bytes`: before compression.
    pub bytes: u64,
    /// `rotate.interval.ms`: by the records' own times.
    pub interval: Option<i64>,
    /// `rotate.schedule.interval.ms`: by the clock, counted from midnight in `timezone`.
    pub schedule: Option<i64>,
    /// `rotate.idle.ms`: by the clock, since the last record.
    pub idle: Option<i64>,
    /// `timezone`
    pub zone: TimeZone,
}

/// What a file holds, as far as its end depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The offset that the object's name says.
    pub start: i64,
    /// The offset of the last record written.
    pub last: i64,
    /// Records written.
    pub records: u64,
    /// Bytes written, before compression.
    pub bytes: u64,
    /// The first record's own time.
    pub first_time: Option<i64>,
    /// When it was opened, by the clock.
    pub opened: i64,
    /// When the last record came, by the clock.
    pub touched: i64,
}

impl Rules {
    /// Whether cuts depend on nothing but the records.
    pub fn are_deterministic(&self) -> bool {
        self.schedule.is_none() && self.idle.is_none()
    }

    /// Whether a file is full.
    pub fn full(&self, tally: &Tally) -> bool {
        self.records.is_some_and(|limit| tally.records >= limit) || tally.bytes >= self.bytes
    }

    /// From which record time on a file is over.
    pub fn due(&self, tally: &Tally) -> Option<i64> {
        Some(tally.first_time?.saturating_add(self.interval?))
    }

    /// Whether the clock ends a file.
    pub fn over(&self, tally: &Tally, now: i64) -> bool {
        let scheduled = self.schedule.is_some_and(|every| self.slot(tally.opened, every) < self.slot(now, every));
        scheduled || self.idle.is_some_and(|limit| now.saturating_sub(tally.touched) >= limit)
    }

    /// What ends a file, in words, for the status.
    pub fn in_words(&self) -> String {
        let mut ends = Vec::new();
        ends.extend(self.records.map(|limit| format!("{limit} records")));
        ends.push(format!("{} bytes", self.bytes));
        ends.extend(self.interval.map(|millis| format!("record times {millis} ms apart")));
        ends.extend(self.schedule.map(|millis| format!("the clock every {millis} ms")));
        ends.extend(self.idle.map(|millis| format!("{millis} ms without a record")));
        ends.join(" or ")
    }

    fn slot(&self, now: i64, every: i64) -> i64 {
        let instant = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let offset = i64::from(self.zone.to_offset(instant).seconds()) * 1000;
        now.saturating_add(offset).div_euclid(every.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { records: None, bytes: 100, interval: None, schedule: None, idle: None, zone: TimeZone::UTC }
    }

    fn tally() -> Tally {
        Tally {
            start: 0,
            last: 4,
            records: 5,
            bytes: 50,
            first_time: Some(1_000),
            opened: 86_399_000,
            touched: 86_399_500,
        }
    }

    #[test]
    fn each_rule_ends_a_file_and_says_so() {
        assert!(!rules().full(&tally()) && !rules().over(&tally(), i64::MAX) && rules().due(&tally()).is_none());
        assert!(Rules { records: Some(5), ..rules() }.full(&tally()));
        assert!(Rules { bytes: 50, ..rules() }.full(&tally()));
        assert_eq!(Rules { interval: Some(10), ..rules() }.due(&tally()), Some(1_010));
        let daily = Rules { schedule: Some(86_400_000), ..rules() };
        assert!(!daily.over(&tally(), 86_399_999) && daily.over(&tally(), 86_400_000));
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        assert!(!Rules { zone, ..daily }.over(&tally(), 86_400_000));
        let idle = Rules { idle: Some(1_000), ..rules() };
        assert!(!idle.over(&tally(), 86_400_499) && idle.over(&tally(), 86_400_500));
        assert!(!idle.are_deterministic() && rules().are_deterministic());
    }
}
