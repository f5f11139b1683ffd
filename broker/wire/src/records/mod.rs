//! Record batches of magic 2 (KIP-98): header and checksum, building, reading, compression.
//!
//! Way of a batch: [`BatchBuilder`] makes it; the broker looks at its [`BatchHeader`] only, patches the first sixteen
//! bytes ([`patched_head`]) and stores the rest as it came; [`batches`] cuts a fetched record set into batches, and
//! [`Batch::open`] gives their records.

mod batch;
mod builder;
mod compression;
mod control;
mod header;
mod record;
mod roomy;
mod varint;

pub use batch::{Batch, Batches, OpenBatch, Slice, Slices, batches};
pub use builder::{BatchBuilder, ProducerStamp};
pub use compression::{Compression, Compressor, MAX_DECOMPRESSED, decompress};
pub use control::{COORDINATOR_EPOCH, control_type, marker};
pub use header::{
    BATCH_OVERHEAD, BatchHeader, HEAD_LEN, LENGTH_PREFIX, TimestampType, check_batch, patched_head,
    with_log_append_time,
};
pub use record::{ControlType, Header, Headers, Record, RecordRef, Records};
pub use roomy::RoomyBatch;

use thiserror::Error;

/// Why bytes are not a whole, sound record batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end inside the batch.
    #[error("the record batch ends early: {wanted} bytes wanted, {left} there")]
    Short {
        /// Bytes that the batch needs.
        wanted: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// The length field is smaller than a batch header.
    #[error("a record batch claims a length of {0}")]
    Length(i32),
    /// A format before magic 2, or one that does not exist yet.
    #[error("record batches of magic {0} are not supported, only magic 2")]
    Magic(i8),
    /// The checksum does not fit the bytes.
    #[error("the checksum of the record batch at offset {offset} is {actual:#010x}, but it claims {claimed:#010x}")]
    Checksum {
        /// Base offset of the batch.
        offset: i64,
        /// Checksum in the header.
        claimed: u32,
        /// Checksum of the bytes.
        actual: u32,
    },
    /// The number of records is negative or cannot fit.
    #[error("a record batch claims {0} records")]
    Count(i32),
    /// A codec number that does not exist.
    #[error("unknown compression codec {0}")]
    Codec(u8),
    /// The codec refused the bytes.
    #[error("{codec} refused the records: {reason}")]
    Compression {
        /// Name of the codec.
        codec: &'static str,
        /// What it said.
        reason: String,
    },
    /// The records would be larger than allowed once decompressed.
    #[error("the records would take more than {limit} bytes once decompressed")]
    TooLarge {
        /// The limit in force.
        limit: usize,
    },
    /// A record inside the batch is damaged.
    #[error("record {index} of the batch at offset {offset} is damaged")]
    Record {
        /// Base offset of the batch.
        offset: i64,
        /// Position of the record in its batch.
        index: i32,
    },
}
