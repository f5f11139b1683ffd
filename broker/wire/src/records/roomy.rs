//! A batch with room around it.

use bytes::Bytes;

/// Room in front of a batch, in bytes: for the head of a request with a long topic name and a long client id.
pub(super) const HEADROOM: usize = 512;

/// Room behind a batch, in bytes.
pub(super) const TAILROOM: usize = 8;

/// A finished batch in a buffer that has room around it, so that the request that carries it can be written around it.
#[derive(Debug, Clone)]
pub struct RoomyBatch {
    /// [`HEADROOM`] bytes, then the batch.
    buffer: Vec<u8>,
}

impl RoomyBatch {
    pub(super) fn new(buffer: Vec<u8>) -> RoomyBatch {
        RoomyBatch { buffer }
    }

    /// The same batch with room around it.
    pub fn copy(batch: &[u8]) -> RoomyBatch {
        let mut buffer = Vec::with_capacity(HEADROOM + batch.len() + TAILROOM);
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(batch);
        RoomyBatch { buffer }
    }

    /// Bytes of the batch.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.buffer.len().saturating_sub(HEADROOM)
    }

    /// The batch alone.
    pub fn into_bytes(self) -> Bytes {
        let whole = Bytes::from(self.buffer);
        whole.slice(HEADROOM.min(whole.len())..)
    }

    /// `head`, the batch and `tail` in one piece, and the batch as a slice of it. Copies the batch only if `head` does not
    /// fit into the room.
    pub fn wrapped(self, head: &[u8], tail: &[u8]) -> (Bytes, Bytes) {
        let mut buffer = self.buffer;
        let start = match HEADROOM.checked_sub(head.len()) {
            Some(start) => {
                buffer[start..HEADROOM].copy_from_slice(head);
                buffer.extend_from_slice(tail);
                start
            }
            None => {
                let mut longer = Vec::with_capacity(head.len() + buffer.len() + tail.len());
                longer.extend_from_slice(head);
                longer.extend_from_slice(&buffer[HEADROOM..]);
                longer.extend_from_slice(tail);
                buffer = longer;
                0
            }
        };
        let frame = Bytes::from(buffer).slice(start..);
        let batch = frame.slice(head.len()..frame.len() - tail.len());
        (frame, batch)
    }
}
