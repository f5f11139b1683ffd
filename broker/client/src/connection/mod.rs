//! Connections to one broker.

mod channel;
mod negotiated;
mod secured;
mod session;
mod tcp;
mod transport;

pub use negotiated::Connection;
pub use secured::{Secured, Security};
pub use tcp::Tcp;
pub use transport::{Channel, Connecting, Reply, Transport};
