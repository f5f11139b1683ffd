//! The codecs. Every decompression has a hard limit on its output, so that a small batch cannot fill the memory.
//!
//! Snappy comes in two shapes: Java and most others frame it as the xerial library does (a 16-byte header, then blocks
//! with an `i32` length each), librdkafka writes one raw block. Both are read, the framed one is written.

use std::io::{Read, Write};

use flate2::write::GzEncoder;

use super::RecordError;

/// Most bytes that one batch may have once decompressed, unless the caller says otherwise: 128 MiB.
pub const MAX_DECOMPRESSED: usize = 128 * 1024 * 1024;

const ZSTD_LEVEL: i32 = 3;
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// The header as the Java library writes it: magic, version 1, oldest compatible version 1.
const XERIAL_HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const XERIAL_BLOCK: usize = 32 * 1024;

/// The codec of a batch; the numbers are those of the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Compression {
    /// As they are.
    #[default]
    None = 0,
    /// Small, slow.
    Gzip = 1,
    /// Fast.
    Snappy = 2,
    /// Fastest.
    Lz4 = 3,
    /// Small and still fast (KIP-110).
    Zstd = 4,
}

impl Compression {
    /// Every codec.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec in a batch's attributes.
    ///
    /// # Errors
    /// The codec number does not exist.
    pub fn from_attributes(attributes: i16) -> Result<Self, RecordError> {
        let code = (attributes & 7) as u8;
        Self::ALL.get(usize::from(code)).copied().ok_or(RecordError::Codec(code))
    }

    /// Its name in Kafka's configs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    fn refused(self, reason: impl std::fmt::Display) -> RecordError {
        RecordError::Compression { codec: self.name(), reason: reason.to_string() }
    }
}

impl std::str::FromStr for Compression {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|codec| codec.name() == name);
        found.ok_or_else(|| format!("unknown compression {name:?}: use one of {}", known()))
    }
}

/// Compresses batch after batch, keeping the working memory of the codecs.
#[derive(Default)]
pub struct Compressor {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    snappy: Option<snap::raw::Encoder>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    /// Appends the compressed form of `input` to `out`.
    ///
    /// # Errors
    /// The codec failed, which no input makes it do.
    pub fn compress(&mut self, codec: Compression, input: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
        match codec {
            Compression::None => out.extend_from_slice(input),
            Compression::Gzip => {
                let mut gzip = GzEncoder::new(out, flate2::Compression::default());
                gzip.write_all(input).and_then(|()| gzip.try_finish()).map_err(|e| codec.refused(e))?;
            }
            Compression::Snappy => self.snappy(input, out).map_err(|e| codec.refused(e))?,
            Compression::Lz4 => {
                let mut lz4 = lz4_flex::frame::FrameEncoder::new(out);
                lz4.write_all(input).map_err(|e| codec.refused(e))?;
                lz4.finish().map_err(|e| codec.refused(e))?;
            }
            Compression::Zstd => self.zstd(input, out).map_err(|e| codec.refused(e))?,
        }
        Ok(())
    }

    fn snappy(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), snap::Error> {
        let encoder = self.snappy.get_or_insert_with(snap::raw::Encoder::new);
        out.extend_from_slice(XERIAL_HEADER);
        for block in input.chunks(XERIAL_BLOCK) {
            let at = out.len();
            out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
            let len = encoder.compress(block, &mut out[at + 4..])?;
            out[at..at + 4].copy_from_slice(&(len as u32).to_be_bytes());
            out.truncate(at + 4 + len);
        }
        Ok(())
    }

