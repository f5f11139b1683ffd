//! What is asked of a plugin and what it answers: one request and one reply for each call of the traits.
//!
//! | call | number | request | reply |
//! |---|---|---|---|
//! | validate | 1 | config | list of issues: u8 1 if an error, text key, text message |
//! | split | 2 | config, u32 most tasks | list of configs |
//! | watch | 3 | config | - |
//! | exactly once | 4 | config | u8 1 if supported |
//! | check positions | 5 | config, positions | - |
//! | formats | 6 | config | u8 form of keys, u8 form of values |
//! | reads | 7 | config | u8 1 if it looks into keys, u8 1 if into values |
//! | start | 16 | text connector, u32 task, config, positions | - |
//! | poll | 17 | u32 records, u64 bytes, u64 milliseconds | u8 0; or u8 1, u64 batch, positions, batch of records |
//! | settled | 18 | u64 batch, u8 0 delivered, 1 failed and text, 2 unknown | - |
//! | stop | 19 | - | - |
//! | open | 20 | list of partitions | list of partitions with i64 offset |
//! | put | 21 | batch of records | u8 1 if kept, rejected, option of (list of u32 indexes, error) |
//! | written | 22 | - | written |
//! | flush | 23 | u8 0 interval, 1 closing | u8 0 everything; 1 safe; 2 written |
//! | close | 24 | list of partitions | - |
//! | apply | 25 | batch of records | list of u32 indexes that are dropped, failed, batch of the others |
//! | test | 26 | batch of records | failed, list of u8 1 for each record that it is for, 0 for each other |
//! | encode | 27 | batch of records | failed, batch of the others with bytes or null as values |
//! | decode | 28 | u8 form, batch of records | failed, batch of the others with that form as values |
//!
//! The calls from 25 on are those of transforms (apply), predicates (test) and converters (encode, decode); they have validate, start
//! and stop too, the first two also reads. A converter is given its payloads as the values of records, keys too; what they are is
//! said at its start, by the key `converter.type`: `key`, `value` or `header`. Indexes are ascending. Failed is a list of u32 index
//! and error.
//!
//! A config is a list of texts, key and value. Positions are a list of texts with JSON objects, the partition, and an option of
//! one for its offset. A partition is a text and a u32. Rejected is a list of u32 index and error; safe a list of partitions with
//! i64 offset; written is safe and a list of partitions with i64 offset and error. Forms are 1 bytes, 2 JSON, 3 values.

mod parts;
mod reply;
mod request;

pub use parts::{config, error, failed, format, read_config, read_error, read_failed, read_format};
pub use reply::{Reply, polled, read_polled, read_reply};
pub use request::{Request, Start};

/// A call, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are those of the traits' methods")]
pub enum Call {
    Validate = 1,
    Split = 2,
    Watch = 3,
    ExactlyOnce = 4,
    CheckPositions = 5,
    Formats = 6,
    Reads = 7,
    Start = 16,
    Poll = 17,
    Settled = 18,
    Stop = 19,
    Open = 20,
    Put = 21,
    Written = 22,
    Flush = 23,
    Close = 24,
    Apply = 25,
    Test = 26,
    Encode = 27,
    Decode = 28,
}

impl Call {
    /// All calls.
    pub const ALL: [Call; 20] = [
        Call::Validate,
        Call::Split,
        Call::Watch,
        Call::ExactlyOnce,
        Call::CheckPositions,
        Call::Formats,
        Call::Reads,
        Call::Start,
        Call::Poll,
        Call::Settled,
        Call::Stop,
        Call::Open,
        Call::Put,
        Call::Written,
        Call::Flush,
        Call::Close,
        Call::Apply,
        Call::Test,
        Call::Encode,
        Call::Decode,
    ];

    /// The call of that number.
    pub fn of(number: u32) -> Option<Call> {
        Call::ALL.into_iter().find(|call| *call as u32 == number)
    }
}
