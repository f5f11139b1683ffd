//! Frames on a byte stream: an `i32` length, then that many bytes.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Room is made for at most this many bytes ahead of what has arrived, whatever the length prefix claims.
const RESERVE_STEP: usize = 1024 * 1024;

/// A length prefix that no frame may have. The stream cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is negative.
    #[error("a frame claims a length of {0}")]
    Negative(i32),
    /// The length is over the limit.
    #[error("a frame of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// Length that the prefix claims.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
}

/// Cuts a byte stream into frames: give it bytes, take frames. Frames are slices of the buffer, not copies.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: usize,
    buffer: BytesMut,
}

impl FrameDecoder {
    /// A decoder that refuses frames over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: BytesMut::new() }
    }

    /// Sets the limit for the frames to come.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Where the next bytes of the stream go, with room for some.
    pub fn buffer(&mut self) -> &mut BytesMut {
        let missing = match self.claimed() {
            Some(Ok(len)) => (4 + len).saturating_sub(self.buffer.len()).min(RESERVE_STEP),
            _ => 0,
        };
        self.buffer.reserve(missing.max(8 * 1024));
        &mut self.buffer
    }

    /// The next whole frame without its length prefix, or `None` while bytes are missing.
    ///
    /// # Errors
    /// The length prefix is negative or over the limit; it is reported before the frame's bytes are waited for.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(claimed) = self.claimed() else { return Ok(None) };
        let len = claimed?;
        if self.buffer.len() < 4 + len {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(len).freeze()))
    }

    fn claimed(&self) -> Option<Result<usize, FrameError>> {
        let prefix: [u8; 4] = self.buffer.get(..4)?.try_into().ok()?;
        let claimed = i32::from_be_bytes(prefix);
        Some(match usize::try_from(claimed) {
            Err(_) => Err(FrameError::Negative(claimed)),
            Ok(len) if len > self.limit => Err(FrameError::TooLong { len, limit: self.limit }),
            Ok(len) => Ok(len),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let stream = [&[0, 0, 0, 3][..], b"abc", &[0, 0, 0, 0], &[0, 0, 0, 1], b"d"].concat();
        for step in 1..stream.len() {
            let mut decoder = FrameDecoder::new(10);
            let mut frames = Vec::new();
            for part in stream.chunks(step) {
                decoder.buffer().extend_from_slice(part);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, ["abc", "", "d"]);
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_memory_is_taken() {
        let mut decoder = FrameDecoder::new(100);
        decoder.buffer().extend_from_slice(&101i32.to_be_bytes());
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { len: 101, limit: 100 }));
        let mut decoder = FrameDecoder::new(100);
        decoder.buffer().extend_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(decoder.next_frame(), Err(FrameError::Negative(-1)));
        let mut decoder = FrameDecoder::new(usize::MAX);
        decoder.buffer().extend_from_slice(&i32::MAX.to_be_bytes());
        assert!(decoder.buffer().capacity() < 4 * RESERVE_STEP);
    }
}
