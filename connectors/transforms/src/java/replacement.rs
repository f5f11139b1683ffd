//! What Java puts in place of a match: text with references to groups.

use fancy_regex::{Captures, Regex};

/// A replacement with its references resolved.
#[derive(Debug, PartialEq)]
pub(crate) struct Replacement(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement for an expression: `$1` and `${name}` are groups of it, a backslash takes the next character as it is.
    /// The error completes "the value of `replacement` is wrong: ...".
    pub fn new(text: &str, regex: &Regex) -> Result<Replacement, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => plain.push(rest.next().ok_or("a backslash at its end has nothing to escape")?),
                '$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    let (group, after) = reference(rest.as_str(), regex)?;
                    pieces.push(Piece::Group(group));
                    rest = after.chars();
                }
                other => plain.push(other),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Replacement(pieces))
    }

    /// Writes it for a match. A group that took no part in it is empty.
    pub fn write(&self, captures: &Captures<'_>, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => out.push_str(captures.get(*group).map_or("", |group| group.as_str())),
            }
        }
    }
}

/// The group that a reference behind its `$` means, and what follows.
fn reference<'t>(text: &'t str, regex: &Regex) -> Result<(usize, &'t str), String> {
    match text.strip_prefix('{') {
        Some(inside) => {
            let (name, after) = inside.split_once('}').ok_or("`${` is not closed")?;
            let found = regex.capture_names().position(|known| known == Some(name));
            Ok((found.ok_or_else(|| format!("the expression has no group `{name}`"))?, after))
        }
        None => numbered(text, regex.captures_len()),
    }
}

/// As many digits as still name a group, but at least one.
fn numbered(text: &str, groups: usize) -> Result<(usize, &str), String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = |length: usize| text.get(..length)?.parse::<usize>().ok();
    let fits = |length: &usize| number(*length).is_some_and(|number| number < groups);
    match digits {
        0 => Err("a `$` names no group; write `\\$` for the character".to_owned()),
        _ if !fits(&1) => Err(format!("the expression has no group {}", &text[..1])),
        _ => {
            let length = (1..=digits).take_while(fits).last().unwrap_or(1);
            Ok((number(length).unwrap_or(0), text.get(length..).unwrap_or("")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(pattern: &str, topic: &str, replacement: &str) -> Result<String, String> {
        let regex = Regex::new(pattern).unwrap();
        let mut out = String::new();
        Replacement::new(replacement, &regex)?.write(&regex.captures(topic).unwrap().unwrap(), &mut out);
        Ok(out)
    }

    #[test]
    fn groups_are_referred_to_by_number_and_name() {
        assert_eq!(replaced("(.)(.)(?<rest>.*)", "abcd", r"$2-$1-${rest}\$\x$0").unwrap(), "b-a-cd$xabcd");
        assert_eq!(replaced("(a)(x)?b", "ab", "[$2][$11]").unwrap(), "[][a1]");
        for bad in ["$", "$x", "$9", "${none}", "${rest", "\\"] {
            assert!(replaced("(a)", "a", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r"[$\\{}0-9a-zü]{0,10}") {
            let _ = replaced("(a)(?<b>b)?", "ab", &text);
        }
    }
}
