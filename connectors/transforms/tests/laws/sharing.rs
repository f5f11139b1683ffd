//! Records of one shape leave with one shape, and what is shared stays shared.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Payload, Schema, Struct, Value};

use crate::world::{apply, plain, schema_of, structure, transform, values_of};

fn row() -> (Arc<Schema>, Arc<Schema>) {
    let source = Arc::new(Schema::structure(vec![Field::new("db", Schema::string())]));
    let fields = vec![
        Field::new("id", Schema::new(Kind::Int64)),
        Field::new("source", source.clone()),
        Field::new("at", Schema::new(Kind::Int64)),
    ];
    (Arc::new(Schema::structure(fields)), source)
}

#[test]
fn schemas_are_made_once_for_all_records_of_a_schema() {
    let (row, source) = row();
    let inner = Struct::new(source, vec!["x".into()]).into_shared();
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("Cast$Value", &[("spec", "id:string")]),
        ("ExtractField$Value", &[("field", "source")]),
        ("HeaderFrom$Value", &[("fields", "id"), ("headers", "h"), ("operation", "move")]),
        ("HoistField$Value", &[("field", "f")]),
        ("InsertField$Value", &[("topic.field", "t")]),
        ("MaskField$Value", &[("fields", "id")]),
        ("ReplaceField$Value", &[("renames", "id:key")]),
        ("SetSchemaMetadata$Value", &[("schema.name", "n")]),
        ("TimestampConverter$Value", &[("field", "at"), ("target.type", "Timestamp")]),
    ];
    for (name, config) in cases {
        let mut transform = transform(name, config);
        let mut next = |id| {
            let values = vec![Value::Int64(id), Value::Struct(inner.clone()), Value::Int64(0)];
            apply(&mut *transform, structure(&row, values)).unwrap()
        };
        let (first, second) = (next(1), next(2));
        assert!(Arc::ptr_eq(schema_of(&first), schema_of(&second)), "{name}");
        let shared = |value: &Value| value.as_struct().is_some_and(|found| found.is_same(&inner));
        let kept = |payload: &Payload| payload.as_value().is_some_and(shared) || values_of(payload).iter().any(shared);
        let deeper = |payload: &Payload| name == "HoistField$Value" && values_of(payload).len() == 1;
        assert!(kept(&first) || deeper(&first), "{name} took the shared struct apart");
    }
}

#[test]
fn flattening_and_keys_are_made_once_too() {
    let (row, source) = row();
    let value = || {
        let inner = Struct::new(source.clone(), vec!["x".into()]);
        structure(&row, vec![Value::Int64(1), Value::Struct(inner), Value::Int64(0)])
    };
    let mut flatten = transform("Flatten$Value", &[]);
    let mut next = || apply(&mut *flatten, value()).unwrap();
    assert!(Arc::ptr_eq(schema_of(&next()), schema_of(&next())));
    let mut keys = transform("ValueToKey", &[("fields", "id")]);
    let mut next = || {
        let mut record = crate::world::record(value());
        keys.apply(&mut record).unwrap();
        record.key
    };
    assert!(Arc::ptr_eq(schema_of(&next()), schema_of(&next())));
}

#[test]
fn what_a_transform_does_not_look_into_it_does_not_touch() {
    for (name, config) in [
        ("RegexRouter", &[("regex", ".*"), ("replacement", "x")][..]),
        ("TimestampRouter", &[]),
        ("InsertHeader", &[("header", "h"), ("value.literal", "1")]),
        ("DropHeaders", &[("headers", "h")]),
    ] {
        let json = Payload::Json("{\"a\":1}".into());
        assert_eq!(apply(&mut *transform(name, config), json.clone()).unwrap(), json, "{name}");
    }
}

#[test]
fn a_struct_that_no_rule_is_for_stays_shared() {
    let (row, source) = row();
    let inner = Value::Struct(Struct::new(source, vec!["x".into()]));
    let whole = Struct::new(row.clone(), vec![Value::Int64(1), inner, Value::Int64(0)]).into_shared();
    for (name, config) in [
        ("MaskField$Value", &[("fields", "none")][..]),
        ("HeaderFrom$Value", &[("fields", "id"), ("headers", "h"), ("operation", "copy")]),
        ("ValueToKey", &[("fields", "id")]),
    ] {
        let value = Payload::structured(row.clone(), Value::Struct(whole.clone()));
        let after = apply(&mut *transform(name, config), value).unwrap();
        assert!(after.as_value().and_then(Value::as_struct).is_some_and(|after| after.is_same(&whole)), "{name}");
    }
    let map = plain(Value::Map(vec![("a".into(), Value::Int64(1))]));
    assert_eq!(apply(&mut *transform("Flatten$Value", &[]), map.clone()).unwrap(), map);
}
