//! An open file: what of its objects is there so far.

mod avro;
mod body;
mod buffers;
mod content;
mod headers;
mod lines;
mod parquet;
mod pieces;
mod rules;
#[cfg(test)]
mod samples;

pub(crate) use avro::AvroCodec;
pub(crate) use body::{Body, Shape};
pub(crate) use buffers::Buffers;
pub(crate) use content::Content;
pub(crate) use headers::headers_as;
pub(crate) use parquet::{Codec as ParquetCodec, Settings as ParquetSettings};
pub(crate) use pieces::Codec;
pub(crate) use rules::{Rules, Tally};

use std::sync::Arc;

use connector_api::Result;
use connector_api::data::Payload;

/// What an object holds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The values.
    Values,
    /// `store.kafka.keys`
    Keys,
    /// `store.kafka.headers`
    Headers,
}

/// One of the objects that each file becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// What of the records.
    pub side: Side,
    /// In which format.
    pub shape: Shape,
    /// What the object's name ends in, with its dots.
    pub ending: String,
}

/// Objects that are being gathered, or wait to be stored.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// The objects' path without their name: one file is open for each path of a topic partition.
    pub path: Arc<str>,
    /// What has been written.
    pub tally: Tally,
    /// The bytes that have not been handed over yet: of each output, in order. The values are the first.
    pub bodies: Vec<Body>,
    /// Where a cut that was decided in an earlier life ends: the offset of the last record that may be in it.
    pub planned_end: Option<i64>,
    /// Which life of which task decided the cut: stored with the objects, so that they are told from any other of their
    /// names.
    pub writer: Arc<str>,
}

impl OpenFile {
    /// The first offset that the objects' names say.
    pub fn start(&self) -> i64 {
        self.tally.start
    }

    /// Memory held, in bytes.
    pub fn held(&self) -> usize {
        self.bodies.iter().map(Body::held).sum()
    }

    /// Whether a record can go into it: what each output takes of it.
    pub fn fits(&mut self, record: &[Payload]) -> bool {
        self.bodies.iter_mut().zip(record).all(|(body, payload)| body.fits(payload))
    }

    /// Writes a record into each of the objects, or into none. Says how many bytes it has.
    pub fn write(&mut self, record: &[Payload]) -> Result<usize> {
        let mut bytes = 0;
        for (index, payload) in record.iter().enumerate().take(self.bodies.len()) {
            match self.bodies[index].write(payload) {
                Ok(more) => bytes += more,
                Err(why) => {
                    self.bodies[..=index].iter_mut().for_each(Body::undo);
                    return Err(why);
                }
            }
        }
        self.bodies.iter_mut().for_each(Body::settle);
        Ok(bytes)
    }
}
