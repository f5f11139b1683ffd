//! What goes into an object with one request: pieces as they were gathered, none of them copied.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::digest::{Context, SHA256};

/// Bytes in pieces. Copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pieces: Arc<[Bytes]>,
    length: usize,
}

impl Content {
    /// How many bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// The CRC32 of all, as S3 wants it: in Base64.
    pub fn crc32(&self) -> String {
        let mut sum = flate2::Crc::new();
        self.pieces.iter().for_each(|piece| sum.update(piece));
        STANDARD.encode(sum.sum().to_be_bytes())
    }

    /// The SHA-256 of all, in small hexadecimal digits.
    pub fn sha256(&self) -> String {
        let mut sum = Context::new(&SHA256);
        self.pieces.iter().for_each(|piece| sum.update(piece));
        sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[cfg(test)]
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

impl From<Vec<Bytes>> for Content {
    fn from(pieces: Vec<Bytes>) -> Content {
        let length = pieces.iter().map(Bytes::len).sum();
        Content { pieces: pieces.into(), length }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        vec![bytes].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_all_pieces_together() {
        let pieces: Vec<Bytes> = ["123", "", "456789"].map(Bytes::from).into();
        let (content, whole) = (Content::from(pieces), Content::from(Bytes::from("123456789")));
        assert_eq!((content.len(), content.is_empty()), (9, false));
        // The check value of CRC-32 over these digits is cbf43926.
        assert_eq!(content.crc32(), "y/Q5Jg==");
        assert_eq!(content.sha256(), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
        assert_eq!((whole.crc32(), whole.sha256()), (content.crc32(), content.sha256()));
        assert!(Content::default().is_empty());
    }
}
