//! How each primitive type of the protocol stands on the wire, in the plain and in the compact ("flexible") layout.
//!
//! Follows the primitive types of the Kafka protocol guide and KIP-482: plain strings carry an `i16` length, plain
//! arrays and bytes an `i32`, null is -1; the compact layout writes length + 1 as an unsigned varint, null is 0.

use bytes::{BufMut, Bytes};
use thiserror::Error;

use crate::reader::{DecodeError, Reader};
use crate::{ErrorCode, Uuid};

/// Why a message cannot be written. All of these are faults of the caller, none depends on the peer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The version is not one that this crate knows for the message.
    #[error("version {version} of {message} is not supported")]
    Version {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null that must not be null in this version.
    #[error("{field} must not be null in version {version}")]
    Null {
        /// Name of the field.
        field: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// A string, array or byte field is longer than its length prefix can say.
    #[error("a field of {len} does not fit its length prefix")]
    Long {
        /// Length of the field.
        len: usize,
    },
}

/// Which layout a message has: its version number, and whether that version is flexible (KIP-482).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Version of the message.
    pub version: i16,
    /// Compact lengths and tagged fields.
    pub flexible: bool,
}

/// A value with a place in a message.
pub trait Field: Sized {
    /// The fewest bytes that a value can take on the wire; bounds what an array's count may claim.
    const MIN_SIZE: usize;
    /// Writes the value.
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError>;
    /// Reads a value.
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError>;
    /// True for a `None`.
    fn is_null(&self) -> bool {
        false
    }
    /// Bytes of the byte fields inside: what to reserve before writing.
    fn bulk(&self) -> usize {
        0
    }
}

macro_rules! number {
    ($($ty:ident $put:ident $size:literal),*) => {$(
        impl Field for $ty {
            const MIN_SIZE: usize = $size;
            fn write(&self, out: &mut Vec<u8>, _: Layout) -> Result<(), EncodeError> {
                out.$put(*self);
                Ok(())
            }
            fn read(input: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
                input.$ty()
            }
        }
    )*};
}
number!(i8 put_i8 1, i16 put_i16 2, i32 put_i32 4, i64 put_i64 8);

impl Field for bool {
    const MIN_SIZE: usize = 1;
    fn write(&self, out: &mut Vec<u8>, _: Layout) -> Result<(), EncodeError> {
        out.put_u8(u8::from(*self));
        Ok(())
    }
    fn read(input: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
        Ok(input.i8()? != 0)
    }
}

impl Field for Uuid {
    const MIN_SIZE: usize = 16;
    fn write(&self, out: &mut Vec<u8>, _: Layout) -> Result<(), EncodeError> {
        out.put_u128(self.0);
        Ok(())
    }
    fn read(input: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
        Ok(Self(input.u128()?))
    }
}

impl Field for ErrorCode {
    const MIN_SIZE: usize = 2;
    fn write(&self, out: &mut Vec<u8>, _: Layout) -> Result<(), EncodeError> {
        out.put_i16(self.0);
        Ok(())
    }
    fn read(input: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
        Ok(Self(input.i16()?))
    }
}

impl Field for String {
    const MIN_SIZE: usize = 1;
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        put_len(out, Some(self.len()), layout, Prefix::Short)?;
        out.put_slice(self.as_bytes());
        Ok(())
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Option::read(input, layout)?.ok_or(DecodeError::Null { field: "a string", version: layout.version })
    }
}

impl Field for Option<String> {
    const MIN_SIZE: usize = 1;
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        match self {
            Some(text) => text.write(out, layout),
            None => put_len(out, None, layout, Prefix::Short),
        }
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        get_len(input, layout, Prefix::Short, 1)?.map(|len| input.string(len)).transpose()
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl Field for Bytes {
    const MIN_SIZE: usize = 1;
    fn bulk(&self) -> usize {
        self.len()
    }
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        put_len(out, Some(self.len()), layout, Prefix::Long)?;
        out.put_slice(self);
        Ok(())
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Option::read(input, layout)?.ok_or(DecodeError::Null { field: "a byte field", version: layout.version })
    }
}

impl Field for Option<Bytes> {
    const MIN_SIZE: usize = 1;
    fn bulk(&self) -> usize {
        self.as_ref().map_or(0, Bytes::len)
    }
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        match self {
            Some(bytes) => bytes.write(out, layout),
            None => put_len(out, None, layout, Prefix::Long),
        }
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        get_len(input, layout, Prefix::Long, 1)?.map(|len| input.slice(len)).transpose()
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Vec<T> {
    const MIN_SIZE: usize = 1;
    fn bulk(&self) -> usize {
        self.iter().map(T::bulk).sum()
    }
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        put_len(out, Some(self.len()), layout, Prefix::Long)?;
        self.iter().try_for_each(|element| element.write(out, layout))
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Option::read(input, layout)?.ok_or(DecodeError::Null { field: "an array", version: layout.version })
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    const MIN_SIZE: usize = 1;
    fn write(&self, out: &mut Vec<u8>, layout: Layout) -> Result<(), EncodeError> {
        match self {
            Some(elements) => elements.write(out, layout),
            None => put_len(out, None, layout, Prefix::Long),
        }
    }
    fn read(input: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        let Some(count) = get_len(input, layout, Prefix::Long, T::MIN_SIZE)? else { return Ok(None) };
        input.elements(count, |input| T::read(input, layout)).map(Some)
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

/// Width of a length in the plain layout: `i16` for strings, `i32` for the rest.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Prefix {
    Short,
    Long,
}

pub(crate) fn put_len(
    out: &mut Vec<u8>,
    len: Option<usize>,
    layout: Layout,
    prefix: Prefix,
) -> Result<(), EncodeError> {
    let long = |_| EncodeError::Long { len: len.unwrap_or_default() };
    let signed = len.map_or(Ok(-1), i32::try_from).map_err(long)?;
    if layout.flexible {
        put_unsigned_varint(out, (signed + 1).cast_unsigned());
    } else if prefix == Prefix::Short {
        out.put_i16(i16::try_from(signed).map_err(long)?);
    } else {
        out.put_i32(signed);
    }
    Ok(())
}

/// A length in units that take `size` bytes each at least; `None` is null.
fn get_len(input: &mut Reader, layout: Layout, prefix: Prefix, size: usize) -> Result<Option<usize>, DecodeError> {
    let len = match (layout.flexible, prefix) {
        (true, _) => i64::from(input.unsigned_varint()?) - 1,
        (false, Prefix::Short) => i64::from(input.i16()?),
        (false, Prefix::Long) => i64::from(input.i32()?),
    };
    if len == -1 {
        return Ok(None);
    }
    input.count(len, size).map(Some)
}

/// Writes an unsigned variable-length number.
pub(crate) fn put_unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
