//! Single records, borrowed from a batch's bytes or as slices of them.

use bytes::Bytes;

use super::varint;

/// A record that borrows from its batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordRef<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Time in ms, -1 for none.
    pub timestamp: i64,
    /// The key, `None` for null.
    pub key: Option<&'a [u8]>,
    /// The value, `None` for null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order; names may repeat.
    pub headers: Headers<'a>,
}

/// A header of a record: its name, which need not be UTF-8, and its value, `None` for null.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// The headers of a record: an iterator.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Headers<'a> {
    /// Walks over the headers once, so that later iteration cannot fail.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = varint::get_i32(bytes)?;
        let headers = Self { rest, left: usize::try_from(count).ok()? };
        let mut walk = headers;
        while walk.left > 0 {
            walk.step()?;
        }
        walk.rest.is_empty().then_some(headers)
    }

    fn step(&mut self) -> Option<Header<'a>> {
        let (name, rest) = field(self.rest)?;
        let (value, rest) = field(rest)?;
        self.rest = rest;
        self.left -= 1;
        Some((name?, value))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left == 0 { None } else { self.step() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Bytes with a length in front; -1 is null.
#[inline]
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (len, rest) = varint::get_i32(bytes)?;
    if len == -1 {
        return Some((None, rest));
    }
    let (field, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((Some(field), rest))
}

/// How deltas of a batch become offsets and times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    pub offset: i64,
    pub timestamp: i64,
    /// The broker's time, which replaces that of the records.
    pub append_time: Option<i64>,
}

/// Reads one record; the second part is the bytes after it.
// Always inlined, as `next` is: a record is six words, and whoever walks over millions would copy each of them twice.
#[inline(always)]
fn parse(bytes: &[u8], base: Base) -> Option<(RecordRef<'_>, &[u8])> {
    let (len, rest) = varint::get_i32(bytes)?;
    let (body, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    let (_attributes, body) = body.split_first()?;
    let (timestamp_delta, body) = varint::get(body)?;
    let (offset_delta, body) = varint::get_i32(body)?;
    let (key, body) = field(body)?;
    let (value, body) = field(body)?;
    let headers = if body == [0] { Headers::default() } else { Headers::parse(body)? };
    let record = RecordRef {
        offset: base.offset.wrapping_add(i64::from(offset_delta)),
        timestamp: base.append_time.unwrap_or_else(|| base.timestamp.wrapping_add(timestamp_delta)),
        key,
        value,
        headers,
    };
    Some((record, after))
}

/// The records of one batch, in order: an iterator. A damaged record ends it with an error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    pub(super) rest: &'a [u8],
    pub(super) base: Base,
    pub(super) index: i32,
    pub(super) count: i32,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, super::RecordError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            return None;
        }
        let Some((record, rest)) = parse(self.rest, self.base) else {
            let damaged = super::RecordError::Record { offset: self.base.offset, index: self.index };
            self.index = self.count;
            return Some(Err(damaged));
        };
        self.rest = rest;
        self.index += 1;
        Some(Ok(record))
    }
}

/// A record whose parts are slices of its batch's bytes: cheap to keep, but it keeps the whole batch in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Offset in the partition.
    pub offset: i64,
    /// Time in ms, -1 for none.
    pub timestamp: i64,
    /// The key, `None` for null.
    pub key: Option<Bytes>,
    /// The value, `None` for null.
    pub value: Option<Bytes>,
    /// The headers, in order; names may repeat and need not be UTF-8; `None` is a null value.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

impl Record {
    /// The record as slices of `bytes`, which `record` must borrow from.
    pub(super) fn slice(bytes: &Bytes, record: &RecordRef<'_>) -> Self {
        let headers = record.headers;
        Self {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(|key| bytes.slice_ref(key)),
            value: record.value.map(|value| bytes.slice_ref(value)),
            headers: headers
                .map(|(name, value)| (bytes.slice_ref(name), value.map(|value| bytes.slice_ref(value))))
                .collect(),
        }
    }
}

/// How a transaction ended, as a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlType {
    /// The records before are to be ignored.
    Abort,
    /// The records before are valid.
    Commit,
}

impl ControlType {
    /// Reads the key of a control record; `None` for other kinds of control record.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        match key {
            [_, _, 0, 0, ..] => Some(Self::Abort),
            [_, _, 0, 1, ..] => Some(Self::Commit),
            _ => None,
        }
    }
}
