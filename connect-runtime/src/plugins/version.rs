//! Versions of plugins and what a configuration asks for (pure). The rule is KIP-891's: Maven's ranges, a bare version means just
//! that one, none or `latest` the newest.

use std::cmp::Ordering;

/// Compares versions as Maven does: numbers by value, `1.0` equal to `1`, and words before a release if they say so
/// (`alpha`, `beta`, `milestone`, `rc`, `snapshot`), after it otherwise.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    for index in 0..one.len().max(other.len()) {
        let ordering = rank(one.get(index)).cmp(&rank(other.get(index)));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Number(u64),
    Word(String),
}

/// Order among parts of the same place: words before a release, the end or zero, words after it, numbers.
fn rank(part: Option<&Part>) -> (u8, u64, &str) {
    const BEFORE: [&[&str]; 5] =
        [&["alpha", "a"], &["beta", "b"], &["milestone", "m"], &["rc", "cr"], &["snapshot", "dev"]];
    match part {
        None | Some(Part::Number(0)) => (1, 0, ""),
        Some(Part::Number(number)) => (3, *number, ""),
        Some(Part::Word(word)) if matches!(word.as_str(), "final" | "ga" | "release") => (1, 0, ""),
        Some(Part::Word(word)) => match BEFORE.iter().position(|words| words.contains(&word.as_str())) {
            Some(place) => (0, place as u64, ""),
            None => (2, 0, word),
        },
    }
}

fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let lower = version.trim().to_lowercase();
    let mut rest = lower.split('+').next().unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|letter: char| letter.is_ascii_digit() != is_digit || !letter.is_alphanumeric());
        let (part, left) = rest.split_at(end.unwrap_or(rest.len()).max(first.len_utf8()));
        rest = left;
        if is_digit {
            parts.push(Part::Number(part.parse().unwrap_or(u64::MAX)));
        } else if first.is_alphabetic() {
            parts.push(Part::Word(part.to_owned()));
        }
    }
    parts
}

/// Which versions a configuration allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever is newest.
    Newest,
    /// Any version in one of these ranges, the newest of them.
    Within(Vec<Range>),
}

/// Versions from one to another; the flags say whether the ends are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    low: Option<(String, bool)>,
    high: Option<(String, bool)>,
}

impl Wanted {
    /// Reads `latest`, `1.2`, `[1.2]`, `[1.0,2.0)`, `(,1.0],[1.2,)`. The error completes the sentence "the value is wrong: ...".
    pub fn read(text: &str) -> Result<Wanted, String> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("latest") {
            return Ok(Wanted::Newest);
        }
        if !text.starts_with(['[', '(']) {
            return match text.contains([',', '[', '(', ']', ')']) {
                true => Err("a range begins with `[` or `(`, as in `[1.0,2.0)`".to_owned()),
                false => Ok(Wanted::Within(vec![Range::only(text)])),
            };
        }
        let mut ranges = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find([']', ')']).ok_or("a range ends with `]` or `)`, as in `[1.0,2.0)`")?;
            ranges.push(Range::read(&rest[..=end])?);
            rest = rest[end + 1..].trim_start().trim_start_matches(',').trim_start();
        }
        Ok(Wanted::Within(ranges))
    }

    /// Whether that version will do.
    pub fn allows(&self, version: &str) -> bool {
        match self {
            Wanted::Newest => true,
            Wanted::Within(ranges) => ranges.iter().any(|range| range.holds(version)),
        }
    }
}

impl Range {
    fn only(version: &str) -> Range {
        let end = Some((version.to_owned(), true));
        Range { low: end.clone(), high: end }
    }

    fn read(text: &str) -> Result<Range, String> {
        let inner = text.get(1..text.len() - 1).unwrap_or_default();
        if !text.starts_with(['[', '(']) {
            return Err("a range begins with `[` or `(`, as in `[1.0,2.0)`".to_owned());
        }
        let Some((low, high)) = inner.split_once(',') else {
            return match text.starts_with('[') && text.ends_with(']') && !inner.trim().is_empty() {
                true => Ok(Range::only(inner.trim())),
                false => Err("a single version stands in square brackets, as in `[1.2]`".to_owned()),
            };
        };
        let end = |text: &str, inside| Some((text.trim().to_owned(), inside)).filter(|(text, _)| !text.is_empty());
        Ok(Range { low: end(low, text.starts_with('[')), high: end(high, text.ends_with(']')) })
    }

    fn holds(&self, version: &str) -> bool {
        let above = self.low.as_ref().is_none_or(|(low, inside)| match compare(version, low) {
            Ordering::Greater => true,
            Ordering::Equal => *inside,
            Ordering::Less => false,
        });
        above
            && self.high.as_ref().is_none_or(|(high, inside)| match compare(version, high) {
                Ordering::Less => true,
                Ordering::Equal => *inside,
                Ordering::Greater => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_in_maven_s_order() {
        let ordered = [
            "1.0-alpha",
            "1.0-beta2",
            "1.0-beta10",
            "1.0-rc1",
            "1.0-SNAPSHOT",
            "1.0",
            "1.0-jre",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
            "10.0",
        ];
        for pair in ordered.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        for (one, other) in [("1", "1.0.0"), ("1.0.Final", "1.0"), ("1.0+build7", "1.0"), ("1.0-RC1", "1.0-rc1")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn a_bare_version_is_that_one_and_ranges_are_maven_s() {
        let allowed = |wanted: &str| {
            let wanted = Wanted::read(wanted).unwrap();
            ["0.9", "1.0", "1.5", "2.0", "3.1"].into_iter().filter(|version| wanted.allows(version)).collect::<Vec<_>>()
        };
        assert_eq!(allowed("1.0"), ["1.0"]);
        assert_eq!(allowed("[1.0]"), ["1.0"]);
        assert_eq!(allowed("[1.0,2.0)"), ["1.0", "1.5"]);
        assert_eq!(allowed("(1.0,2.0]"), ["1.5", "2.0"]);
        assert_eq!(allowed("(,1.0], [2.0,)"), ["0.9", "1.0", "2.0", "3.1"]);
        assert_eq!(allowed("latest").len(), 5);
        for bad in ["1.0,2.0", "[1.0", "(1.0)", "[]", "[1.0,2.0) x"] {
            assert!(Wanted::read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn comparing_never_fails_and_is_an_order(one in "\\PC{0,12}", other in "\\PC{0,12}", third in "[0-9a-z.-]{0,8}") {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
            prop_assert_eq!(compare(&third, &third), Ordering::Equal);
            let _ = Wanted::read(&one);
        }
    }
}
