//! Java properties files: the form of Kafka's configuration files.

use std::collections::BTreeMap;

/// A line that is no `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Reads a properties file: `key=value`, `key: value` or `key value`, comments with `#` or `!`, a backslash at the end
/// continues a line, and `\n`, `\t`, `\\`, `\=`, `\u00fc` are escapes. Of a key that occurs twice the last one counts.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, BadLine> {
    let mut entries = BTreeMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let start = first.trim_start();
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = start.to_owned();
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start());
        }
        let (key, value) = split(&logical);
        let bad = |reason| BadLine { line: number + 1, reason };
        let (key, value) = (unescape(key).map_err(bad)?, unescape(value).map_err(bad)?);
        if key.is_empty() {
            return Err(bad("it has no key"));
        }
        entries.insert(key, value);
    }
    Ok(entries)
}

/// An odd number of backslashes at the end continues the line.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The first `=`, `:` or space that is not escaped ends the key.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        if !escaped && matches!(letter, '=' | ':' | ' ' | '\t') {
            let rest = line[at..].trim_start_matches([' ', '\t']);
            let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (&line[..at], value.trim_start());
        }
        escaped = letter == '\\' && !escaped;
    }
    (line, "")
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.ok_or("\\u needs the four hexadecimal digits of a character")?);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(out.trim_end_matches(['\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_as_java_reads_them() {
        let text =
            "# comment\n! too\n\n a.b = 1 \nc:2\nd 3\ne\nf=x\\\n   y\\\n   z\ng\\=h=i\nu=\\u00fc\\n\\\\\nf2 = a = b\n";
        let entries = parse(text).unwrap();
        let expected = [
            ("a.b", "1 "),
            ("c", "2"),
            ("d", "3"),
            ("e", ""),
            ("f", "xyz"),
            ("f2", "a = b"),
            ("g=h", "i"),
            ("u", "ü\n\\"),
        ];
        assert_eq!(entries, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        assert_eq!(parse("a=1\n=2\n").unwrap_err(), BadLine { line: 2, reason: "it has no key" });
        assert_eq!(parse("a=\\u12x\n").unwrap_err().line, 1);
    }
}
