//! Lookups by offset and by time equal a full scan.

use proptest::prelude::*;

use super::super::reading::ReadError;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_offset_is_found_whatever_the_sizes(
        sizes in proptest::collection::vec((1usize..5, 0usize..2500), 1..60),
        max_bytes in 1usize..6000,
        restart in 0u8..3,
    ) {
        let mut rig = Rig::new();
        let mut sent = Vec::new();
        let mut last = None;
        for (i, (records, len)) in sizes.iter().enumerate() {
            let texts: Vec<String> = (0..*records).map(|r| format!("{i}-{r}-{}", "v".repeat(*len))).collect();
            let (offset, ticket) = rig.append(&batch_at(5, &texts)).unwrap();
            prop_assert_eq!(offset, sent.len() as i64);
            sent.extend(texts);
            last = Some(ticket);
        }
        wait(&last.unwrap()).unwrap();
        if restart > 0 {
            rig = Rig::open(if restart == 1 { rig.stop_clean() } else { rig.disk.after_kill() }, restart == 1).unwrap();
        }
        let all = rig.values(0, max_bytes);
        prop_assert_eq!(all.len(), sent.len());
        let numbered: Vec<_> = sent.iter().enumerate().map(|(i, text)| (i as i64, text.clone())).collect();
        prop_assert_eq!(&all, &numbered);
        for offset in (0..sent.len()).step_by(3) {
            let found = rig.values(offset as i64, max_bytes);
            prop_assert_eq!(&found[0], &(offset as i64, sent[offset].clone()));
        }
    }

    #[test]
    fn a_time_finds_the_first_record_that_is_as_late(
        times in proptest::collection::vec((0i64..40, 1usize..600), 1..60),
        asked in 0i64..42,
        restart in 0u8..3,
    ) {
        let mut rig = Rig::new();
        for (time, len) in &times {
            rig.append_safe(&batch_at(*time, &["w".repeat(*len)]));
        }
        if restart > 0 {
            rig = Rig::open(if restart == 1 { rig.stop_clean() } else { rig.disk.after_kill() }, restart == 1).unwrap();
        }
        let expected = times.iter().position(|(time, _)| *time >= asked);
        let found = rig.log.offset_for_time(asked).unwrap();
        prop_assert_eq!(found.map(|found| found.offset), expected.map(|at| at as i64));
        let largest = times.iter().map(|(time, _)| *time).max().unwrap();
        let at = times.iter().position(|(time, _)| *time == largest).unwrap();
        let found = rig.log.largest_timestamp().unwrap().unwrap();
        prop_assert_eq!((found.timestamp, found.offset), (largest, at as i64));
    }
}

#[test]
fn a_read_gives_whole_batches_within_its_limit_and_one_at_least() {
    let rig = Rig::new();
    for text in ["one", "two", "three"] {
        rig.append_safe(&batch(&[text]));
    }
    let size = batch(&["one"]).len();
    let read = |max_bytes, at_least_one| rig.log.read(0, Limits { max_bytes, at_least_one }).unwrap().len();
    assert_eq!(read(size - 1, false), 0);
    assert_eq!(read(size - 1, true), size);
    assert_eq!(read(size * 2 + 1, false), size * 2);
    assert_eq!(read(usize::MAX / 2, false), size * 3 + 2);
}

#[test]
fn offsets_outside_the_log_are_out_of_range() {
    let rig = Rig::new();
    let read = |offset| rig.log.read(offset, Limits { max_bytes: 100, at_least_one: true });
    assert!(read(0).unwrap().is_empty());
    rig.append_safe(&batch(&["a", "b"]));
    assert!(read(2).unwrap().is_empty());
    for offset in [-1, 3] {
        assert!(matches!(read(offset), Err(ReadError::OutOfRange { start: 0, end: 2, .. })));
    }
}

#[test]
fn a_batch_that_is_not_safe_yet_has_no_time() {
    let rig = Rig::new();
    rig.append_safe(&batch_at(10, &["a".to_owned()]));
    rig.disk.faults(|faults| faults.syncs_fail = true);
    let (_, ticket) = rig.append(&batch_at(20, &["b".to_owned()])).unwrap();
    assert!(wait(&ticket).is_err());
    assert_eq!(rig.log.largest_timestamp().unwrap().unwrap().timestamp, 10);
    assert_eq!(rig.log.offset_for_time(15).unwrap(), None);
}
