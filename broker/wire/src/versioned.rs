//! Keys and values of the broker's own topics: a message with its version in front.

use bytes::{Buf, BufMut, Bytes};

use crate::primitives::{EncodeError, Field, Layout};
use crate::reader::{DecodeError, Reader};

/// The bytes of `value`, version first.
pub(crate) fn versioned(value: &impl Field, layout: Layout) -> Result<Bytes, EncodeError> {
    let mut out = Vec::new();
    out.put_i16(layout.version);
    value.write(&mut out, layout)?;
    Ok(Bytes::from(out))
}

/// The version that `bytes` begin with, and what follows.
pub(crate) fn version_of(mut bytes: Bytes) -> Result<(i16, Reader), DecodeError> {
    if bytes.len() < 2 {
        return Err(DecodeError::Short { wanted: 2, left: bytes.len() });
    }
    let version = bytes.get_i16();
    Ok((version, Reader::new(bytes)))
}
