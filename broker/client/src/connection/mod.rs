//! Connections to one broker.

mod negotiated;
mod tcp;
mod transport;

pub use negotiated::Connection;
pub use tcp::Tcp;
pub use transport::{Channel, Connecting, Reply, Transport};
