use super::*;
use connector_api::data::Decimal;
use proptest::prelude::*;

fn kind(text: &str) -> Option<Kind> {
    parse(text).schema.map(|schema| schema.kind.clone())
}

fn value(text: &str) -> Value {
    parse(text).value
}

#[test]
fn single_values_get_the_narrowest_type() {
    let numbers = ["5", "-128", "128", "40000", "3000000000", "1.50", "1e2", "+7", "007"];
    let values = [
        Value::Int8(5),
        Value::Int8(-128),
        Value::Int16(128),
        Value::Int32(40000),
        Value::Int64(3_000_000_000),
        Value::Float32(1.5),
        Value::Int8(100),
        Value::Int8(7),
        Value::Int8(7),
    ];
    assert_eq!(numbers.map(value), values);
    assert_eq!(value("1.5e300"), Value::Float64(1.5e300));
    let large = "9223372036854775808";
    assert_eq!(value(large), Value::Decimal(Decimal::new(large.into()).unwrap()));
    assert_eq!([" true ", "false", "null"].map(value), [Value::Boolean(true), Value::Boolean(false), Value::Null]);
    assert_eq!(parse("null"), nothing());
}

#[test]
fn everything_else_is_text() {
    for text in
        ["", " ", "abc", "truely", "true}", "1,5", "12 apples", "\"quoted\"", "[a]", "[1", "{1}", "-", "TRUE", "[1] x"]
    {
        assert_eq!((kind(text), value(text)), (Some(Kind::String), text.into()), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(value(&deep), deep.into());
}

#[test]
fn times_are_told_by_their_length() {
    let day = parse("2024-02-29");
    assert!(day.value == Value::Int32(19782) && day.schema.is_some_and(|schema| schema.is_logical(logical::DATE)));
    assert_eq!(value("12:34:56.789Z"), Value::Int32(45_296_789));
    assert_eq!(value("2024-02-29T12:34:56.789Z"), Value::Int64(1_709_210_096_789));
    assert_eq!(value("2024-02-29T12\\:34\\:56.789Z"), Value::Int64(1_709_210_096_789));
    assert_eq!(value("1234567890"), Value::Int32(1_234_567_890));
}

#[test]
fn arrays_and_maps_widen_numbers() {
    assert_eq!(value("[1, 300, 1.5]"), Value::Array([1.0, 300.0, 1.5].map(Value::Float32).to_vec()));
    assert_eq!(kind("[\"a\", \"b\"]"), Some(Kind::Array(Arc::new(Schema::string()))));
    assert_eq!(["[1, null]", "{\"a\":1,\"b\":null}"].map(kind), [Some(Kind::String), Some(Kind::String)]);
    let mixed = parse("[1, \"a\", [], {}]");
    assert_eq!(mixed.schema, None);
    let items = vec![Value::Int8(1), "a".into(), Value::Array(Vec::new()), Value::Map(Vec::new())];
    assert_eq!(mixed.value, Value::Array(items));
    let map = parse("{\"a\": 1, \"b\": 1000}");
    assert_eq!(map.value, Value::Map(vec![("a".into(), Value::Int16(1)), ("b".into(), Value::Int16(1000))]));
}

proptest! {
    #[test]
    fn nothing_panics(text in "[-+0-9a-zT:.,{}\\[\\]\" \\\\ü]{0,30}") {
        let _ = parse(&text);
    }

    #[test]
    fn whole_numbers_keep_their_value(number: i64) {
        prop_assert_eq!(value(&number.to_string()).as_i64(), Some(number));
    }
}
