//! The worker's own topics: configurations, positions, states. Each is read whole at start and followed from then on.

mod fenced;
mod tail;
mod topics;
mod writer;

pub use fenced::FencedWriter;
pub use tail::Tail;
pub use topics::ensure;
pub(crate) use writer::now_ms;
pub use writer::{Entry, Writer};
