//! Requests to S3.

mod client;
mod error;
mod leftovers;
mod repeats;
mod upload;

pub(crate) use client::{Precondition, Store, Tags, Written};
pub(crate) use upload::{Board, Upload};
