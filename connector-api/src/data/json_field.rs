//! Fields of JSON, found in its text without building a tree of it.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

/// The JSON text of a field, named by its path with dots between names. `None` if there is no such field.
pub fn find<'a>(json: &'a [u8], path: &str) -> Option<&'a str> {
    let mut found = std::str::from_utf8(json).ok()?;
    for name in path.split('.') {
        found = member(found, name)?;
    }
    Some(found)
}

/// The JSON text of a member of the object itself, whose name may hold dots.
pub fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_map(&mut reader, Member(name)).ok().flatten()
}

/// The text that a single value stands for: that of a text, the digits of a number. `None` for null, objects and lists.
pub fn plain(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

struct Member<'n>(&'n str);

impl<'de> serde::de::Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// The last of several members of one name counts, as in most readers.
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn fields_are_found_by_their_paths() {
        let json = br#" {"a":{"b":{"c":"x\"y"},"n":12345678901234567890},"a.b":1,"z":null, "k\u0065y":true} "#;
        assert_eq!(find(json, "a.b.c"), Some(r#""x\"y""#));
        assert_eq!(find(json, "a.n"), Some("12345678901234567890"));
        assert_eq!((find(json, "z"), find(json, "key")), (Some("null"), Some("true")));
        for path in ["a.b.c.d", "b", "", "a.", "a.n.m"] {
            assert_eq!(find(json, path), None, "{path}");
        }
        assert_eq!(member(r#"{"a.b":1}"#, "a.b"), Some("1"));
        assert_eq!(plain(r#""x\"y""#).as_deref(), Some("x\"y"));
        assert_eq!([plain("1.5"), plain("null"), plain("{}"), plain("[]")], [Some("1.5".into()), None, None, None]);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_tree_holds(names in proptest::collection::vec("\\PC{0,6}", 1..6), text in "\\PC{0,20}", pretty: bool) {
            let inner: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), json!({"v": text, "name": name}))).collect();
            let tree = json!({"before": [1, {"v": 2}], "o": inner, "after": {}});
            let bytes = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) }.unwrap();
            for name in names.iter().filter(|name| !name.contains('.')) {
                let found = find(&bytes, &format!("o.{name}.v")).unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(found).unwrap(), json!(text));
            }
        }
    }
}
