//! What Kafka Connect leaves to Java's library, since configurations rely on it: numbers as text, date patterns, regular
//! expressions, literals.

pub(crate) mod date;
pub(crate) mod literal;
pub(crate) mod number;
pub(crate) mod regex;
pub(crate) mod replacement;
