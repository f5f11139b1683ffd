//! The plugin boundary: how a worker and a connector that was built apart from it talk to each other.
//!
//! A connector may live in a dynamic library or in a process of its own. Both ways the same messages pass: a request and a reply
//! for each call of the traits, as plain bytes, and news that the plugin tells its worker meanwhile.
//!
//! | part | what it holds |
//! |---|---|
//! | `frame.rs` | numbers, texts, lists as bytes |
//! | `value.rs`, `batch/` | values, schemas, records as bytes |
//! | `message/`, `news.rs` | calls and their replies; what a plugin tells in between |
//! | `definition.rs` | a connector's names and keys as JSON |
//! | `abi.rs` | the C structs of a dynamic library, as `include/naru_plugin.h` has them |
//! | `guest/` (feature `plugin`) | a library's side: what [`export!`](crate::export) makes of connectors |
//!
//! Authors in other languages read `include/naru_plugin.h`, which holds all of this for C; `include/naru_codec.h` reads and writes
//! the messages there.
//!
//! Everything but `guest/` is pure, and refuses what is malformed without taking memory for it.

pub mod abi;
pub mod batch;
pub mod definition;
pub mod frame;
#[cfg(feature = "plugin")]
pub mod guest;
pub mod message;
pub mod news;
pub mod spare;
#[cfg(test)]
mod tests;
pub mod value;
