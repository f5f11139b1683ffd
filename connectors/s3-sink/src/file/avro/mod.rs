//! Avro's object container: a head with the schema, then blocks of records, each compressed by itself.

mod encode;
mod schema;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use connector_api::data::{Payload, Schema};
use connector_api::{Error, Result};

use super::body::{no_schema, other_form};
pub(super) use schema::precision;

use encode::{Plan, long};

/// `avro.codec`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AvroCodec {
    /// As they are.
    Null,
    /// Deflate of level 6.
    Deflate,
    /// Snappy with a CRC-32 after it.
    Snappy,
    /// zstd of level 3.
    Zstandard,
}

impl AvroCodec {
    fn name(self) -> &'static str {
        match self {
            AvroCodec::Null => "null",
            AvroCodec::Deflate => "deflate",
            AvroCodec::Snappy => "snappy",
            AvroCodec::Zstandard => "zstandard",
        }
    }
}

/// How many bytes of records make a block.
const BLOCK: usize = 64_000;

/// A container on its way.
#[derive(Debug)]
pub(crate) struct Avro {
    codec: AvroCodec,
    name: String,
    records: Option<Records>,
    sync: [u8; 16],
    block: Vec<u8>,
    count: i64,
    mark: (usize, i64),
    ready: Vec<u8>,
}

/// The schema of all records.
#[derive(Debug)]
struct Records {
    schema: Arc<Schema>,
    plan: Plan,
}

impl Avro {
    /// Nothing yet. What stands between blocks is derived from the name and the schema, so that the same records make the
    /// same file whenever they are written.
    pub fn new(codec: AvroCodec, name: &str) -> Avro {
        let name = name.to_owned();
        Avro { codec, name, records: None, sync: [0; 16], block: Vec::new(), count: 0, mark: (0, 0), ready: Vec::new() }
    }

    /// Whether the record has the schema of those before it.
    pub fn fits(&mut self, payload: &Payload) -> bool {
        match (&mut self.records, payload) {
            (Some(records), Payload::Structured { schema: Some(schema), .. }) => same(&mut records.schema, schema),
            _ => true,
        }
    }

    pub fn write(&mut self, payload: &Payload) -> Result<usize> {
        self.mark = (self.block.len(), self.count);
        let Payload::Structured { schema, value } = payload else { return Err(other_form()) };
        let schema = schema.as_ref().ok_or_else(|| no_schema("Avro"))?;
        if self.records.is_none() {
            self.begin(schema)?;
        }
        let Some(records) = &self.records else { return Err(other_form()) };
        records.plan.write(value, &mut self.block).map_err(|why| {
            Error::reject(format!("the record does not have the values that its schema promises: {why}"))
        })?;
        self.count += 1;
        Ok(self.block.len() - self.mark.0)
    }

    fn begin(&mut self, schema: &Arc<Schema>) -> Result<()> {
        let refused = |why: String| {
            Error::reject(format!("the record's schema cannot be written as Avro: {why}"))
                .remedy("Change the schema, or set the format class to `JsonFormat`.")
        };
        let json = schema::to_json(schema).map_err(refused)?.to_string();
        let plan = Plan::of_record(schema);
        let digest = ring::digest::digest(&ring::digest::SHA256, format!("{}\n{json}", self.name).as_bytes());
        self.sync.copy_from_slice(&digest.as_ref()[..16]);
        let head = &mut self.ready;
        head.extend_from_slice(b"Obj\x01");
        long(2, head);
        for (key, value) in [("avro.schema", json.as_str()), ("avro.codec", self.codec.name())] {
            for text in [key, value] {
                long(text.len() as i64, head);
                head.extend_from_slice(text.as_bytes());
            }
        }
        long(0, head);
        head.extend_from_slice(&self.sync);
        self.records = Some(Records { schema: schema.clone(), plan });
        Ok(())
    }

    pub fn undo(&mut self) {
        self.block.truncate(self.mark.0);
        self.count = self.mark.1;
    }

    pub fn settle(&mut self) {
        if self.block.len() >= BLOCK {
            self.end_block();
        }
    }

    pub fn held(&self) -> usize {
        self.block.capacity() + self.ready.capacity()
    }

    pub fn part(&mut self, at_least: usize) -> Option<Bytes> {
        (self.ready.len() >= at_least).then(|| std::mem::take(&mut self.ready).into())
    }

    pub fn rest(&mut self) -> Bytes {
        self.end_block();
        self.block = Vec::new();
        std::mem::take(&mut self.ready).into()
    }

    fn end_block(&mut self) {
        if self.count == 0 {
            return;
        }
        let done = compressed(self.codec, &self.block);
        // Compressing into memory has no errors that a caller could do anything about.
        let packed = done.unwrap_or_else(|why| panic!("compressing into memory failed: {why}"));
        let bytes = packed.as_deref().unwrap_or(&self.block);
        long(self.count, &mut self.ready);
        long(bytes.len() as i64, &mut self.ready);
        self.ready.extend_from_slice(bytes);
        self.ready.extend_from_slice(&self.sync);
        self.block.clear();
        self.count = 0;
    }
}

/// Whether both schemas say the same. The one kept is replaced by an equal one, so that the next look is at its address.
pub(super) fn same(kept: &mut Arc<Schema>, new: &Arc<Schema>) -> bool {
    if Arc::ptr_eq(kept, new) {
        return true;
    }
    let same = kept == new;
    if same {
        *kept = new.clone();
    }
    same
}

fn compressed(codec: AvroCodec, block: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    Ok(Some(match codec {
        AvroCodec::Null => return Ok(None),
        AvroCodec::Deflate => {
            let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
            out.write_all(block)?;
            out.finish()?
        }
        AvroCodec::Snappy => {
            let mut out = snap::raw::Encoder::new().compress_vec(block)?;
            let mut sum = flate2::Crc::new();
            sum.update(block);
            out.extend_from_slice(&sum.sum().to_be_bytes());
            out
        }
        AvroCodec::Zstandard => zstd::stream::encode_all(block, 3)?,
    }))
}