    fn zstd(&mut self, input: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        let encoder = match &mut self.zstd {
            Some(encoder) => encoder,
            none => none.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        let at = out.len();
        out.resize(at + zstd::zstd_safe::compress_bound(input.len()), 0);
        let len = encoder.compress_to_buffer(input, &mut out[at..])?;
        out.truncate(at + len);
        Ok(())
    }
}

/// The decompressed form of `input`, at most `limit` bytes.
///
/// # Errors
/// The codec refuses the input, or the output would be over the limit.
pub fn decompress(codec: Compression, input: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    match codec {
        Compression::None if input.len() > limit => Err(RecordError::TooLarge { limit }),
        Compression::None => Ok(input.to_vec()),
        Compression::Gzip => read_limited(codec, flate2::read::MultiGzDecoder::new(input), input.len(), limit),
        Compression::Snappy => snappy_blocks(input, limit),
        Compression::Lz4 => read_limited(codec, lz4_flex::frame::FrameDecoder::new(input), input.len(), limit),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|e| codec.refused(e))?;
            read_limited(codec, decoder, input.len(), limit)
        }
    }
}

fn read_limited(codec: Compression, from: impl Read, input: usize, limit: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::with_capacity((input * 4).min(limit));
    from.take(limit as u64 + 1).read_to_end(&mut out).map_err(|e| codec.refused(e))?;
    if out.len() > limit {
        return Err(RecordError::TooLarge { limit });
    }
    Ok(out)
}

fn snappy_blocks(input: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    if !input.starts_with(XERIAL_MAGIC) {
        snappy_block(input, &mut out, limit)?;
        return Ok(out);
    }
    let early = || Compression::Snappy.refused("the blocks end early");
    let mut rest = input.get(XERIAL_HEADER.len()..).ok_or_else(early)?;
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        let (block, after) = after.split_at_checked(len).ok_or_else(early)?;
        snappy_block(block, &mut out, limit)?;
        rest = after;
    }
    if rest.is_empty() { Ok(out) } else { Err(early()) }
}

fn snappy_block(block: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), RecordError> {
    let refused = |e: snap::Error| Compression::Snappy.refused(e);
    let len = snap::raw::decompress_len(block).map_err(refused)?;
    let at = out.len();
    // A block cannot grow by more than snappy's best ratio, so a larger claim is a lie that shall not cost memory.
    if len > limit - at || len > block.len().saturating_mul(64) {
        return Err(RecordError::TooLarge { limit });
    }
    out.resize(at + len, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[at..]).map_err(refused)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(codec: Compression, input: &[u8]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        Compressor::default().compress(codec, input, &mut out).unwrap();
        assert!(out.starts_with(b"before"));
        decompress(codec, &out[6..], MAX_DECOMPRESSED).unwrap()
    }

    #[test]
    fn every_codec_gives_back_what_it_took() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for codec in Compression::ALL {
            for len in [0, 1, 100, XERIAL_BLOCK, text.len()] {
                assert_eq!(round(codec, &text[..len]), &text[..len], "{codec:?} {len}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let zeros = vec![0; 10_000_000];
        for codec in Compression::ALL {
            let mut bomb = Vec::new();
            Compressor::default().compress(codec, &zeros, &mut bomb).unwrap();
            assert_eq!(decompress(codec, &bomb, 1_000_000), Err(RecordError::TooLarge { limit: 1_000_000 }));
            assert!(decompress(codec, &bomb, 10_000_000).is_ok(), "{codec:?}");
        }
    }

    #[test]
    fn garbage_and_cut_input_are_refused() {
        let text: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
        for codec in Compression::ALL.into_iter().skip(1) {
            let mut whole = Vec::new();
            Compressor::default().compress(codec, &text, &mut whole).unwrap();
            assert!(decompress(codec, &whole[..whole.len() / 2], MAX_DECOMPRESSED).is_err(), "{codec:?}");
            assert!(decompress(codec, &[0xff; 100], MAX_DECOMPRESSED).is_err(), "{codec:?}");
        }
    }

    #[test]
    fn raw_snappy_is_read_too() {
        let raw = snap::raw::Encoder::new().compress_vec(b"as librdkafka writes it").unwrap();
        assert_eq!(decompress(Compression::Snappy, &raw, 100).unwrap(), b"as librdkafka writes it");
    }

    #[test]
    fn codecs_have_names() {
        for codec in Compression::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        assert!("brotli".parse::<Compression>().unwrap_err().contains("none, gzip, snappy, lz4, zstd"));
        assert_eq!(Compression::from_attributes(5), Err(RecordError::Codec(5)));
    }
}
