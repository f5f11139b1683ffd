//! The bytes of an open object, in any format.

use connector_api::data::Payload;
use connector_api::{Error, Result};

use super::avro::{Avro, AvroCodec};
use super::buffers::Buffers;
use super::content::Content;
use super::lines::Lines;
use super::parquet::{Parquet, Settings as ParquetSettings};
use super::pieces::Codec;

/// `format.class` and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// One line of JSON for each record.
    JsonLines(Codec),
    /// The bytes as they are, each record followed by these.
    Bytes(Vec<u8>, Codec),
    /// Avro's object container.
    Avro(AvroCodec),
    /// Parquet.
    Parquet(ParquetSettings),
}

/// An object's bytes on their way. What it is made of depends on the records alone, not on when parts are taken.
#[derive(Debug)]
pub(crate) enum Body {
    /// Lines of JSON, or bytes.
    Lines(Lines),
    /// Avro.
    Avro(Box<Avro>),
    /// Parquet.
    Parquet(Box<Parquet>),
}

macro_rules! each {
    ($body:expr, $of:ident => $what:expr) => {
        match $body {
            Body::Lines($of) => $what,
            Body::Avro($of) => $what,
            Body::Parquet($of) => $what,
        }
    };
}

impl Body {
    /// Nothing yet. `name` is the object's: what has to be unlike other files is derived from it.
    pub fn new(shape: &Shape, name: &str, buffers: &Buffers) -> Body {
        match shape {
            Shape::JsonLines(codec) => Body::Lines(Lines::new(None, *codec, buffers)),
            Shape::Bytes(separator, codec) => Body::Lines(Lines::new(Some(separator.clone()), *codec, buffers)),
            Shape::Avro(codec) => Body::Avro(Box::new(Avro::new(*codec, name))),
            Shape::Parquet(settings) => Body::Parquet(Box::new(Parquet::new(*settings))),
        }
    }

    /// Whether a record can go into the same file as those before it: where files have a schema, theirs is one.
    pub fn fits(&mut self, payload: &Payload) -> bool {
        match self {
            Body::Lines(_) => true,
            Body::Avro(avro) => avro.fits(payload),
            Body::Parquet(parquet) => parquet.fits(payload),
        }
    }

    /// Appends a record, and says by how many bytes the file grew before compression. After an error, call
    /// [`undo`](Self::undo); otherwise [`settle`](Self::settle) once the record is in all its files.
    pub fn write(&mut self, payload: &Payload) -> Result<usize> {
        each!(self, body => body.write(payload))
    }

    /// Takes back the last record written, or what there is of it.
    pub fn undo(&mut self) {
        each!(self, body => body.undo());
    }

    /// Compresses what is long enough to be worth it.
    pub fn settle(&mut self) {
        each!(self, body => body.settle());
    }

    /// Memory held, in bytes.
    pub fn held(&self) -> usize {
        each!(self, body => body.held())
    }

    /// Takes what could be a part of that size, if there is as much.
    pub fn part(&mut self, at_least: usize) -> Option<Content> {
        match self {
            Body::Lines(lines) => lines.part(at_least),
            Body::Avro(avro) => avro.part(at_least).map(Content::from),
            Body::Parquet(parquet) => parquet.part(at_least).map(Content::from),
        }
    }

    /// Takes all that is left, and ends the file.
    pub fn rest(&mut self) -> Content {
        match self {
            Body::Lines(lines) => lines.rest(),
            Body::Avro(avro) => avro.rest().into(),
            Body::Parquet(parquet) => parquet.rest().into(),
        }
    }
}

pub(super) fn other_form() -> Error {
    Error::fatal("the worker handed over a record in another form than was asked for")
}

pub(super) fn no_schema(format: &str) -> Error {
    Error::reject(format!("the record has no schema, and {format} files are made of one")).remedy(
        "Use a converter that gives schemas, such as JsonConverter with `schemas.enable` set to `true`, or set the format \
         class to `JsonFormat`.",
    )
}
