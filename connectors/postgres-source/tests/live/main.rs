//! The connector against real servers.
#![allow(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod cuts;
mod driver;
mod envelope;
mod every_type;
mod handover;
mod idle;
mod json;
mod restart;
mod schema_changes;
mod secrets;
mod shared;
mod startup;
mod takeover;
mod tls;
mod validation;
