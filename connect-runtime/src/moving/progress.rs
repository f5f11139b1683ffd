//! Where a copy of a partition goes on.

use super::survey::Survey;

/// What of a partition is still to be copied, while it is read from a sample on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records that come again though the target has them, because reading begins at a sample.
    skip: i64,
    /// The place of the next record that is passed on.
    place: i64,
    /// How many records there are.
    records: i64,
}

impl Progress {
    /// Of a partition of which the target has the first `there` records; and the offset from which the source has to be read.
    pub fn begin(survey: &Survey, there: i64) -> (i64, Progress) {
        let (from, place) = survey.map.before(there).unwrap_or((survey.start, 0));
        (from, Progress { skip: there - place, place: there, records: survey.contents.records })
    }

    /// Takes the next record that was read. Whether it is passed on.
    pub fn take_next(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.place += 1;
        true
    }

    /// Takes the next records together. Whether all of them are passed on; if not, none has been taken.
    pub fn take_all(&mut self, records: i64) -> bool {
        let all = self.skip == 0;
        self.place += if all { records } else { 0 };
        all
    }

    /// How many records have been passed on, with those that the target had.
    pub fn place(&self) -> i64 {
        self.place
    }

    /// Whether everything has been passed on.
    pub fn is_whole(&self) -> bool {
        self.place >= self.records
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::offset_map::{Mapping, SAMPLE_BYTES};
    use super::super::survey::Contents;
    use super::*;

    proptest! {
        /// Whatever the target has when a run begins, and however few of its batches a killed run got there: in the end the target has
        /// every record once and in order.
        #[test]
        fn runs_that_are_killed_anywhere_leave_every_record_once(
            start in 0i64..20,
            steps in proptest::collection::vec(1i64..4, 0..60),
            pins in proptest::collection::btree_set(0i64..200, 0..4),
            batch in 1usize..6,
            kills in proptest::collection::vec(0usize..20, 0..8),
        ) {
            let mut at = start - 1;
            let source: Vec<i64> = steps.iter().map(|step| { at += step; at }).collect();
            let mut mapping = Mapping::new(start, &pins);
            source.iter().for_each(|offset| mapping.record(*offset, SAMPLE_BYTES / 4));
            let contents = Contents { records: source.len() as i64, ..Contents::default() };
            let survey = Survey { start, end: at + 1, contents, map: mapping.finish(at + 1) };
            let mut target: Vec<i64> = Vec::new();
            for most in kills.into_iter().chain([usize::MAX]) {
                let (from, mut progress) = Progress::begin(&survey, target.len() as i64);
                let read: Vec<i64> = source.iter().copied().filter(|offset| *offset >= from).collect();
                for some in read.chunks(batch).take(most) {
                    if progress.take_all(some.len() as i64) {
                        target.extend(some);
                    } else {
                        target.extend(some.iter().filter(|_| progress.take_next()));
                    }
                    prop_assert_eq!(progress.place(), target.len() as i64);
                }
                prop_assert_eq!(progress.is_whole(), target.len() == source.len());
            }
            prop_assert_eq!(target, source);
        }
    }
}
