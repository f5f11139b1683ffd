//! A bounded cursor over one frame.
//!
//! Everything that a peer sent is read through [`Reader`]. It never trusts a count: a string, an array or a byte field
//! that claims more than the frame still holds is refused before memory is taken, and what decoded arrays may cost in
//! memory is bounded by a budget, because an element can be larger in memory than on the wire.

use bytes::{Buf, Bytes};
use thiserror::Error;

/// Memory that the decoded arrays of one message may take, in bytes, unless [`Reader::with_budget`] says otherwise.
/// A metadata answer about 100 000 partitions needs about 20 MiB.
pub const DECODE_BUDGET: usize = 64 * 1024 * 1024;

/// Array elements are reserved in steps of at most this many bytes, however long the array claims to be.
const RESERVE_STEP: usize = 64 * 1024;

/// Why bytes from a peer are not the message that they claim to be. None of these is worth a retry with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame ends inside a field.
    #[error("the message ends early: {wanted} bytes wanted, {left} left")]
    Short {
        /// Bytes that the field needs.
        wanted: usize,
        /// Bytes that are left in the frame.
        left: usize,
    },
    /// A count of elements or bytes is negative or cannot fit into the rest of the frame.
    #[error("a count of {count} cannot fit into the {left} bytes that are left")]
    Count {
        /// The count as sent.
        count: i64,
        /// Bytes that are left in the frame.
        left: usize,
    },
    /// A field is null that must not be null in this version.
    #[error("{field} must not be null in version {version}")]
    Null {
        /// Name of the field.
        field: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A variable-length number is longer than its type allows.
    #[error("a variable-length number is too long")]
    Varint,
    /// The arrays of the message would take more memory than allowed.
    #[error("the decoded message would take more than {budget} bytes of memory")]
    Budget {
        /// The budget in bytes.
        budget: usize,
    },
    /// The version is not one that this crate knows for the message.
    #[error("version {version} of {message} is not supported")]
    Version {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}

/// A cursor over one frame; byte fields that it hands out are slices of the frame, not copies.
#[derive(Debug)]
pub struct Reader {
    frame: Bytes,
    budget: usize,
    spent: usize,
}

impl Reader {
    /// Reads `frame` with [`DECODE_BUDGET`].
    pub fn new(frame: Bytes) -> Self {
        Self::with_budget(frame, DECODE_BUDGET)
    }

    /// Reads `frame`; its arrays may take `budget` bytes of memory.
    pub fn with_budget(frame: Bytes, budget: usize) -> Self {
        Self { frame, budget, spent: 0 }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.frame.len()
    }

    /// What was not read, as a slice of the frame.
    pub fn rest(self) -> Bytes {
        self.frame
    }

    fn need(&self, wanted: usize) -> Result<(), DecodeError> {
        if self.frame.len() < wanted {
            return Err(DecodeError::Short { wanted, left: self.frame.len() });
        }
        Ok(())
    }

    /// The next signed byte.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.need(1)?;
        Ok(self.frame.get_i8())
    }

    /// The next 16-bit number, big-endian as all numbers here.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.need(2)?;
        Ok(self.frame.get_i16())
    }

    /// The next 32-bit number.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.need(4)?;
        Ok(self.frame.get_i32())
    }

    /// The next 64-bit number.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.need(8)?;
        Ok(self.frame.get_i64())
    }

    /// The next 128-bit number (a UUID).
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        self.need(16)?;
        Ok(self.frame.get_u128())
    }

    /// The next unsigned variable-length number, at most five bytes.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            self.need(1)?;
            let byte = self.frame.get_u8();
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::Varint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// The next `len` bytes, as a slice of the frame.
    pub fn slice(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        self.need(len)?;
        Ok(self.frame.split_to(len))
    }

    /// The next `len` bytes as a string of its own.
    pub(crate) fn string(&mut self, len: usize) -> Result<String, DecodeError> {
        self.need(len)?;
        let text = std::str::from_utf8(&self.frame[..len]).map_err(|_| DecodeError::Utf8)?.to_owned();
        self.frame.advance(len);
        Ok(text)
    }

    /// Checks a count of things that take at least `size` bytes each; a negative count other than null is refused.
    pub(crate) fn count(&self, count: i64, size: usize) -> Result<usize, DecodeError> {
        let left = self.frame.len();
        match usize::try_from(count) {
            Ok(n) if n <= left / size.max(1) => Ok(n),
            _ => Err(DecodeError::Count { count, left }),
        }
    }

    /// Reads `count` elements, growing in bounded steps and charging the budget for each.
    pub(crate) fn elements<T>(
        &mut self,
        count: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let size = size_of::<T>().max(1);
        let mut elements = Vec::with_capacity(count.min(RESERVE_STEP / size));
        for _ in 0..count {
            self.charge(size)?;
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.spent += bytes;
        if self.spent > self.budget {
            return Err(DecodeError::Budget { budget: self.budget });
        }
        Ok(())
    }

    /// One tagged field: its tag, and a reader over its body that shares the rest of the budget.
    pub(crate) fn tagged(&mut self) -> Result<(u32, Self), DecodeError> {
        let tag = self.unsigned_varint()?;
        let len = self.unsigned_varint()?;
        let len = self.count(i64::from(len), 1)?;
        let body = self.slice(len)?;
        Ok((tag, Self::with_budget(body, self.budget - self.spent)))
    }

    /// Charges what a tagged field's own reader spent.
    pub(crate) fn settle(&mut self, tagged: &Self) {
        self.spent += tagged.spent;
    }
}
