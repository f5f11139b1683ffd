//! The name of the index that a topic's records go to.

/// The longest name of an index, in bytes.
const LONGEST: usize = 255;

/// The index of a topic: its name in small letters, without a `-`, `_` or `+` at its beginning, cut after 255 bytes, as the
/// original has it. The error says what no index may hold.
pub fn index_name(topic: &str) -> Result<String, String> {
    let mut name = topic.to_lowercase();
    if name.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(end);
    }
    if name.starts_with(['-', '_', '+']) {
        name.remove(0);
    }
    match name.as_str() {
        "" => return Err(format!("the topic `{topic}` gives an index no name")),
        "." => return Ok("dot".to_owned()),
        ".." => return Ok("dotdot".to_owned()),
        _ => {}
    }
    let wrong = |letter: char| letter.is_whitespace() || letter.is_control() || "\\/*?\"<>|,#:".contains(letter);
    match name.chars().find(|letter| wrong(*letter)) {
        Some(letter) => Err(format!("the topic `{topic}` names no index, since {letter:?} is not allowed in one")),
        None if name.starts_with(['-', '_', '+']) => {
            Err(format!("the topic `{topic}` names no index, by its first letters"))
        }
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_become_indexes() {
        for (topic, index) in [
            ("Shop.Public.Orders", "shop.public.orders"),
            ("_hidden", "hidden"),
            ("-a", "a"),
            (".", "dot"),
            ("..", "dotdot"),
        ] {
            assert_eq!(index_name(topic).unwrap(), index);
        }
        assert_eq!(index_name(&"x".repeat(300)).unwrap().len(), 255);
        assert_eq!(index_name(&"ü".repeat(200)).unwrap().len(), 254);
        for topic in ["", "_", "a b", "a/b", "a*", "a:b", "__x", "a#"] {
            assert!(index_name(topic).is_err(), "{topic}");
        }
    }
}
