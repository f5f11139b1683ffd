//! Bytes and bits.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::{BufMut, Bytes, BytesMut};
use connector_api::data::Value;

use super::{Scratch, Unreadable};
use crate::config::modes::BinaryMode;

/// `bytea` in its hexadecimal form.
pub fn bytea(cell: &[u8], mode: BinaryMode, scratch: &mut Scratch) -> Result<Value, Unreadable> {
    let digits = cell.strip_prefix(b"\\x").ok_or(Unreadable("it is not bytes in hexadecimal"))?;
    if mode == BinaryMode::Hex {
        return scratch.text(|out| out.put_slice(digits)).map(Value::String);
    }
    let bytes = from_hex(digits).ok_or(Unreadable("it is not bytes in hexadecimal"))?;
    shown(Bytes::from(bytes), mode, scratch)
}

/// Bytes as the mode shows them.
pub fn shown(bytes: Bytes, mode: BinaryMode, scratch: &mut Scratch) -> Result<Value, Unreadable> {
    match mode {
        BinaryMode::Bytes => Ok(Value::Bytes(bytes)),
        BinaryMode::Hex => scratch.text(|out| to_hex(&bytes, out)).map(Value::String),
        BinaryMode::Base64 => Ok(Value::from(STANDARD.encode(&bytes))),
        BinaryMode::Base64UrlSafe => Ok(Value::from(URL_SAFE.encode(&bytes))),
    }
}

/// Bytes from pairs of hexadecimal digits.
pub fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn to_hex(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.put_u8(DIGITS[usize::from(byte >> 4)]);
        out.put_u8(DIGITS[usize::from(byte & 15)]);
    }
}

/// A single bit.
pub fn bit(cell: &[u8]) -> Result<bool, Unreadable> {
    match cell {
        b"0" => Ok(false),
        b"1" => Ok(true),
        _ => Err(Unreadable("it is not a single bit")),
    }
}

/// Bits as bytes, the last bit being the lowest of the first byte, without zero bytes at the end.
pub fn bits(cell: &[u8]) -> Result<Bytes, Unreadable> {
    let mut bytes = vec![0u8; cell.len().div_ceil(8)];
    for (at, digit) in cell.iter().rev().enumerate() {
        match digit {
            b'0' => {}
            b'1' => bytes[at / 8] |= 1 << (at % 8),
            _ => return Err(Unreadable("it is not a string of bits")),
        }
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_through_every_mode(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut hex = BytesMut::new();
            to_hex(&bytes, &mut hex);
            let cell = [b"\\x", &hex[..]].concat();
            let mut scratch = Scratch::default();
            let mut read = |mode| bytea(&cell, mode, &mut scratch).unwrap();
            prop_assert_eq!(read(BinaryMode::Bytes), Value::Bytes(bytes.clone().into()));
            let standard = STANDARD.encode(&bytes);
            prop_assert_eq!(read(BinaryMode::Base64), Value::from(standard));
            let url = URL_SAFE.encode(&bytes);
            prop_assert_eq!(read(BinaryMode::Base64UrlSafe), Value::from(url));
            prop_assert_eq!(read(BinaryMode::Hex), Value::from(String::from_utf8(hex.to_vec()).unwrap()));
        }
    }

    #[test]
    fn bits_are_little_endian_without_zeros_at_the_end() {
        assert_eq!(bits(b"10100001"), Ok(Bytes::from_static(&[0xa1])));
        assert_eq!(bits(b"1111000011110000111"), Ok(Bytes::from_static(&[0x87, 0x87, 0x07])));
        assert_eq!(bits(b"00000000"), Ok(Bytes::new()));
        assert!(bits(b"012").is_err());
    }
}
