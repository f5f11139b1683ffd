//! Requests to S3.

mod body;
mod client;
mod error;
mod leftovers;
mod repeats;
mod upload;

pub(crate) use client::{Precondition, Store, Tags, Written};
pub(crate) use error::{Fault, Kind};
pub(crate) use upload::{Board, Upload};
