//! JSON of which no schema is known, as values.

use std::collections::HashMap;
use std::fmt;

use connector_api::data::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// From so many names on, an object's names are looked up by their hashes.
const FEW: usize = 16;

/// Reads a JSON text: whole numbers as 64 bits, others as floats, objects as maps. Names keep their order; of two that are the same
/// the last one counts, as in other parsers.
pub(super) fn read_plain(json: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<Plain>(json).map(|plain| plain.0)
}

struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Plain, D::Error> {
        from.deserialize_any(AnyValue).map(Plain)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int64(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float64(number as f64), Value::Int64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float64(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Plain(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some((name, Plain(value))) = from.next_entry::<String, Plain>()? {
            let known = match entries.len() {
                0..FEW => entries.iter().position(|(known, _)| known.as_str() == Some(&name)),
                _ => {
                    if places.is_empty() {
                        let named =
                            |(place, (name, _)): (usize, &(Value, Value))| Some((name.as_str()?.to_owned(), place));
                        places.extend(entries.iter().enumerate().filter_map(named));
                    }
                    places.get(&name).copied()
                }
            };
            match known.and_then(|place| entries.get_mut(place)) {
                Some((_, known)) => *known = value,
                None => {
                    if entries.len() >= FEW {
                        places.insert(name.clone(), entries.len());
                    }
                    entries.push((name.into(), value));
                }
            }
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_their_order_and_numbers_their_kind() {
        let value = read_plain(br#"{"z":1,"a":[1.5,18446744073709551615,null,true],"z":"last"}"#).unwrap();
        let list = vec![Value::Float64(1.5), Value::Float64(18_446_744_073_709_551_615.0), Value::Null, true.into()];
        assert_eq!(value, Value::Map(vec![("z".into(), "last".into()), ("a".into(), Value::Array(list))]));
        assert!(read_plain(b"{} {}").is_err() && read_plain(&[b'['; 1000]).is_err());
    }

    proptest! {
        /// Of names that come again the last value counts, and each is there once, however many there are.
        #[test]
        fn each_name_is_there_once(names in prop::collection::vec(0u8..40, 0..120)) {
            let members: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("\"k{name}\":{n}")).collect();
            let Value::Map(entries) = read_plain(format!("{{{}}}", members.join(",")).as_bytes()).unwrap() else {
                panic!("not a map");
            };
            let mut expected: Vec<(Value, Value)> = Vec::new();
            for (n, name) in names.iter().enumerate() {
                let (name, n) = (Value::from(format!("k{name}")), Value::Int64(n as i64));
                match expected.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = n,
                    None => expected.push((name, n)),
                }
            }
            prop_assert_eq!(entries, expected);
        }
    }
}
