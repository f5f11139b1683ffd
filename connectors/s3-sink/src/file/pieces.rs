//! Compression in pieces.

use std::io::Write;

use bytes::Bytes;

/// How bytes are compressed. Both formats allow pieces one after the other, so files are compressed in pieces: no open
/// file holds a compressor's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As they are.
    None,
    /// gzip of that level, 0 to 9.
    Gzip(u32),
    /// zstd of that level, 1 to 22.
    Zstd(i32),
}

/// How many bytes are gathered before they are compressed.
const PIECE: usize = 1024 * 1024;

/// Bytes on their way into an object, compressed in pieces. Where a piece ends depends on the bytes alone.
#[derive(Debug)]
pub(super) struct Pieces {
    codec: Codec,
    raw: Vec<u8>,
    ready: Vec<u8>,
    room: usize,
}

impl Pieces {
    /// Nothing yet, with room for what may come.
    pub fn new(codec: Codec, room: usize) -> Pieces {
        Pieces { codec, raw: Vec::new(), ready: Vec::new(), room }
    }

    /// Where to append to. Call [`compress`](Self::compress) afterwards.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.codec == Codec::None { self.ready() } else { &mut self.raw }
    }

    /// Compresses what is long enough to be worth it.
    pub fn compress(&mut self) {
        if self.raw.len() >= PIECE {
            self.compress_all();
        }
    }

    /// Memory held: what was written to, since room costs addresses only.
    pub fn held(&self) -> usize {
        self.raw.capacity() + self.ready.len()
    }

    /// Takes what could be a part of that size, if there is as much.
    pub fn part(&mut self, at_least: usize) -> Option<Bytes> {
        (self.ready.len() >= at_least).then(|| std::mem::take(&mut self.ready).into())
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> Bytes {
        if !self.raw.is_empty() {
            self.compress_all();
        }
        self.raw = Vec::new();
        std::mem::take(&mut self.ready).into()
    }

    fn ready(&mut self) -> &mut Vec<u8> {
        if self.ready.capacity() == 0 {
            self.ready.reserve_exact(self.room);
        }
        &mut self.ready
    }

    fn compress_all(&mut self) {
        let (codec, raw) = (self.codec, std::mem::take(&mut self.raw));
        let ready = self.ready();
        // Writing into memory has no errors that a caller could do anything about.
        let done = match codec {
            Codec::None => ready.write_all(&raw),
            Codec::Gzip(level) => {
                let mut out = flate2::write::GzEncoder::new(ready, flate2::Compression::new(level));
                out.write_all(&raw).and_then(|()| out.finish().map(|_| ()))
            }
            Codec::Zstd(level) => zstd::stream::copy_encode(raw.as_slice(), ready, level),
        };
        done.unwrap_or_else(|why| panic!("compressing into memory failed: {why}"));
        self.raw = raw;
        self.raw.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn read(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Codec::None => out.extend_from_slice(bytes),
            Codec::Gzip(_) => {
                flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap();
            }
            Codec::Zstd(_) => out = zstd::stream::decode_all(bytes).unwrap(),
        }
        out
    }

    /// What is stored of these pieces if parts of that size are taken after each.
    fn stored(codec: Codec, written: &[Vec<u8>], part: usize) -> Vec<u8> {
        let (mut pieces, mut stored) = (Pieces::new(codec, part / 2), Vec::new());
        for bytes in written {
            pieces.tail().extend_from_slice(bytes);
            pieces.compress();
            if let Some(ready) = pieces.part(part) {
                assert!(ready.len() >= part);
                stored.extend_from_slice(&ready);
            }
        }
        stored.extend_from_slice(&pieces.rest());
        assert_eq!(pieces.held(), 0);
        stored
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn parts_and_rest_are_what_was_written_whatever_the_parts_are(
            pieces in prop::collection::vec((0usize..700_000, any::<u8>()), 1..8),
            part in 1usize..400_000,
            codec in prop::sample::select(vec![Codec::None, Codec::Gzip(1), Codec::Zstd(1)]),
        ) {
            let bytes = |(length, byte): &(usize, u8)| {
                (0..*length).map(|at| byte.wrapping_add((at / 7 * at) as u8)).collect()
            };
            let written: Vec<Vec<u8>> = pieces.iter().map(bytes).collect();
            let bytes = stored(codec, &written, part);
            prop_assert!(read(codec, &bytes) == written.concat());
            prop_assert!(bytes == stored(codec, &written, usize::MAX));
        }
    }
}
