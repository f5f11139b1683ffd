//! Names of topics, schemas and fields.

use crate::config::RecordSettings;

/// The topic of a table: prefix, schema and name. What no topic's name can hold becomes `_`, one for each UTF-16 unit,
/// as Debezium does it.
pub fn topic(settings: &RecordSettings, schema: &str, table: &str) -> String {
    let RecordSettings { prefix, delimiter, .. } = settings;
    let name = format!("{prefix}{delimiter}{schema}{delimiter}{table}");
    let mut topic = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') {
            topic.push(letter);
        } else {
            topic.extend(std::iter::repeat_n('_', letter.len_utf16()));
        }
    }
    topic
}

/// The name of a schema that belongs to a topic.
pub fn schema(settings: &RecordSettings, topic: &str, ending: &str) -> String {
    let name = format!("{topic}.{ending}");
    if settings.avro_schemas { avro(&name, true) } else { name }
}

/// The name of a column's field.
pub fn field(settings: &RecordSettings, column: &str) -> String {
    if settings.avro_fields { avro(column, false) } else { column.to_owned() }
}

/// Letters that Avro does not allow become `_`; a digit in front gets one before it.
fn avro(name: &str, dots: bool) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    for (at, letter) in name.chars().enumerate() {
        let good = letter.is_ascii_alphanumeric() || letter == '_' || dots && letter == '.';
        if at == 0 && letter.is_ascii_digit() {
            out.push('_');
        }
        out.push(if good { letter } else { '_' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::filters::KeyColumns;

    fn settings(avro: bool) -> RecordSettings {
        RecordSettings {
            prefix: "p-1".into(),
            delimiter: ".".into(),
            keys: KeyColumns::default(),
            tombstones: true,
            context_headers: false,
            avro_schemas: avro,
            avro_fields: avro,
        }
    }

    #[test]
    fn topics_hold_no_letters_that_topics_cannot() {
        assert_eq!(topic(&settings(false), "public", "Odd Näme"), "p-1.public.Odd_N_me");
        assert_eq!(topic(&settings(false), "public", "😀"), "p-1.public.__");
    }

    #[test]
    fn names_become_what_avro_allows_only_when_asked() {
        assert_eq!(schema(&settings(false), "p-1.s.t", "Key"), "p-1.s.t.Key");
        assert_eq!(schema(&settings(true), "p-1.s.t", "Key"), "p_1.s.t.Key");
        assert_eq!(field(&settings(true), "Id ü"), "Id__");
        assert_eq!(field(&settings(true), "1st"), "_1st");
        assert_eq!(field(&settings(false), "b.c"), "b.c");
    }
}
