//! Laws of single transforms.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Payload, Schema, Value, logical};
use proptest::prelude::*;

use crate::shapes::{name, struct_of_leaves_and_structs, value};
use crate::world::{applied, apply, plain, schema_of, structure, transform, values_of};

/// The names of all leaves, joined by dots, in order.
fn leaves(schema: &Schema, prefix: &str, out: &mut Vec<String>) {
    for field in schema.fields() {
        let name = if prefix.is_empty() { field.name.to_string() } else { format!("{prefix}.{}", field.name) };
        match field.schema.kind {
            Kind::Struct(_) => leaves(&field.schema, &name, out),
            _ => out.push(name),
        }
    }
}

fn names(payload: &Payload) -> Vec<String> {
    schema_of(payload).fields().iter().map(|field| field.name.to_string()).collect()
}

/// A value of a random struct.
fn row() -> impl Strategy<Value = Payload> {
    struct_of_leaves_and_structs()
        .prop_flat_map(|schema| value(schema.clone()).prop_map(move |value| Payload::structured(schema.clone(), value)))
}

fn one_field(name: &str, schema: Schema, value: Value) -> Payload {
    structure(&Arc::new(Schema::structure(vec![Field::new(name, schema)])), vec![value])
}

proptest! {
    #[test]
    fn flattening_keeps_every_leaf_in_its_order_and_changes_nothing_the_second_time(row in row()) {
        let mut flatten = transform("Flatten$Value", &[]);
        let mut expected = Vec::new();
        leaves(schema_of(&row), "", &mut expected);
        let mut distinct = expected.clone();
        distinct.sort();
        distinct.dedup();
        match apply(&mut *flatten, row) {
            Ok(flat) => {
                prop_assert_eq!(names(&flat), expected);
                let again = apply(&mut *flatten, flat.clone()).unwrap();
                prop_assert_eq!(again, flat);
            }
            Err(_) => prop_assert!(distinct.len() < expected.len(), "refused without two leaves of one name"),
        }
    }

    #[test]
    fn fields_that_stay_keep_their_order_and_values(row in row(), exclude in name(), include in proptest::collection::vec(name(), 0..4)) {
        let include = include.join(",");
        let kept = applied("ReplaceField$Value", &[("exclude", &exclude), ("include", &include)], row.clone());
        let stays = |name: &str| name != exclude && (include.is_empty() || include.split(',').any(|known| known == name));
        let expected: Vec<(String, Value)> =
            names(&row).into_iter().zip(values_of(&row).to_vec()).filter(|(name, _)| stays(name)).collect();
        let found: Vec<(String, Value)> = names(&kept).into_iter().zip(values_of(&kept).to_vec()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn whole_numbers_come_back_from_text(number: i64) {
        let text = applied("Cast$Value", &[("spec", "string")], plain(Value::Int64(number)));
        prop_assert_eq!(applied("Cast$Value", &[("spec", "int64")], text), plain(Value::Int64(number)));
    }

    #[test]
    fn floats_come_back_from_text(number: f64) {
        let text = applied("Cast$Value", &[("spec", "a:string")], one_field("a", Schema::new(Kind::Float64), Value::Float64(number)));
        let back = applied("Cast$Value", &[("spec", "a:float64")], text);
        prop_assert_eq!(values_of(&back), &[Value::Float64(number)]);
    }

    #[test]
    fn wider_types_lose_nothing(number: i32) {
        let wide = applied("Cast$Value", &[("spec", "float64")], plain(Value::Int32(number)));
        prop_assert_eq!(applied("Cast$Value", &[("spec", "int32")], wide), plain(Value::Int32(number)));
    }

    #[test]
    fn what_is_wrapped_can_be_taken_out(row in row(), path in prop_oneof![Just("V1"), Just("V2")]) {
        let wrapped = applied("HoistField$Value", &[("field", "f")], row.clone());
        prop_assert_eq!(applied("ExtractField$Value", &[("field", "f"), ("field.syntax.version", path)], wrapped), row);
    }

    #[test]
    fn times_come_back_from_text(millis in -62_135_596_800_000i64..253_402_300_799_999) {
        let timestamp = || Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1);
        let row = one_field("t", timestamp(), Value::Int64(millis));
        let format = ("format", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
        let text = applied("TimestampConverter$Value", &[("field", "t"), ("target.type", "string"), format], row.clone());
        let back = applied("TimestampConverter$Value", &[("field", "t"), ("target.type", "Timestamp"), format], text);
        prop_assert_eq!(back, row);
    }

    #[test]
    fn inserting_leaves_all_other_fields(row in row()) {
        match apply(&mut *transform("InsertField$Value", &[("topic.field", "topic!"), ("offset.field", "offset")]), row.clone()) {
            Ok(more) => {
                let (before, after) = (values_of(&row), values_of(&more));
                prop_assert_eq!(&after[..before.len()], before);
                prop_assert_eq!(&after[before.len()..], &["orders".into(), Value::Int64(7)][..]);
            }
            Err(why) => prop_assert!(false, "{}", why),
        }
    }
}

#[test]
fn defaults_of_structs_are_spread_cast_and_converted() {
    let timestamp = Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1);
    let inner =
        Arc::new(Schema::structure(vec![Field::new("t", timestamp), Field::new("n", Schema::new(Kind::Int32))]));
    let values = vec![Value::Int64(86_400_000), Value::Int32(7)];
    let default = Value::Struct(connector_api::data::Struct::new(inner.clone(), values));
    let inner = Arc::new(Schema::clone(&inner).optional().default(default));
    let row = Arc::new(Schema::structure(vec![Field::new("in", inner.clone())]));

    let flat = applied("Flatten$Value", &[], structure(&row, vec![Value::Null]));
    assert_eq!(values_of(&flat), [Value::Int64(86_400_000), Value::Int32(7)]);
    assert!(schema_of(&flat).fields().iter().all(|field| field.schema.optional && field.schema.default.is_some()));

    let null = Payload::structured(inner.clone(), Value::Null);
    let converted = applied("TimestampConverter$Value", &[("field", "t"), ("target.type", "Date")], null);
    let default = schema_of(&converted).default.clone().unwrap();
    assert_eq!(default.as_struct().unwrap().get("t"), Some(&Value::Int32(1)));

    let cast =
        applied("Cast$Value", &[("spec", "n:string")], structure(&inner, vec![Value::Int64(0), Value::Int32(1)]));
    let default = schema_of(&cast).default.clone().unwrap();
    assert_eq!(default.as_struct().unwrap().get("n"), Some(&"7".into()));
}

#[test]
fn times_at_the_ends_of_their_numbers_are_taken_or_refused() {
    for (target, unit) in ["string", "unix", "Date", "Time", "Timestamp"]
        .into_iter()
        .flat_map(|target| ["seconds", "milliseconds", "microseconds", "nanoseconds"].map(|unit| (target, unit)))
    {
        let config = [("target.type", target), ("unix.precision", unit), ("format", "yyyy-MM-dd")];
        let mut transform = transform("TimestampConverter$Value", &config);
        for number in [i64::MIN, i64::MIN + 1, i64::MAX].map(Value::Int64) {
            let typed = Payload::structured(Arc::new(Schema::new(Kind::Int64)), number.clone());
            let results = [apply(&mut *transform, plain(number)), apply(&mut *transform, typed)];
            assert!(target != "unix" || results.iter().all(Result::is_ok));
        }
    }
}

#[test]
fn of_two_entries_that_get_one_name_the_later_one_stays() {
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    };
    let inner = || ("a", map(vec![("b", Value::Int64(1))]));
    let flat = |entries| applied("Flatten$Value", &[], plain(map(entries)));
    assert_eq!(flat(vec![inner(), ("a.b", Value::Int64(2))]), plain(map(vec![("a.b", Value::Int64(2))])));
    assert_eq!(flat(vec![("a.b", Value::Int64(2)), inner()]), plain(map(vec![("a.b", Value::Int64(1))])));
    let renamed =
        applied("ReplaceField$Value", &[("renames", "x:y")], plain(map(vec![("y", true.into()), ("x", Value::Null)])));
    assert_eq!(renamed, plain(map(vec![("y", Value::Null)])));
}

