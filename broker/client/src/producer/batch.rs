//! A finished batch, and its bytes before and after it was sent.

use broker_wire::records::RoomyBatch;
use broker_wire::{EncodeError, ProduceAround};
use bytes::Bytes;

/// Which of the caller's units the records of a batch belong to: the unit and how many.
pub(super) type Tokens = Vec<(u64, u32)>;

/// A finished batch.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of its first record.
    pub sequence: i32,
    pub bytes: BatchBytes,
    pub tokens: Tokens,
}

/// The bytes of a batch. A request that carries it alone is written around it; from then on the batch is a part of that
/// frame, and further requests copy it.
#[derive(Debug)]
pub(super) enum BatchBytes {
    Roomy(RoomyBatch),
    Plain(Bytes),
}

impl BatchBytes {
    pub fn len(&self) -> usize {
        match self {
            BatchBytes::Roomy(batch) => batch.len(),
            BatchBytes::Plain(bytes) => bytes.len(),
        }
    }

    /// The batch alone. Gives its room up.
    pub fn plain(&mut self) -> Bytes {
        let plain = match self.take() {
            BatchBytes::Roomy(batch) => batch.into_bytes(),
            BatchBytes::Plain(bytes) => bytes,
        };
        *self = BatchBytes::Plain(plain.clone());
        plain
    }

    /// The request's frame around the batch, for a call of that version, correlation id and client id. Copies the batch
    /// if its room was given up.
    pub fn framed(&mut self, around: &ProduceAround<'_>, call: (i16, i32, Option<&str>)) -> Result<Bytes, EncodeError> {
        let (head, tail) = around.ends(self.len(), call)?;
        let batch = match self.take() {
            BatchBytes::Roomy(batch) => batch,
            BatchBytes::Plain(bytes) => RoomyBatch::copy(&bytes),
        };
        let (frame, plain) = batch.wrapped(&head, tail);
        *self = BatchBytes::Plain(plain);
        Ok(frame)
    }

    fn take(&mut self) -> BatchBytes {
        std::mem::replace(self, BatchBytes::Plain(Bytes::new()))
    }
}

impl From<Bytes> for BatchBytes {
    fn from(bytes: Bytes) -> BatchBytes {
        BatchBytes::Plain(bytes)
    }
}
