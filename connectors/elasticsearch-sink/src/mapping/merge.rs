//! What a mapping lacks. Fields that are there stay as they are: an index template or its owner may know better.

use serde_json::{Map, Value, json};

/// What to do about an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Nothing.
    Nothing,
    /// These fields, as `properties`, have to be added.
    Missing(Map<String, Value>),
    /// No document of the schema fits into the index, for this reason.
    Conflict(String),
}

/// Types of fields that hold objects.
const OBJECTS: [&str; 5] = ["object", "nested", "flattened", "flat_object", "passthrough"];

/// What the `properties` of an index lack of those of a schema.
pub fn difference(wanted: &Map<String, Value>, there: &Map<String, Value>) -> Difference {
    match missing(wanted, there, "") {
        Err(why) => Difference::Conflict(why),
        Ok(lacking) if lacking.is_empty() => Difference::Nothing,
        Ok(lacking) => Difference::Missing(lacking),
    }
}

fn missing(wanted: &Map<String, Value>, there: &Map<String, Value>, path: &str) -> Result<Map<String, Value>, String> {
    let mut lacking = Map::new();
    for (name, field) in wanted {
        let Some(known) = there.get(name) else {
            lacking.insert(name.clone(), field.clone());
            continue;
        };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let own = |field: &Value| field.get("properties").and_then(Value::as_object).cloned();
        let kind = known.get("type").and_then(Value::as_str);
        let holds_objects = kind.is_none_or(|kind| OBJECTS.contains(&kind));
        let is_object = own(field).is_some() || field["type"] == "object";
        match (is_object, holds_objects) {
            (true, false) => {
                let kind = kind.unwrap_or_default();
                return Err(format!("its field `{path}` is of type {kind} there, and an object in the schema"));
            }
            (false, true) => {
                let kind = field["type"].as_str().unwrap_or_default();
                return Err(format!("its field `{path}` is an object there, and of type {kind} in the schema"));
            }
            (false, false) => {}
            // What is not indexed needs no fields, and other types have none.
            (true, true) if known["enabled"] == false || !matches!(kind, None | Some("object" | "nested")) => {}
            (true, true) => {
                let lacks = missing(&own(field).unwrap_or_default(), &own(known).unwrap_or_default(), &path)?;
                if !lacks.is_empty() {
                    let mut part = json!({ "properties": lacks });
                    if kind == Some("nested") {
                        part["type"] = json!("nested");
                    }
                    lacking.insert(name.clone(), part);
                }
            }
        }
    }
    Ok(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_what_is_missing_is_added() {
        let long = || json!({"type": "long"});
        let inner = |fields: Value| json!({ "properties": fields });
        let wanted = of(json!({"a": long(), "o": inner(json!({"x": long(), "y": long()})), "m": {"type": "object"}}));
        let all = Difference::Missing(wanted.clone());
        assert_eq!(difference(&wanted, &Map::new()), all);
        let there = of(json!({"a": {"type": "keyword"}, "o": inner(json!({"x": {"type": "text"}})), "z": long()}));
        let lacking = of(json!({"o": inner(json!({"y": long()})), "m": {"type": "object"}}));
        assert_eq!(difference(&wanted, &there), Difference::Missing(lacking));
        let there = of(json!({"a": long(), "o": {"type": "flattened"}, "m": inner(json!({}))}));
        assert_eq!(difference(&wanted, &there), Difference::Nothing);
        let there = of(json!({"a": long(), "o": {"type": "object", "enabled": false}, "m": inner(json!({}))}));
        assert_eq!(difference(&wanted, &there), Difference::Nothing);
        let nested = of(json!({"o": {"type": "nested", "properties": {"x": long()}}}));
        let lacking = of(json!({"o": {"type": "nested", "properties": {"y": long()}}}));
        assert_eq!(difference(&of(json!({"o": wanted["o"]})), &nested), Difference::Missing(lacking));
    }

    #[test]
    fn objects_and_single_values_do_not_fit_each_other() {
        let (object, single) = (json!({"properties": {"x": {"type": "long"}}}), json!({"type": "long"}));
        for (wanted, there, part) in [
            (&object, &single, "`a.b` is of type long there, and an object"),
            (&single, &object, "`a.b` is an object there, and of type long"),
        ] {
            let around = |field: &Value| of(json!({"a": {"properties": {"b": field}}}));
            let Difference::Conflict(why) = difference(&around(wanted), &around(there)) else { panic!() };
            assert!(why.contains(part), "{why}");
        }
    }

    fn field() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(json!({"type": "long"})), Just(json!({"type": "text"})), Just(json!({"type": "object"}))];
        leaf.prop_recursive(3, 20, 4, |inner| {
            proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|fields| json!({ "properties": fields }))
        })
    }

    fn merged(there: &mut Map<String, Value>, more: &Map<String, Value>) {
        for (name, field) in more {
            match there.get_mut(name) {
                None => drop(there.insert(name.clone(), field.clone())),
                Some(known) => {
                    let mut own = known.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
                    merged(&mut own, field["properties"].as_object().unwrap());
                    *known = json!({ "properties": own });
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_added_is_not_missing_any_more(
            wanted in proptest::collection::btree_map("[a-d]", field(), 0..4),
            there in proptest::collection::btree_map("[a-d]", field(), 0..4),
        ) {
            let (wanted, mut there): (Map<String, Value>, Map<String, Value>) =
                (wanted.into_iter().collect(), there.into_iter().collect());
            if let Difference::Missing(lacking) = difference(&wanted, &there) {
                merged(&mut there, &lacking);
                prop_assert_eq!(difference(&wanted, &there), Difference::Nothing);
            }
        }
    }
}
