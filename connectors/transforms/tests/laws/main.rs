//! What holds of every class, and of single ones, whatever the record.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod classes;
mod hostile;
mod identities;
mod nested;
mod shapes;
mod sharing;
mod world;
