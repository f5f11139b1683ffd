//! Arrays in the server's text form (PostgreSQL documentation, "Array Input and Output Syntax").

use bytes::{BufMut, Bytes};
use connector_api::data::Value;

use super::{Decoder, Scratch, Unreadable};

const MALFORMED: Unreadable = Unreadable("it is not an array in the server's form");

/// Reads an array of one dimension. Bounds other than 1 are left out, as the data model has none.
pub fn decode(cell: &[u8], delimiter: u8, element: &Decoder, scratch: &mut Scratch) -> Result<Vec<Value>, Unreadable> {
    let mut rest = body(cell)?;
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (item, after) = item(rest, delimiter, scratch)?;
        values.push(match item {
            Item::Null => Value::Null,
            Item::Text(text) => element.decode(&text, &text, scratch)?,
        });
        rest = match after.split_first() {
            None => after,
            Some((byte, more)) if *byte == delimiter && !more.is_empty() => more,
            Some(_) => return Err(MALFORMED),
        };
    }
    Ok(values)
}

/// What stands between the outer braces.
fn body(cell: &[u8]) -> Result<&[u8], Unreadable> {
    let start = match cell.first() {
        Some(b'[') => cell.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)? + 1,
        _ => 0,
    };
    cell[start..].strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).ok_or(MALFORMED)
}

enum Item {
    Null,
    Text(Bytes),
}

fn item<'a>(rest: &'a [u8], delimiter: u8, scratch: &mut Scratch) -> Result<(Item, &'a [u8]), Unreadable> {
    match rest.first() {
        Some(b'{') => Err(Unreadable("it is an array of more than one dimension, which no schema here can hold")),
        Some(b'"') => quoted(&rest[1..], scratch),
        _ => {
            let end = rest.iter().position(|byte| *byte == delimiter).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            let null = text.eq_ignore_ascii_case(b"NULL");
            Ok((if null { Item::Null } else { Item::Text(scratch.bytes(|out| out.put_slice(text))) }, after))
        }
    }
}

fn quoted<'a>(rest: &'a [u8], scratch: &mut Scratch) -> Result<(Item, &'a [u8]), Unreadable> {
    let mut at = 0;
    let mut closed = false;
    let text = scratch.bytes(|out| {
        while let Some(byte) = rest.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    closed = true;
                    return;
                }
                b'\\' => {
                    out.put_slice(&rest[at.min(rest.len())..(at + 1).min(rest.len())]);
                    at += 1;
                }
                _ => out.put_u8(*byte),
            }
        }
    });
    if closed { Ok((Item::Text(text), &rest[at..])) } else { Err(MALFORMED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(cell: &str) -> Result<Vec<Value>, Unreadable> {
        decode(cell.as_bytes(), b',', &Decoder::Text, &mut Scratch::default())
    }

    #[test]
    fn quotes_escapes_and_nulls_are_told_apart() {
        let read = texts(r#"{a,"b c",NULL,"q\"x","back\\slash","","NULL"}"#).unwrap();
        let text = |text: &str| Value::from(text);
        let expected = [text("a"), text("b c"), Value::Null, text("q\"x"), text("back\\slash"), text(""), text("NULL")];
        assert_eq!(read, expected);
    }

    #[test]
    fn bounds_are_left_out_and_dimensions_refused() {
        let ints = |cell: &str| decode(cell.as_bytes(), b',', &Decoder::Int32, &mut Scratch::default());
        assert_eq!(ints("[0:1]={5,6}"), Ok(vec![Value::Int32(5), Value::Int32(6)]));
        assert_eq!(ints("{}"), Ok(vec![]));
        assert!(ints("{{1,2},{3,4}}").is_err());
        for bad in ["", "{", "{1,}", "{\"1", "{\"1\"2}", "1", "{\"\\"] {
            assert!(ints(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_come_back(items in prop::collection::vec(prop::option::of(".*"), 0..8)) {
            let item = |item: &Option<String>| match item {
                None => "NULL".to_owned(),
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            };
            let cell = format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","));
            let expected: Vec<Value> = items.into_iter().map(|item| item.map_or(Value::Null, Value::from)).collect();
            prop_assert_eq!(texts(&cell), Ok(expected));
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes, b',', &Decoder::Text, &mut Scratch::default());
        }
    }
}
