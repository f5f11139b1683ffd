//! An open file: what of an object is there so far.

mod body;
mod line;
mod rules;

pub(crate) use body::{Body, Codec};
pub(crate) use line::Shape;
pub(crate) use rules::{Rules, Tally};

use std::sync::Arc;

/// An object that is being gathered, or waits to be stored.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// The object's path without its name: one file is open for each path of a topic partition.
    pub path: Arc<str>,
    /// What has been written.
    pub tally: Tally,
    /// The bytes that have not been handed over yet.
    pub body: Body,
    /// Where a cut that was decided in an earlier life ends: the offset of the last record that may be in it.
    pub planned_end: Option<i64>,
    /// Which life of which task decided the cut: stored with the object, so that it is told from any other of its name.
    pub writer: Arc<str>,
}

impl OpenFile {
    /// The first offset that the object's name says.
    pub fn start(&self) -> i64 {
        self.tally.start
    }
}
