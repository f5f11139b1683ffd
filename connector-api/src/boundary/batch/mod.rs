//! Records as bytes: what `poll` gives and `put` takes.
//!
//! ```text
//! batch    u32 number of records · u32 where the tables begin · records · tables
//! record   u32 topic · i32 partition (-1: none) · i64 offset (-1: none) · i64 timestamp (lowest number: none)
//!          u32 bytes of the key · u32 bytes of the value · u8 form of the key · u8 form of the value
//!          u8 timestamp type · u8 0 · u32 number of headers · u32 topic in the log · u32 0
//!          key · value · headers
//! header   text name · u8 form · u32 length · bytes
//! tables   u32 number of topics · texts · u32 number of schemas · schemas, each with its length before it
//! form     0 null · 1 bytes · 2 JSON · 3 a value: u32 number of its schema plus one, 0 for none, then the value
//! ```
//!
//! Topics and schemas are named by their numbers in the tables. Payloads are read as slices of the batch, which lives as long as any
//! payload of it. Small ones are copied instead where records are used again, into memory that these keep: see `own.rs`.

mod fill;
mod own;
mod read;
mod write;

pub use read::BatchReader;
pub use write::{BatchWriter, write_payload};

/// Bytes of a record before its key.
pub const RECORD_HEADER: usize = 48;

/// Stands for a timestamp that is not there.
pub const NO_TIMESTAMP: i64 = i64::MIN;
