//! Numbers, texts and lists as bytes: what messages are made of.
//!
//! Numbers are little-endian and of fixed width. Texts and bytes have their length before them, as a `u32`; lists their count.
//! What may be absent has a byte before it, 0 or 1. Nothing is aligned or padded.

use bytes::Bytes;
use bytestring::ByteString;

use crate::error::Error;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the message is malformed: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Error {
    fn from(why: Malformed) -> Error {
        Error::fatal(why.to_string()).remedy("The other side of the plugin boundary does not keep to its contract.")
    }
}

/// What can be read.
pub type Read<T> = Result<T, Malformed>;

/// Appends to a message.
#[derive(Debug, Default)]
pub struct Writer {
    /// What has been written.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// Writes into that buffer, behind what is in it.
    pub fn on(bytes: Vec<u8>) -> Writer {
        Writer { bytes }
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> &mut Writer {
        self.bytes.push(value);
        self
    }

    /// 32 bits.
    pub fn u32(&mut self, value: u32) -> &mut Writer {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// 64 bits.
    pub fn u64(&mut self, value: u64) -> &mut Writer {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// 64 bits, signed.
    pub fn i64(&mut self, value: i64) -> &mut Writer {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A count or a length.
    pub fn count(&mut self, count: usize) -> &mut Writer {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Bytes and their length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Writer {
        self.bytes(text.as_bytes())
    }

    /// Whether something follows, and it.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) -> &mut Writer {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    /// How many follow, and they.
    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Writer, T)) {
        self.count(items.len());
        items.for_each(|item| write(self, item));
    }

    /// Puts a number where four bytes were left for it.
    pub fn put_u32(&mut self, at: usize, value: u32) {
        if let Some(slot) = self.bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Reads a message. Texts and bytes are slices of it, not copies.
#[derive(Clone, Debug)]
pub struct Reader {
    message: Bytes,
    at: usize,
}

impl Reader {
    /// From the beginning.
    pub fn new(message: Bytes) -> Reader {
        Reader { message, at: 0 }
    }

    /// From that place on; a place beyond the end is the end.
    pub fn from(message: Bytes, at: usize) -> Reader {
        let at = at.min(message.len());
        Reader { message, at }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.message.len().saturating_sub(self.at)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Read<&[u8; N]> {
        let array = self.message.get(self.at..).and_then(|rest| rest.first_chunk());
        let array = array.ok_or(Malformed("it ends too early"))?;
        self.at += N;
        Ok(array)
    }

    /// A byte.
    pub fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| *byte)
    }

    /// A byte that says yes or no.
    pub fn flag(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag is neither 0 nor 1")),
        }
    }

    /// 32 bits.
    pub fn u32(&mut self) -> Read<u32> {
        self.array().map(|array| u32::from_le_bytes(*array))
    }

    /// 64 bits.
    pub fn u64(&mut self) -> Read<u64> {
        self.array().map(|array| u64::from_le_bytes(*array))
    }

    /// 64 bits, signed.
    pub fn i64(&mut self) -> Read<i64> {
        self.array().map(|array| i64::from_le_bytes(*array))
    }

    /// How many follow. Each takes a byte at least, so a count beyond what is left is refused before memory is taken.
    pub fn count(&mut self) -> Read<usize> {
        let count = self.u32()? as usize;
        if count <= self.left() { Ok(count) } else { Err(Malformed("a count or length is larger than what follows")) }
    }

    /// So many bytes.
    pub fn slice(&mut self, length: usize) -> Read<Bytes> {
        if length > self.left() {
            return Err(Malformed("it ends too early"));
        }
        let start = self.at;
        self.at += length;
        Ok(self.message.slice(start..self.at))
    }

    /// Bytes that have their length before them.
    pub fn bytes(&mut self) -> Read<Bytes> {
        let length = self.count()?;
        self.slice(length)
    }

    /// A text.
    pub fn text(&mut self) -> Read<ByteString> {
        ByteString::try_from(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// A text of its own.
    pub fn string(&mut self) -> Read<String> {
        self.text().map(|text| text.to_string())
    }

    /// What may be absent.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Reader) -> Read<T>) -> Read<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Reader) -> Read<T>) -> Read<Vec<T>> {
        let count = self.count()?;
        // Items may be larger in memory than in the message, so no more is taken at once than the message has left: lists stand
        // in lists, and each may name a count that is not there.
        let mut items = Vec::with_capacity(count.min(self.left() / size_of::<T>().max(1)));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// The end of the message: that nothing follows.
    pub fn end(self) -> Read<()> {
        if self.left() == 0 { Ok(()) } else { Err(Malformed("something follows its end")) }
    }
}
