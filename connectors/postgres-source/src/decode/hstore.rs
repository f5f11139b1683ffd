//! `hstore` in its text form: `"key"=>"value", "key"=>NULL`.

use bytes::{BufMut, BytesMut};
use connector_api::data::{Text, Value};

use super::{Scratch, Unreadable};

const MALFORMED: Unreadable = Unreadable("it is not an hstore in the server's form");

/// Keys and values as JSON text, in the server's order.
pub fn json(cell: &[u8], scratch: &mut Scratch) -> Result<Text, Unreadable> {
    let pairs = pairs(cell)?;
    scratch.text(|out| {
        out.put_u8(b'{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            put_json(out, key);
            out.put_u8(b':');
            match value {
                Some(value) => put_json(out, value),
                None => out.put_slice(b"null"),
            }
        }
        out.put_u8(b'}');
    })
}

fn put_json(out: &mut BytesMut, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out.writer(), text);
}

/// Keys and values as a map.
pub fn map(cell: &[u8]) -> Result<Vec<(Value, Value)>, Unreadable> {
    let entry = |(key, value): (String, Option<String>)| (Value::from(key), value.map_or(Value::Null, Value::from));
    Ok(pairs(cell)?.into_iter().map(entry).collect())
}

type Pair = (String, Option<String>);

fn pairs(cell: &[u8]) -> Result<Vec<Pair>, Unreadable> {
    let mut rest = std::str::from_utf8(cell).map_err(|_| MALFORMED)?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let after = after.strip_prefix("=>").ok_or(MALFORMED)?;
        let (value, after) = match after.strip_prefix("NULL") {
            Some(after) => (None, after),
            None => quoted(after).map(|(value, after)| (Some(value), after))?,
        };
        pairs.push((key, value));
        rest = match after.strip_prefix(", ") {
            Some(more) if !more.is_empty() => more,
            None if after.is_empty() => after,
            _ => return Err(MALFORMED),
        };
    }
    Ok(pairs)
}

fn quoted(rest: &str) -> Result<(String, &str), Unreadable> {
    let body = rest.strip_prefix('"').ok_or(MALFORMED)?;
    let mut text = String::new();
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((text, &body[at + 1..])),
            '\\' => text.push(letters.next().ok_or(MALFORMED)?.1),
            other => text.push(other),
        }
    }
    Err(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_hstore_is_json_in_the_servers_order() {
        let mut scratch = Scratch::default();
        let cell = br#""c"=>NULL, "q"=>"x\"y", "a b"=>"1""#;
        assert_eq!(json(cell, &mut scratch), Ok(r#"{"c":null,"q":"x\"y","a b":"1"}"#.into()));
        assert_eq!(json(b"", &mut scratch), Ok("{}".into()));
        for bad in [&b"x"[..], b"\"a\"", b"\"a\"=>", b"\"a\"=>\"b\",", b"\"a\"=>\"b\", ", b"\"\\"] {
            assert!(json(bad, &mut scratch).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = map(&bytes);
        }
    }
}
