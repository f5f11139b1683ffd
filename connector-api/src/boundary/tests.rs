//! | file | what it claims |
//! |---|---|
//! | `round_trips.rs` | what is written is read |
//! | `malformed.rs` | whatever bytes come, no reader panics or takes memory for what is not there |
//! | `described.rs` | definitions as JSON |
//! | `samples.rs`, `allocated.rs` | values of every kind; how much memory something takes |

mod allocated;
mod described;
mod malformed;
mod round_trips;
mod samples;
