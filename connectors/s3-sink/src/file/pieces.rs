//! Compression in pieces.

use std::io::Write;

use bytes::Bytes;

use super::buffers::{Buffer, Buffers};
use super::content::Content;

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

/// A buffer of that size does not grow any more: the next bytes go into another one. Growing would copy them again and again.
const CHUNK: usize = 256 * 1024;

/// Room in a chunk for the record that fills it.
const OVER: usize = 16 * 1024;

/// Bytes on their way into an object, compressed in pieces. Where a piece ends depends on the bytes alone.
#[derive(Debug)]
pub(super) struct Pieces {
    codec: Codec,
    raw: Vec<u8>,
    /// What may be sent; more goes into the last one.
    ready: Vec<Buffer>,
    buffers: Buffers,
}

impl Pieces {
    /// Nothing yet.
    pub fn new(codec: Codec, buffers: &Buffers) -> Pieces {
        Pieces { codec, raw: Vec::new(), ready: Vec::new(), buffers: buffers.clone() }
    }

    /// Where to append to. Call [`settle`](Self::settle) afterwards.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.codec == Codec::None { self.last() } else { &mut self.raw }
    }

    /// Compresses what is long enough to be worth it, and goes on in another buffer once the last one is full.
    pub fn settle(&mut self) {
        if self.raw.len() >= PIECE {
            self.compress_all();
        }
        if self.ready.last().is_some_and(|last| last.bytes.len() >= CHUNK) {
            self.ready.push(self.buffers.take(CHUNK + OVER));
        }
    }

    /// Memory held.
    pub fn held(&self) -> usize {
        self.raw.capacity() + self.ready.iter().map(|buffer| buffer.bytes.capacity()).sum::<usize>()
    }

    /// Takes what could be a part of that size, if there is as much.
    pub fn part(&mut self, at_least: usize) -> Option<Content> {
        (self.len() >= at_least).then(|| self.take())
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> Content {
        if !self.raw.is_empty() {
            self.compress_all();
        }
        self.raw = Vec::new();
        self.take()
    }

    fn len(&self) -> usize {
        self.ready.iter().map(|buffer| buffer.bytes.len()).sum()
    }

    fn take(&mut self) -> Content {
        let filled = std::mem::take(&mut self.ready).into_iter().filter(|buffer| !buffer.bytes.is_empty());
        filled.map(Bytes::from_owner).collect::<Vec<_>>().into()
    }

    fn last(&mut self) -> &mut Vec<u8> {
        if self.ready.is_empty() {
            // The first one grows: most of many open files are small.
            self.ready.push(self.buffers.take(0));
        }
        let last = self.ready.len() - 1;
        &mut self.ready[last].bytes
    }

    fn compress_all(&mut self) {
        let (codec, raw) = (self.codec, std::mem::take(&mut self.raw));
        let ready = self.last();
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
        let (mut pieces, mut stored) = (Pieces::new(codec, &Buffers::new(1 << 20)), Vec::new());
        for bytes in written {
            pieces.tail().extend_from_slice(bytes);
            pieces.settle();
            if let Some(ready) = pieces.part(part) {
                assert!(ready.len() >= part);
                stored.extend_from_slice(&ready.to_vec());
            }
        }
        stored.extend_from_slice(&pieces.rest().to_vec());
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
