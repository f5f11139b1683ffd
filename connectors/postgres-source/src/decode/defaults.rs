//! Defaults of columns, from the expressions in the catalog, as far as they are plain values.

use connector_api::data::{Kind, Schema, Value};

use super::{Decoder, Scratch, zero};
use crate::catalog::pg_type::id;

/// The default that a column's schema shows. `None` for none, for expressions, and for types whose defaults Debezium
/// does not show either (arrays, `bytea`, structs, money and others).
///
/// A call of a function is shown as the nothing of the type, as Debezium does it: the value is not known before the row
/// is there.
pub fn default(expression: &str, type_id: u32, decoder: &Decoder, schema: &Schema) -> Option<Value> {
    if !shown(type_id, schema) {
        return None;
    }
    let mut scratch = Scratch::default();
    match literal(expression)? {
        Literal::Null => None,
        Literal::Call => called(decoder, schema),
        Literal::Text(text) => decoder.decode_text(&fitted(&text, decoder, schema)?, &mut scratch).ok(),
    }
}

/// Whether a default of that type is shown at all.
fn shown(type_id: u32, schema: &Schema) -> bool {
    let variable = matches!(schema.kind, Kind::Struct(_));
    let known = matches!(
        type_id,
        id::BOOL
            | id::INT2
            | id::INT4
            | id::INT8
            | id::FLOAT4
            | id::FLOAT8
            | id::NUMERIC
            | id::TEXT
            | id::VARCHAR
            | id::BPCHAR
            | id::UUID
            | id::JSON
            | id::JSONB
            | id::XML
            | id::DATE
            | id::TIME
            | id::TIMESTAMP
            | id::TIMESTAMPTZ
            | id::INTERVAL
            | id::BIT
            | id::VARBIT
    );
    known && !variable || schema.is_logical("io.debezium.data.Enum")
}

fn called(decoder: &Decoder, schema: &Schema) -> Option<Value> {
    match decoder {
        _ if schema.is_logical("io.debezium.data.Enum") => None,
        Decoder::Text if schema.is_logical("io.debezium.data.Uuid") => {
            Some("00000000-0000-0000-0000-000000000000".into())
        }
        Decoder::Text if schema.is_logical("io.debezium.data.Json") => Some("{}".into()),
        Decoder::ZonedTimestamp(_) => decoder.decode_text("1970-01-01 00:00:00+00", &mut Scratch::default()).ok(),
        Decoder::DecimalText(scale) => super::number::decimal_text("0".into(), *scale).ok().map(Value::String),
        _ => Some(zero(decoder)),
    }
}

/// Numbers get the scale of their column; one with more digits than the column keeps is not shown.
fn fitted(text: &str, decoder: &Decoder, schema: &Schema) -> Option<String> {
    let have = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let want = match decoder {
        Decoder::Decimal => schema.scale() as usize,
        Decoder::DecimalText(Some(scale)) => *scale as usize,
        Decoder::Boolean => return Some(text[..text.len().min(1)].to_owned()),
        _ => return Some(text.to_owned()),
    };
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    (plain && have <= want).then(|| super::number::padded(text, have, want))
}

#[derive(Debug, PartialEq, Eq)]
enum Literal {
    Null,
    Call,
    Text(String),
}

/// Reads `'text'::type`, `B'101'::"bit"`, `12.5`, `(-5)`, `true`, `NULL::type`, or sees that it is a call.
fn literal(expression: &str) -> Option<Literal> {
    let whole = expression.trim();
    let inner = whole.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|inner| !inner.contains('('));
    let (value, cast) = split_cast(inner.unwrap_or(whole))?;
    let value = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    if value.eq_ignore_ascii_case("null") {
        return Some(Literal::Null);
    }
    if let Some(text) = quoted(value.strip_prefix('B').unwrap_or(value)) {
        return only_types(cast).then_some(Literal::Text(text));
    }
    let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if (number || value == "true" || value == "false") && only_types(cast) {
        return Some(Literal::Text(value.to_owned()));
    }
    is_call(whole).then_some(Literal::Call)
}

/// The value, and what follows its first `::` outside quotes.
fn split_cast(text: &str) -> Option<(&str, &str)> {
    let mut in_quotes = false;
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'\'' => in_quotes = !in_quotes,
            b':' if !in_quotes && bytes.get(at + 1) == Some(&b':') => return Some((&text[..at], &text[at..])),
            _ => {}
        }
    }
    (!in_quotes).then_some((text, ""))
}

/// The text between single quotes that are the first and the last letter, doubled ones inside taken as one.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let alone = inner.replace("''", "");
    (!alone.contains('\'')).then(|| inner.replace("''", "'"))
}

/// Whether what follows the value are casts and nothing else.
fn only_types(cast: &str) -> bool {
    !cast.contains(['|', '+', '*', '/', '\'']) && !cast.contains(" - ")
}

fn is_call(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "CURRENT_USER",
        "SESSION_USER",
        "CURRENT_ROLE",
        "CURRENT_CATALOG",
        "CURRENT_SCHEMA",
        "USER",
    ];
    let name_end = text.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '"')));
    let name = &text[..name_end.unwrap_or(text.len())];
    let called = !name.is_empty() && name_end.is_some_and(|end| text[end..].starts_with('('));
    called || WORDS.contains(&name) || text.starts_with("((") || text.starts_with('(') && text.contains("('now'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_told_from_calls_and_expressions() {
        let text = |text: &str| Some(Literal::Text(text.into()));
        assert_eq!(literal("7"), text("7"));
        assert_eq!(literal("'-5'::integer"), text("-5"));
        assert_eq!(literal("(-1.5)"), text("-1.5"));
        assert_eq!(literal("'it''s'::text"), text("it's"));
        assert_eq!(literal("'a::b'::character varying"), text("a::b"));
        assert_eq!(literal("B'1010'::\"bit\""), text("1010"));
        assert_eq!(literal("(5)::numeric"), text("5"));
        assert_eq!(literal("true"), text("true"));
        assert_eq!(literal("NULL::text"), Some(Literal::Null));
        assert_eq!(literal("now()"), Some(Literal::Call));
        assert_eq!(literal("nextval('s'::regclass)"), Some(Literal::Call));
        assert_eq!(literal("CURRENT_USER"), Some(Literal::Call));
        assert_eq!(literal("('a'::text || 'b'::text)"), None);
        assert_eq!(literal("(1 + 1)"), None);
        assert_eq!(literal("'open"), None);
    }

    #[test]
    fn numbers_take_the_scale_of_their_column() {
        let schema = Schema::decimal(2);
        let shown = |text| default(text, id::NUMERIC, &Decoder::DecimalText(Some(2)), &schema);
        assert_eq!(shown("12.5"), Some("12.50".into()));
        assert_eq!(shown("1234567.891"), None);
        let now = default("now()", id::TIMESTAMPTZ, &Decoder::ZonedTimestamp(3), &schema);
        assert_eq!(now, Some("1970-01-01T00:00:00.000Z".into()));
        assert_eq!(default("'a'::citext", 99_999, &Decoder::Text, &Schema::string()), None);
    }
}
