#![doc = include_str!("../README.md")]

mod api_key;
#[cfg(test)]
mod arbitrary;
pub mod consumer_offsets;
pub mod consumer_protocol;
mod error_code;
mod frame;
mod header;
mod message;
pub mod messages;
#[cfg(test)]
mod oracle;
mod partitioner;
mod primitives;
mod produce_frame;
mod reader;
pub mod records;
pub mod transaction_state;
mod uuid;
mod versioned;

pub use api_key::ApiKey;
pub use error_code::ErrorCode;
pub use frame::{FrameDecoder, FrameError};
pub use header::{
    RequestHeader, decode_response, encode_request, encode_response, encode_response_into, request_correlation_id,
    response_capacity, response_correlation_id,
};
pub use partitioner::{murmur2, partition_for_key};
pub use primitives::{EncodeError, Field, Layout};
pub use produce_frame::ProduceAround;
pub use reader::{DECODE_BUDGET, DecodeError, Reader};
pub use uuid::{ParseUuidError, Uuid};
