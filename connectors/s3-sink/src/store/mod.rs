//! Requests to S3.

mod client;
mod error;
mod leftovers;
mod upload;

pub(crate) use client::{Precondition, Store, Written};
pub(crate) use upload::{Board, Upload};
