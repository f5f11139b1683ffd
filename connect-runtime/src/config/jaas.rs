//! The line of `sasl.jaas.config`, as Kafka reads it: `CLASS required username="NAME" password="WORD";` (pure). KIP-85.

use std::iter::Peekable;
use std::str::Chars;

/// What a line says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Jaas {
    /// The login module's class.
    pub class: String,
    /// Its options, in the order in which they stand.
    pub options: Vec<(String, String)>,
}

impl Jaas {
    /// An option's value; the last one counts.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a line. Errors never repeat what stands in it: it holds a password.
pub(super) fn parse(text: &str) -> Result<Jaas, String> {
    let mut words = Words(text.chars().peekable());
    let Some(Word::Text(class)) = words.next()? else {
        return Err("it does not begin with a login module's class".to_owned());
    };
    let flag = match words.next()? {
        Some(Word::Text(flag)) => flag.to_ascii_lowercase(),
        _ => String::new(),
    };
    if !matches!(flag.as_str(), "required" | "requisite" | "sufficient" | "optional") {
        return Err("the class is not followed by `required`".to_owned());
    }
    let mut options = Vec::new();
    loop {
        match words.next()? {
            Some(Word::Semicolon) => break,
            Some(Word::Text(name)) => options.push((name, words.value()?)),
            Some(Word::Equals) => return Err("a `=` has no name before it".to_owned()),
            None => return Err("it does not end with `;`".to_owned()),
        }
    }
    match words.next()? {
        None => Ok(Jaas { class, options }),
        Some(_) => Err("something follows the `;`, and only one login module can be used".to_owned()),
    }
}

enum Word {
    Text(String),
    Equals,
    Semicolon,
}

struct Words<'a>(Peekable<Chars<'a>>);

impl Words<'_> {
    fn value(&mut self) -> Result<String, String> {
        match (self.next()?, self.next()?) {
            (Some(Word::Equals), Some(Word::Text(value))) => Ok(value),
            _ => Err("an option is not of the form name=\"value\"".to_owned()),
        }
    }

    fn next(&mut self) -> Result<Option<Word>, String> {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = self.0.next() else { return Ok(None) };
        match first {
            '=' => Ok(Some(Word::Equals)),
            ';' => Ok(Some(Word::Semicolon)),
            '"' | '\'' => self.quoted(first).map(|text| Some(Word::Text(text))),
            _ if is_plain(first) => {
                let mut text = String::from(first);
                while let Some(next) = self.0.next_if(|c| is_plain(*c)) {
                    text.push(next);
                }
                Ok(Some(Word::Text(text)))
            }
            _ => Err("a value with other signs than letters, digits, `.`, `_`, `-` and `$` is not quoted".to_owned()),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.0.next() {
                None | Some('\n') => return Err("a quoted value has no end".to_owned()),
                Some(end) if end == quote => return Ok(text),
                Some('\\') => text.push(self.escaped()?),
                Some(other) => text.push(other),
            }
        }
    }

    /// The escapes of Java's `StreamTokenizer`: letters, up to three octal digits, and whatever else as it is.
    fn escaped(&mut self) -> Result<char, String> {
        let first = self.0.next().ok_or("a quoted value has no end")?;
        Ok(match first {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'a' => '\u{7}',
            'v' => '\u{b}',
            '0'..='7' => self.octal(first),
            other => other,
        })
    }

    fn octal(&mut self, first: char) -> char {
        let digit = |c: char| c.to_digit(8).unwrap_or(0);
        let mut code = digit(first);
        // Three digits only where they fit into a byte.
        for _ in 0..if first <= '3' { 2 } else { 1 } {
            let Some(next) = self.0.next_if(|c| c.is_digit(8)) else { break };
            code = code * 8 + digit(next);
        }
        char::from_u32(code).unwrap_or('\u{0}')
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    fn password(quoted: &str) -> String {
        let jaas = parse(&format!("{PLAIN} required username=\"u\" password={quoted};")).unwrap();
        assert_eq!((jaas.class.as_str(), jaas.option("username")), (PLAIN, Some("u")));
        jaas.option("password").unwrap().to_owned()
    }

    #[test]
    fn quoted_values_are_read_as_java_reads_them() {
        for (written, meant) in [
            (r#""plain""#, "plain"),
            (r#""a;b = c""#, "a;b = c"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#"'a"b'"#, r#"a"b"#),
            (r#""\101\7x\400""#, "A\u{7}x 0"),
            ("bare-word.1_$", "bare-word.1_$"),
            (r#""""#, ""),
            (r#""grün""#, "grün"),
        ] {
            assert_eq!(password(written), meant, "{written}");
        }
    }

    #[test]
    fn a_bad_line_is_explained_without_being_shown() {
        for (line, why) in [
            ("", "login module's class"),
            ("s3cret", "`required`"),
            ("a.B required password=\"s3cret\"", "end with `;`"),
            ("a.B required password=\"s3cret;", "no end"),
            ("a.B required password=s3cret#1;", "not quoted"),
            ("a.B required s3cret;", "name=\"value\""),
            ("a.B required password=\"s3cret\"; c.D required;", "only one login module"),
        ] {
            let said = parse(line).map(drop).unwrap_err();
            assert!(said.contains(why) && !said.contains("s3cret"), "{line}: {said}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_comes_back(value in "[^\n]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(password(&format!("\"{quoted}\"")), value);
        }

        #[test]
        fn no_line_makes_it_panic(line in ".{0,80}") {
            let _ = parse(&line);
        }
    }
}
