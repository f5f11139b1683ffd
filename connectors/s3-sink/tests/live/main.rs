//! The sink against a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod conformance;
mod kills;
mod requests;
mod startup;
mod trouble;
mod world;
