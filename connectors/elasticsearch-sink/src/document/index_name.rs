//! The names of indexes and data streams.

use std::borrow::Cow;

/// The longest name of an index, in bytes.
const LONGEST: usize = 255;

/// The longest part of a data stream's name, in bytes.
const LONGEST_PART: usize = 100;

/// The index of a topic: its name in small letters, without a `-`, `_` or `+` at its beginning, cut after 255 bytes, as the
/// original has it. The error says what no index may hold.
pub fn of_topic(topic: &str) -> Result<String, String> {
    let mut name = topic.to_lowercase();
    cut(&mut name, LONGEST);
    finish(name, &format!("the topic `{topic}`"))
}

/// The index that an expression gave: in small letters and without a `-`, `_` or `+` at its beginning. It is not cut, since
/// two names that begin alike would become one.
pub fn of_expression(text: &str) -> Result<String, String> {
    let name = text.to_lowercase();
    match name.len() {
        0..=LONGEST => finish(name, &format!("`{text}`")),
        length => Err(format!("the name made for the index has {length} bytes, and an index's at most {LONGEST}")),
    }
}

/// A value as part of a name: what no name may hold becomes `_`.
pub fn clean(value: &str) -> Cow<'_, str> {
    match value.chars().any(is_forbidden) {
        true => value.chars().map(|letter| if is_forbidden(letter) { '_' } else { letter }).collect::<String>().into(),
        false => value.into(),
    }
}

/// A part of a data stream's name: in small letters, cut after 100 bytes.
pub fn stream_part(text: &str, topic: &str) -> String {
    let mut part = text.replace("${topic}", topic).to_lowercase();
    cut(&mut part, LONGEST_PART);
    part
}

fn cut(name: &mut String, longest: usize) {
    let end = (0..=longest.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.truncate(end);
}

fn is_forbidden(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\\/*?\"<>|,#:".contains(letter)
}

fn finish(mut name: String, whose: &str) -> Result<String, String> {
    if name.starts_with(['-', '_', '+']) {
        name.remove(0);
    }
    match name.as_str() {
        "" => return Err(format!("{whose} gives an index no name")),
        "." => return Ok("dot".to_owned()),
        ".." => return Ok("dotdot".to_owned()),
        _ => {}
    }
    match name.chars().find(|letter| is_forbidden(*letter)) {
        Some(letter) => Err(format!("{whose} names no index, since {letter:?} is not allowed in one")),
        None if name.starts_with(['-', '_', '+']) => Err(format!("{whose} names no index, by its first letters")),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn topics_become_indexes() {
        for (topic, index) in [
            ("Shop.Public.Orders", "shop.public.orders"),
            ("_hidden", "hidden"),
            ("-a", "a"),
            (".", "dot"),
            ("..", "dotdot"),
        ] {
            assert_eq!(of_topic(topic).unwrap(), index);
        }
        assert_eq!(of_topic(&"x".repeat(300)).unwrap().len(), 255);
        assert_eq!(of_topic(&"ü".repeat(200)).unwrap().len(), 254);
        for topic in ["", "_", "a b", "a/b", "a*", "a:b", "__x", "a#"] {
            assert!(of_topic(topic).is_err(), "{topic}");
        }
    }

    #[test]
    fn names_of_expressions_are_not_cut_and_values_are_cleaned() {
        assert_eq!(of_expression("Logs-EU").unwrap(), "logs-eu");
        assert!(of_expression(&"x".repeat(256)).unwrap_err().contains("256 bytes"));
        assert_eq!(clean("a b/c*ü"), "a_b_c_ü");
        assert_eq!(stream_part("app.${topic}", "Orders"), "app.orders");
        assert_eq!(stream_part("${topic}", &"x".repeat(300)).len(), 100);
    }

    proptest! {
        #[test]
        fn a_cleaned_value_is_allowed_in_a_name(value in "\\PC{0,40}") {
            let name = of_expression(&format!("a-{}", clean(&value)));
            prop_assert!(name.is_ok(), "{:?}", name);
        }
    }
}