#[test]
fn decimals_are_numbers() {
    let digits = |text: &str| Value::Decimal(connector_api::data::Decimal::new(text.into()).unwrap());
    let row = || one_field("d", Schema::decimal(2), digits("-300.75"));
    let cast = |to: &str| values_of(&applied("Cast$Value", &[("spec", &format!("d:{to}"))], row()))[0].clone();
    assert_eq!(
        [cast("int8"), cast("int32"), cast("float64")],
        [Value::Int8(-44), Value::Int32(-300), Value::Float64(-300.75)]
    );
    assert_eq!([cast("string"), cast("boolean")], ["-300.75".into(), Value::Boolean(true)]);
    let masked = applied("MaskField$Value", &[("fields", "d"), ("replacement", "1e2")], row());
    assert_eq!(values_of(&masked), [digits("100")]);
    let whole = Payload::structured(Arc::new(Schema::decimal(2).optional()), digits("1.50"));
    let text = applied("Cast$Value", &[("spec", "string")], whole);
    assert_eq!(text, Payload::structured(Arc::new(Schema::string().optional()), "1.50".into()));
}

#[test]
fn a_struct_without_a_schema_beside_it_has_its_own() {
    let row = one_field("a", Schema::new(Kind::Int8), Value::Int8(1));
    let alone = plain(row.as_value().unwrap().clone());
    assert_eq!(
        applied("ReplaceField$Value", &[("renames", "a:b")], alone),
        applied("ReplaceField$Value", &[("renames", "a:b")], row)
    );
}
