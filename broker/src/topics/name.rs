//! Which names a topic may have: Kafka's rules.

use thiserror::Error;

/// Most characters of a topic's name.
pub const MAX_NAME: usize = 249;
/// Topics of the broker's own.
pub const INTERNAL_TOPICS: [&str; 2] = [OFFSETS_TOPIC, TRANSACTIONS_TOPIC];
/// Where committed offsets and groups are kept.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Where transactions are kept.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// A name that no topic may have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("topic name {name:?} is not allowed: {reason}")]
pub struct NameError {
    /// The name, cut if it is long.
    pub name: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

/// Checks a name.
///
/// # Errors
/// The name breaks a rule.
pub fn check(name: &str) -> Result<(), NameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = match name {
        "" => "it is empty",
        "." | ".." => "it is a dot or two",
        _ if name.len() > MAX_NAME => "it is longer than 249 characters",
        _ if !name.bytes().all(allowed) => "it has other characters than ASCII letters, digits, '.', '_' and '-'",
        _ => return Ok(()),
    };
    Err(NameError { name: name.chars().take(64).collect(), reason })
}

/// True for a topic of the broker's own.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        let longest = "x".repeat(249);
        for good in ["a", "A.b_c-9", "...", &longest] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "ä", "a b", "a\0", &"x".repeat(250)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
