//! | file | what it claims |
//! |---|---|
//! | `round_trips.rs` | what is written is read |
//! | `own_memory.rs` | small payloads are copied into memory that records keep, and what somebody keeps stays as it is |
//! | `malformed.rs` | whatever bytes come, no reader panics or takes memory for what is not there |
//! | `described.rs` | definitions as JSON |
//! | `samples.rs`, `allocated.rs` | values of every kind; how much memory something takes |

mod allocated;
mod described;
mod malformed;
mod own_memory;
mod round_trips;
mod samples;
