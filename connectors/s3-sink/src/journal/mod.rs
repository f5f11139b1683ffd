//! What is cut where, decided before it is uploaded.
//!
//! A topic partition has one small object that lists its newest cuts. It is replaced only if it is still the one that
//! this task wrote last (`If-Match`), so of two tasks that both believe to have the partition one alone decides, and
//! whoever takes over repeats the cuts that it finds.

mod content;
mod decider;
mod keeper;

pub(crate) use content::{Content, Cut};
pub(crate) use decider::{Decider, Decision};
pub(crate) use keeper::Keeper;
