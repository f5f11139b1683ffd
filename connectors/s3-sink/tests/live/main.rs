//! The sink against a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod conformance;
mod formats;
mod kills;
mod leftovers;
mod memory;
mod rate;
mod requests;
mod server;
mod sides;
mod startup;
mod tags;
mod trouble;
mod world;
