//! The connector against real servers.
#![allow(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod documents;
mod gateway;
mod malformed;
mod push_back;
mod restart;
mod shared;
mod validation;
