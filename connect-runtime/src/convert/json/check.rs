//! Whether bytes are JSON, found out quickly (pure).
//!
//! JSON that is asked for as JSON is passed on as it is, so nothing but this is done to each byte of it. Most of them are in
//! texts, which are looked through many at a time.

/// Values in each other that are followed; what is deeper is left to the parser.
const DEPTH: u32 = 64;

/// Bytes of a text that are looked at together.
const BLOCK: usize = 32;

/// Whether these bytes are one JSON value (RFC 8259). False also says that this does not know: a parser has the last word
/// on what is no JSON, and why.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    document(bytes).is_some()
}

/// The values that stand around a place: one bit for each, set for objects.
#[derive(Default)]
struct Around {
    objects: u64,
    depth: u32,
}

impl Around {
    fn enter(&mut self, object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u64::from(object);
        self.depth += 1;
        (self.depth <= DEPTH).then_some(())
    }

    fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

fn document(bytes: &[u8]) -> Option<()> {
    let (mut rest, mut around) = (bytes, Around::default());
    loop {
        rest = value(rest, &mut around)?;
        // Behind a value: the ends of those around it, until another one follows.
        loop {
            let behind = space(rest);
            if around.depth == 0 {
                return behind.is_empty().then_some(());
            }
            let (byte, after) = behind.split_first()?;
            match (byte, around.is_object()) {
                (b',', true) => break rest = name(after)?,
                (b',', false) => break rest = after,
                (b'}', true) | (b']', false) => around.leave(),
                _ => return None,
            }
            rest = after;
        }
    }
}

/// What follows a value; or what follows the beginning of one that holds others, where the first of them stands.
fn value<'a>(bytes: &'a [u8], around: &mut Around) -> Option<&'a [u8]> {
    let mut rest = bytes;
    loop {
        let (byte, after) = space(rest).split_first()?;
        match byte {
            b'"' => return text(after),
            b'{' => match space(after).strip_prefix(b"}") {
                Some(behind) => return Some(behind),
                None => {
                    around.enter(true)?;
                    rest = name(after)?;
                }
            },
            b'[' => match space(after).strip_prefix(b"]") {
                Some(behind) => return Some(behind),
                None => {
                    around.enter(false)?;
                    rest = after;
                }
            },
            b'-' => return number(after),
            b'0'..=b'9' => return number(space(rest)),
            b't' => return after.strip_prefix(b"rue"),
            b'f' => return after.strip_prefix(b"alse"),
            b'n' => return after.strip_prefix(b"ull"),
            _ => return None,
        }
    }
}

/// What follows a name and its colon.
fn name(bytes: &[u8]) -> Option<&[u8]> {
    space(text(space(bytes).strip_prefix(b"\"")?)?).strip_prefix(b":")
}

fn space(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\n' | b'\r' | b'\t', after)) = bytes.split_first() {
        bytes = after;
    }
    bytes
}

/// What follows a text whose first quote has been read. Most texts are short, so eight bytes are looked at first, and many
/// at a time only where a text goes on.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let at = match rest.split_first_chunk() {
            Some((few, after)) => match specials(*few) {
                0 => {
                    rest = plain(after);
                    continue;
                }
                found => found.trailing_zeros() as usize / 8,
            },
            None => rest.iter().position(|byte| is_special(*byte))?,
        };
        let (byte, after) = rest.get(at..)?.split_first()?;
        match byte {
            b'"' => return Some(after),
            b'\\' => rest = escaped(after)?,
            _ => return None,
        }
    }
}

/// What ends a text, and what may not stand in one as it is: the quote (0x22), the backslash, and all below the space (0x20).
/// To change the second lowest bit keeps the latter among themselves and puts the quote behind them.
fn is_special(byte: u8) -> bool {
    byte ^ 2 < 0x21 || byte == b'\\'
}

/// What follows blocks in which nothing is special. The compiler makes vector instructions of the loop, as long as it has no
/// way out.
fn plain(mut bytes: &[u8]) -> &[u8] {
    while let Some((block, after)) = bytes.split_first_chunk::<BLOCK>() {
        let mut found = 0;
        for byte in block {
            found |= u8::from(byte ^ 2 < 0x21) | u8::from(*byte == b'\\');
        }
        if found > 0 {
            break;
        }
        bytes = after;
    }
    bytes
}

