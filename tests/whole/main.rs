//! Whole-process tests: the real binary and real servers. Each file is a family of promises.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod command_line;
mod dead_letters;
mod delivery;
mod documents;
mod exactly_once;
mod failing_connectors;
mod full_disk;
mod herd;
mod kafka;
mod r#move;
mod offsets;
mod peers;
mod plugins;
mod postgres;
mod quick_start;
mod rate_limits;
mod rest;
mod sinks;
mod transforms;
mod upgrade;
