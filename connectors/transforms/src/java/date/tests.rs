use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000_000;
const MOMENT: i64 = 1_709_210_096_789;

fn print(pattern: &str, millis: i64) -> String {
    let mut out = String::new();
    assert!(Pattern::new(pattern).unwrap().print(millis, &mut out));
    out
}

fn parse(pattern: &str, text: &str) -> Option<i64> {
    Pattern::new(pattern).unwrap().parse(text, Century::at(NOW))
}

#[test]
fn every_letter_prints() {
    assert_eq!(print("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", MOMENT), "2024-02-29T12:34:56.789Z");
    assert_eq!(
        print("yy y yyyyy M MMM MMMM LLL d D E EEEE u", MOMENT),
        "24 2024 02024 2 Feb February Feb 29 60 Thu Thursday 4"
    );
    assert_eq!(print("a h K k H S SSSSSS z Z X XXX ''", MOMENT), "PM 12 0 12 12 789 000789 UTC +0000 Z Z '");
    assert_eq!(print("yyyyMMddHHmmss", -1), "19691231235959");
    assert!(!Pattern::new("y").unwrap().print(i64::MAX, &mut String::new()));
}

#[test]
fn patterns_that_cannot_be_supported_are_refused() {
    for bad in ["YYYY", "ww", "G", "'open", "b", "XXXX", "n", &"d".repeat(65)] {
        assert!(Pattern::check(bad).is_err(), "{bad}");
    }
    assert!(["", "''", "'a''b'", "---"].iter().all(|good| Pattern::check(good).is_ok()));
}

#[test]
fn texts_are_read_leniently() {
    assert_eq!(parse("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2024-02-29T12:34:56.789Z"), Some(MOMENT));
    assert_eq!(parse("yyyyMMddHHmmssSSS", "20240229123456789"), Some(MOMENT));
    assert_eq!(parse("d MMM yyyy h:mm a", "29 february 2024 12:34 pm"), Some(MOMENT - 56_789));
    assert_eq!(parse("yyyy-MM-dd", "2024-02-30 and more"), parse("yyyy-MM-dd", "2024-03-01"));
    assert_eq!(parse("yyyy-MM-dd", "2024-14-01"), parse("yyyy-MM-dd", "2025-02-01"));
    assert_eq!(parse("yyyy-DDD", "2024-060"), parse("yyyy-MM-dd", "2024-02-29"));
    assert_eq!(parse("EEE, d MMM yyyy HH:mm:ss Z", "Thu, 29 Feb 2024 14:34:56 +0200"), Some(MOMENT - 789));
    assert_eq!(parse("yyyy-MM-dd HH:mm XXX", "2024-02-29 07:34 -05:00"), Some(MOMENT - 56_789));
    assert_eq!(parse("HH:mm z", "12:00 GMT+02:00"), Some(10 * 3_600_000));
    assert_eq!(parse("ss.SSS", "1.123456"), Some(124_456), "a fraction counts as milliseconds, as in Java");
    for (pattern, text) in
        [("yyyy-MM-dd", "2024-02"), ("yyyy", "x"), ("yyyyMMdd", "20240"), ("MMM", "Foo"), ("HH z", "1 XYZ")]
    {
        assert_eq!(parse(pattern, text), None, "{pattern} {text}");
    }
    assert_eq!(parse("yyyy SSS", "999999999999999999 1"), None);
}

#[test]
fn two_digits_of_a_year_lie_around_now() {
    let year = |text| print("yyyy", parse("yy", text).unwrap());
    assert_eq!(["46", "45", "99", "00", "27"].map(year), ["2046", "2045", "1999", "2000", "2027"]);
    assert_eq!(print("yyyy", parse("dd/MM/yy", "01/01/47").unwrap()), "2047", "the hundred years begin on 1947-01-15");
    assert_eq!(print("yyyy", parse("dd/MM/yy", "01/02/47").unwrap()), "1947");
    assert_eq!(print("yyyy", parse("yy", "123").unwrap()), "0123");
}

#[test]
fn iso_texts_name_day_time_and_moment() {
    assert_eq!(date_text(19782).unwrap(), "2024-02-29");
    assert_eq!(time_text(45_296_789).unwrap(), "12:34:56.789Z");
    assert_eq!(timestamp_text(MOMENT).unwrap(), "2024-02-29T12:34:56.789Z");
    assert_eq!(timestamp_text(19782 * DAY).unwrap(), "2024-02-29");
    assert_eq!((date_text(i64::MAX), timestamp_text(i64::MIN)), (None, None));
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(millis in -62_135_596_800_000i64..253_402_300_799_999) {
        for pattern in ["yyyy-MM-dd HH:mm:ss.SSS", "yyyyMMddHHmmssSSS", "D/yyyy K:mm:ss.SSS a", "MMMM d yyyy kk:mm:ss SSS XXX"] {
            prop_assert_eq!(parse(pattern, &print(pattern, millis)), Some(millis), "{}", pattern);
        }
    }

    #[test]
    fn nothing_panics(pattern in "[yMLdDEuaHkKhmsSzZX '.:/-]{0,12}", text in "\\PC{0,20}|[-+0-9:./ TZ]{0,20}", millis: i64) {
        if let Ok(pattern) = Pattern::new(&pattern) {
            let _ = (pattern.parse(&text, Century::at(NOW)), pattern.print(millis, &mut String::new()));
        }
    }
}