/// Where bytes are special: the lowest bit that is set is the highest of the first such byte. Above it others may be set in
/// vain, because subtracting borrows from there.
fn specials(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(EACH * limit) & !bytes;
    let bytes = u64::from_le_bytes(bytes);
    let backslash = below(bytes ^ (EACH * u64::from(b'\\')), 1);
    (below(bytes ^ (EACH * 2), 0x21) | backslash) & (EACH << 7)
}

fn escaped(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.split_first()? {
        (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after) => Some(after),
        (b'u', after) => {
            let (digits, after) = after.split_first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(after)
        }
        _ => None,
    }
}

/// What follows a number without its sign.
fn number(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = match bytes.split_first()? {
        (b'0', after) => after,
        _ => digits(bytes)?,
    };
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = digits(fraction)?;
    }
    match rest.split_first() {
        Some((b'e' | b'E', after)) => match after.split_first()? {
            (b'+' | b'-', after) => digits(after),
            _ => digits(after),
        },
        _ => Some(rest),
    }
}

/// What follows one digit or more.
fn digits(bytes: &[u8]) -> Option<&[u8]> {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.get(count..).filter(|_| count > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_json_to_the_parser(bytes: &[u8]) -> bool {
        serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    }

    #[test]
    fn json_is_told_from_what_is_none() {
        let long = format!("\"{}\"", "x".repeat(100));
        for json in
            ["{}", " [ ] ", "-0.5e+3", "0", "12E9", "[1,[2,{\"a\":null,\"b\":[true,false]}]]", "\"\\u12aF\\n\"", &long]
        {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        let torn = &long[..long.len() - 1];
        for byte in 0..=u8::MAX {
            let (few, many) =
                ([b'"', byte, b'"'].to_vec(), ["\"".as_bytes(), &[b'x'; 90], &[byte], &[b'x'; 20], b"\""].concat());
            for text in [few, many] {
                assert_eq!(is_json(&text), is_json_to_the_parser(&text), "{byte}");
            }
        }
        for none in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{1:2}",
            "[1}",
            "{\"a\":1]",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "nul",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "1 2",
            "{} x",
            "+1",
            "'a'",
            torn,
        ] {
            assert!(!is_json(none.as_bytes()) && !is_json_to_the_parser(none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn what_is_too_deep_is_left_to_the_parser() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(format!("{}1{}", "[".repeat(64), "]".repeat(64)).as_bytes()));
        for deep in [66, 1_000, 100_000] {
            assert!(!is_json(nested(deep).as_bytes()));
            assert!(is_json_to_the_parser(nested(deep).as_bytes()));
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "(?s).{0,80}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((".{0,40}", inner), 0..6)
                    .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn all_json_is_known_however_it_is_laid_out(json in json()) {
            prop_assert!(is_json(json.to_string().as_bytes()));
            prop_assert!(is_json(&serde_json::to_vec_pretty(&json).unwrap()));
        }

        #[test]
        fn nothing_passes_that_the_parser_refuses(
            json in json(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, any::<u8>()), 1..4),
        ) {
            let mut bytes = json.to_string().into_bytes();
            for (at, what, byte) in changes {
                let at = at.index(bytes.len() + 1);
                let byte = if byte < 160 { b"{}[]\",:\\u0123456789.eE+-tfn \n"[usize::from(byte) % 29] } else { byte };
                match what {
                    0 => bytes.insert(at, byte),
                    1 if at < bytes.len() => bytes[at] = byte,
                    _ => bytes.truncate(at),
                }
            }
            prop_assert_eq!(is_json(&bytes), is_json_to_the_parser(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn random_signs_are_judged_as_the_parser_judges_them(
            signs in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u01e.-t \x1f\xc3".to_vec()), 0..12),
        ) {
            prop_assert_eq!(is_json(&signs), is_json_to_the_parser(&signs), "{:?}", String::from_utf8_lossy(&signs));
        }
    }
}
