//! Fields inside of fields, by paths of the syntax `V2`.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Payload, Schema, Struct, Value, logical};

use crate::world::{applied, apply, plain, schema_of, structure, transform, values_of};

const TO_TEXT: [(&str, &str); 4] =
    [("field", "after.`made.at`"), ("target.type", "string"), ("format", "yyyy-MM-dd"), ("field.syntax.version", "V2")];

fn envelope() -> (Arc<Schema>, Arc<Schema>) {
    let timestamp = Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1);
    let fields = vec![Field::new("made.at", timestamp), Field::new("iban", Schema::string())];
    let after = Arc::new(Schema::structure(fields).named("row").optional());
    let envelope = vec![Field::new("after", after.clone()), Field::new("op", Schema::string())];
    (Arc::new(Schema::structure(envelope).named("envelope")), after)
}

fn event(id: i64) -> Payload {
    let (envelope, after) = envelope();
    of(&envelope, Value::Struct(Struct::new(after, vec![Value::Int64(id * 86_400_000), "DE02".into()])))
}

fn of(envelope: &Arc<Schema>, after: Value) -> Payload {
    structure(envelope, vec![after, "c".into()])
}

#[test]
fn a_nested_time_is_converted_and_the_schemas_around_it_with_it() {
    let after = values_of(&applied("TimestampConverter$Value", &TO_TEXT, event(1)))[0].clone();
    assert_eq!(after.as_struct().unwrap().values(), ["1970-01-02".into(), "DE02".into()]);
    let schema = schema_of(&applied("TimestampConverter$Value", &TO_TEXT, event(1))).clone();
    assert_eq!((schema.name.as_deref(), schema.fields().len()), (Some("envelope"), 2));
    let inner = &schema.fields()[0].schema;
    assert_eq!(
        (inner.name.as_deref(), inner.optional, &inner.fields()[0].schema.kind),
        (Some("row"), true, &Kind::String)
    );
    assert_eq!(inner, after.as_struct().unwrap().schema());
}

#[test]
fn records_of_one_schema_leave_with_one_also_where_a_struct_is_null() {
    let (envelope, after) = envelope();
    let mut transform = transform("TimestampConverter$Value", &TO_TEXT);
    let value = || Value::Struct(Struct::new(after.clone(), vec![Value::Int64(0), "DE02".into()]));
    let mut next = |after| schema_of(&apply(&mut *transform, of(&envelope, after)).unwrap()).clone();
    let schemas = [next(value()), next(Value::Null), next(value())];
    assert!(Arc::ptr_eq(&schemas[0], &schemas[1]) && Arc::ptr_eq(&schemas[1], &schemas[2]));
}

#[test]
fn several_nested_fields_are_masked() {
    let config = [("fields", "after.iban,op,after.none,none.x"), ("field.syntax.version", "V2"), ("replacement", "*")];
    let masked = applied("MaskField$Value", &config, event(1));
    assert_eq!(values_of(&masked)[1], "*".into());
    let after = values_of(&masked)[0].as_struct().unwrap();
    assert_eq!(after.values(), [Value::Int64(86_400_000), "*".into()]);
    assert_eq!(schema_of(&masked), schema_of(&event(1)));
    let (envelope, _) = envelope();
    let deleted = applied("MaskField$Value", &config, of(&envelope, Value::Null));
    assert_eq!(values_of(&deleted), [Value::Null, "*".into()]);
}

#[test]
fn maps_are_changed_where_the_way_leads() {
    let map = |name: &str, value| Value::Map(vec![(name.into(), value)]);
    let config = [("fields", "a.b"), ("field.syntax.version", "V2")];
    let masked = |value| applied("MaskField$Value", &config, plain(value));
    assert_eq!(masked(map("a", map("b", "secret".into()))), plain(map("a", map("b", "".into()))));
    assert_eq!(masked(map("x", "kept".into())), plain(map("x", "kept".into())));
    assert_eq!(masked(map("a", Value::Null)), plain(map("a", Value::Null)));
    let mut transform = transform("MaskField$Value", &config);
    assert!(apply(&mut *transform, plain(map("a", "text".into()))).is_err());
    assert!(apply(&mut *transform, Payload::Null).is_err());
}
