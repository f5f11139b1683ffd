//! Building a batch.

use bytes::Bytes;

use super::compression::{Compression, Compressor};
use super::header::{BATCH_OVERHEAD, LENGTH_PREFIX, write_crc};
use super::roomy::{HEADROOM, RoomyBatch, TAILROOM};
use super::{RecordError, varint};

/// Bytes of the buffer before the records.
const BEFORE: usize = HEADROOM + BATCH_OVERHEAD;

/// What an idempotent producer puts into each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStamp {
    /// Id from InitProducerId.
    pub producer_id: i64,
    /// Epoch of the id.
    pub epoch: i16,
    /// Sequence number of the batch's first record.
    pub base_sequence: i32,
    /// The batch belongs to a transaction.
    pub transactional: bool,
}

/// Collects records into a batch. One builder makes batch after batch and keeps its buffers and codecs.
///
/// Records get offset deltas 0, 1, 2 ... in the order of [`push`](Self::push); the base offset is 0 until a broker
/// gives another.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    /// Room for a request's head and the batch's header, then the records, uncompressed.
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    compressor: Compressor,
    /// Size of the last batch: what the next one will probably need.
    expected: usize,
}

impl BatchBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records so far.
    pub fn len(&self) -> usize {
        self.count.cast_unsigned() as usize
    }

    /// True if there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Size in bytes of the batch so far, before compression.
    pub fn size(&self) -> usize {
        self.buffer.len().max(BEFORE) - HEADROOM
    }

    /// Most bytes that a record takes in a batch: for a check of a size limit before [`push`](Self::push).
    pub fn record_size_bound(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> usize {
        let header = |(name, value): &(&[u8], Option<&[u8]>)| 10 + name.len() + value.map_or(0, <[u8]>::len);
        36 + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers.iter().map(header).sum::<usize>()
    }

    /// Adds a record. `None` is a null key or value (a null value is a tombstone in a compacted topic). Headers keep
    /// their order, and names may repeat.
    pub fn push(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        self.start(timestamp_ms);
        // attributes, timestamp delta, offset delta, key length; then value length
        let mut head = [0u8; 1 + 3 * varint::MAX_LEN];
        let mut at = varint::put(&mut head, 1, timestamp_ms.wrapping_sub(self.base_timestamp));
        at = varint::put(&mut head, at, i64::from(self.count));
        at = varint::put(&mut head, at, length(key));
        let mut middle = [0u8; varint::MAX_LEN];
        let middle_len = varint::put(&mut middle, 0, length(value));

        let body = at + slice(key).len() + middle_len + slice(value).len() + headers_size(headers);
        let mut prefix = [0u8; varint::MAX_LEN];
        let prefix_len = varint::put(&mut prefix, 0, body as i64);

        self.buffer.reserve(prefix_len + body);
        self.buffer.extend_from_slice(&prefix[..prefix_len]);
        self.buffer.extend_from_slice(&head[..at]);
        self.buffer.extend_from_slice(slice(key));
        self.buffer.extend_from_slice(&middle[..middle_len]);
        self.buffer.extend_from_slice(slice(value));
        self.put_headers(headers);
        self.count += 1;
    }

    fn start(&mut self, timestamp_ms: i64) {
        if self.count == 0 {
            self.buffer.reserve(self.expected.max(BEFORE));
            self.buffer.resize(BEFORE, 0);
            self.base_timestamp = timestamp_ms;
            self.max_timestamp = timestamp_ms;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
    }

    fn put_headers(&mut self, headers: &[(&[u8], Option<&[u8]>)]) {
        self.put_varint(headers.len() as i64);
        for (name, value) in headers {
            self.put_varint(name.len() as i64);
            self.buffer.extend_from_slice(name);
            self.put_varint(length(*value));
            self.buffer.extend_from_slice(slice(*value));
        }
    }

    fn put_varint(&mut self, value: i64) {
        let mut bytes = [0; varint::MAX_LEN];
        let len = varint::put(&mut bytes, 0, value);
        self.buffer.extend_from_slice(&bytes[..len]);
    }

    /// The batch; the builder is empty again afterwards. Without records the result is empty too.
    ///
    /// # Errors
    /// The codec failed, which no input makes it do; the records are lost then.
    pub fn finish(&mut self, codec: Compression, stamp: Option<ProducerStamp>) -> Result<Bytes, RecordError> {
        if self.is_empty() {
            return Ok(Bytes::new());
        }
        self.finish_roomy(codec, stamp).map(RoomyBatch::into_bytes)
    }

    /// The batch with room around it; there has to be a record.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_roomy(
        &mut self,
        codec: Compression,
        stamp: Option<ProducerStamp>,
    ) -> Result<RoomyBatch, RecordError> {
        self.expected = self.buffer.len() + self.buffer.len() / 8;
        let mut buffer = match codec {
            Compression::None => std::mem::take(&mut self.buffer),
            _ => {
                let mut smaller = vec![0; BEFORE];
                let done = self.compressor.compress(codec, &self.buffer[BEFORE..], &mut smaller);
                self.buffer.clear();
                if let Err(error) = done {
                    self.count = 0;
                    return Err(error);
                }
                smaller
            }
        };
        buffer.reserve_exact(TAILROOM);
        self.write_header(&mut buffer[HEADROOM..], codec, stamp);
        self.count = 0;
        Ok(RoomyBatch::new(buffer))
    }

    fn write_header(&self, batch: &mut [u8], codec: Compression, stamp: Option<ProducerStamp>) {
        let none = ProducerStamp { producer_id: -1, epoch: -1, base_sequence: -1, transactional: false };
        let stamp = stamp.unwrap_or(none);
        let attributes = codec as i16 | (i16::from(stamp.transactional) << 4);
        let length = (batch.len() - LENGTH_PREFIX) as i32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[12..16].copy_from_slice(&(-1i32).to_be_bytes());
        batch[16] = 2;
        batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        batch[23..27].copy_from_slice(&(self.count - 1).to_be_bytes());
        batch[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        batch[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        batch[43..51].copy_from_slice(&stamp.producer_id.to_be_bytes());
        batch[51..53].copy_from_slice(&stamp.epoch.to_be_bytes());
        batch[53..57].copy_from_slice(&stamp.base_sequence.to_be_bytes());
        batch[57..61].copy_from_slice(&self.count.to_be_bytes());
        write_crc(batch);
    }
}

fn slice(field: Option<&[u8]>) -> &[u8] {
    field.unwrap_or_default()
}

fn length(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |bytes| bytes.len() as i64)
}

fn headers_size(headers: &[(&[u8], Option<&[u8]>)]) -> usize {
    let one = |(name, value): &(&[u8], Option<&[u8]>)| {
        varint::len(name.len() as i64) + name.len() + varint::len(length(*value)) + slice(*value).len()
    };
    varint::len(headers.len() as i64) + headers.iter().map(one).sum::<usize>()
}
