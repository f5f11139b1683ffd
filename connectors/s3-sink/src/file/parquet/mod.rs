//! Parquet: records are taken apart into columns; a row group is written when its columns hold enough.

mod columns;
mod schema;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::sync::Arc;

use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use bytes::Bytes;
use connector_api::data::{Kind, Payload, Schema, Struct, Value};
use connector_api::{Error, Result};

use super::avro::same;
use super::body::{no_schema, other_form};
use columns::Columns;
use tree::Node;

/// `parquet.codec`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Snappy,
    Gzip,
    Lz4,
    Zstd,
}

/// How Parquet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `parquet.codec`
    pub codec: Codec,
    /// `parquet.row.group.bytes`: a row group ends when its columns hold that many bytes in memory.
    pub group: usize,
    /// The name of the one field that records are put into, for what is no struct by itself: keys and headers.
    pub envelope: Option<(&'static str, &'static str)>,
}

/// The size of a page, in bytes.
const PAGE: usize = 64 * 1024;

/// A Parquet file on its way.
pub(crate) struct Parquet {
    settings: Settings,
    open: Option<Open>,
}

struct Open {
    /// The schema as records have it.
    schema: Arc<Schema>,
    /// The struct around each record, where there is one.
    envelope: Option<Arc<Schema>>,
    tree: Node,
    columns: Columns,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl Parquet {
    /// Nothing yet.
    pub fn new(settings: Settings) -> Parquet {
        Parquet { settings, open: None }
    }

    /// Whether the record has the schema of those before it.
    pub fn fits(&mut self, payload: &Payload) -> bool {
        match (&mut self.open, payload) {
            (Some(open), Payload::Structured { schema: Some(schema), .. }) => same(&mut open.schema, schema),
            _ => true,
        }
    }

    pub fn write(&mut self, payload: &Payload) -> Result<usize> {
        let Payload::Structured { schema, value } = payload else { return Err(other_form()) };
        let schema = schema.as_ref().ok_or_else(|| no_schema("Parquet"))?;
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(schema, &self.settings).map_err(refused)?),
        };
        open.columns.begin_record();
        let before = open.columns.bytes();
        let written = match &open.envelope {
            None => open.tree.shred(value, &mut open.columns),
            Some(schema) => {
                let record = Value::Struct(Struct::new(schema.clone(), vec![value.clone()]));
                open.tree.shred(&record, &mut open.columns)
            }
        };
        written.map_err(|why| {
            Error::reject(format!("the record does not have the values that its schema promises: {why}"))
        })?;
        Ok(open.columns.bytes() - before)
    }

    pub fn undo(&mut self) {
        self.open.iter_mut().for_each(|open| open.columns.undo_record());
    }

    pub fn settle(&mut self) {
        let group = self.settings.group;
        self.open.iter_mut().filter(|open| open.columns.bytes() >= group).for_each(Open::end_group);
    }

    pub fn held(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.columns.held() + open.writer.inner().capacity())
    }

    pub fn part(&mut self, at_least: usize) -> Option<Bytes> {
        let ready = self.open.as_mut()?.writer.inner_mut();
        (ready.len() >= at_least).then(|| std::mem::take(ready).into())
    }

    pub fn rest(&mut self) -> Bytes {
        let Some(mut open) = self.open.take() else { return Bytes::new() };
        open.end_group();
        in_memory(open.writer.finish());
        std::mem::take(open.writer.inner_mut()).into()
    }
}

impl Open {
    fn new(schema: &Arc<Schema>, settings: &Settings) -> Result<Open, String> {
        let envelope = settings.envelope.map(|(name, field)| {
            let fields = vec![connector_api::data::Field::new(field, schema.clone())];
            Arc::new(Schema::structure(fields).named(name))
        });
        let whole = envelope.as_ref().unwrap_or(schema);
        if !matches!(whole.kind, Kind::Struct(_)) {
            return Err("it is no struct, and the columns of a file are its fields".to_owned());
        }
        let kind = schema::message(whole)?;
        let tree = Node::new(whole);
        let columns = Columns::new(&tree);
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(kind), properties(settings.codec));
        Ok(Open { schema: schema.clone(), envelope, tree, columns, writer: writer.map_err(|why| why.to_string())? })
    }

    fn end_group(&mut self) {
        if self.columns.records() > 0 {
            in_memory(self.columns.write(&mut self.writer));
            in_memory(self.writer.flush().map_err(ParquetError::from));
        }
    }
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Writing columns that were made for the schema into memory has no errors that a caller could do anything about.
fn in_memory<T>(done: Result<T, ParquetError>) {
    if let Err(why) = done {
        panic!("writing Parquet into memory failed: {why}");
    }
}

fn refused(why: String) -> Error {
    Error::reject(format!("the record's schema cannot be written as Parquet: {why}"))
        .remedy("Change the schema, or set the format class to `AvroFormat` or `JsonFormat`.")
}

fn properties(codec: Codec) -> WriterPropertiesPtr {
    let compression = match codec {
        Codec::None => Compression::UNCOMPRESSED,
        Codec::Snappy => Compression::SNAPPY,
        Codec::Gzip => Compression::GZIP(GzipLevel::default()),
        Codec::Lz4 => Compression::LZ4_RAW,
        Codec::Zstd => Compression::ZSTD(ZstdLevel::default()),
    };
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_data_page_size_limit(PAGE)
        // A group is ended by this module alone.
        .set_max_row_group_row_count(None)
        .set_created_by(concat!("naru s3-sink version ", env!("CARGO_PKG_VERSION")).to_owned());
    Arc::new(properties.build())
}
