//! The pattern itself.

/// A date pattern that has been read.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is.
    Text(String),
    /// A letter and how often it stands there.
    Field(char, usize),
}

/// How often a letter may stand in a row.
const MAX_WIDTH: usize = 64;
/// The letters that work.
const KNOWN: &str = "yMLdDEuaHkKhmsSzZX";
/// Those of Java that do not, since what they mean depends on the machine's language and country.
const LOCAL: &str = "GYwWF";

impl Pattern {
    /// Reads a pattern. The error completes "the value of a key is wrong: ...".
    pub fn new(text: &str) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (part, after) = match first {
                '\'' => quoted(rest.get(1..).unwrap_or(""))?,
                _ => {
                    let (run, after) = rest.split_at(rest.find(|other| other != first).unwrap_or(rest.len()));
                    (run_of(first, run)?, after)
                }
            };
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
            rest = after;
        }
        Ok(Pattern { parts })
    }

    /// Whether that can be read.
    pub fn check(text: &str) -> Result<(), String> {
        Pattern::new(text).map(|_| ())
    }
}

/// Text up to the closing quote; two quotes are one.
fn quoted(rest: &str) -> Result<(Part, &str), String> {
    if let Some(after) = rest.strip_prefix('\'') {
        return Ok((Part::Text("'".to_owned()), after));
    }
    let mut text = String::new();
    let mut rest = rest;
    loop {
        let (inside, after) = rest.split_once('\'').ok_or("a quote is not closed")?;
        text.push_str(inside);
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Ok((Part::Text(text), after)),
        }
    }
}

fn run_of(letter: char, run: &str) -> Result<Part, String> {
    if !letter.is_ascii_alphabetic() {
        return Ok(Part::Text(run.to_owned()));
    }
    if run.len() > MAX_WIDTH {
        return Err(format!("`{letter}` stands more than {MAX_WIDTH} times in a row"));
    }
    match letter {
        'X' if run.len() > 3 => Err(format!("`{run}` is too long, use X, XX or XXX")),
        letter if KNOWN.contains(letter) => Ok(Part::Field(letter, run.len())),
        'Y' => Err("`Y` is the year that a week belongs to, which is not supported; use `y`".to_owned()),
        letter if LOCAL.contains(letter) => {
            Err(format!("`{letter}` depends on language and country and is not supported"))
        }
        _ => Err(format!("`{letter}` is not known; use quotes (') around text")),
    }
}
