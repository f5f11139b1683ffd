//! Compression alone.

use std::io::Write;

use crate::usage::{Spent, spent};

/// Compresses pieces as the sink does: each on its own, 1 MiB at a time.
pub fn compress(codec: &str, objects: &[Vec<u8>]) -> Spent {
    let (spent, bytes) =
        spent(|| objects.iter().flat_map(|object| object.chunks(1 << 20)).map(|piece| one(codec, piece)).sum());
    let bytes: usize = bytes;
    assert!(bytes > 0);
    spent
}

fn one(codec: &str, piece: &[u8]) -> usize {
    match codec {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(piece).expect("memory");
            encoder.finish().expect("memory").len()
        }
        _ => zstd::bulk::compress(piece, 3).expect("memory").len(),
    }
}
