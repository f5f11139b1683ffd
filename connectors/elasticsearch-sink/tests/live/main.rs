//! The connector against real servers.
#![allow(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod documents;
mod gateway;
mod malformed;
mod mappings;
mod places;
mod push_back;
mod restart;
mod shared;
mod signed;
mod validation;
