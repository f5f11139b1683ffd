//! How frames travel: the seam between TCP and a log in the same process.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

/// The answer to a frame; `None` if the request has none (a produce request with `acks=0`).
pub type Reply = Pin<Box<dyn Future<Output = io::Result<Option<Bytes>>> + Send>>;

/// One connection. Frames are without their length prefix.
pub trait Channel: Send + Sync {
    /// Hands over a request. It is on its way when this returns, behind all that were handed over before, and the
    /// answers may be awaited in any order. `answered` says whether an answer will come.
    ///
    /// Once a reply is an error, so are all that follow on this channel.
    fn send(&self, frame: Bytes, answered: bool) -> Reply;

    /// Whether the other side is still there, as far as that is known without asking. A broker closes connections that
    /// are idle for long, and all of them when it restarts.
    fn is_open(&self) -> bool {
        true
    }
}

/// Makes connections.
pub trait Transport: Send + Sync {
    /// Connects to a broker.
    fn connect(&self, host: &str, port: u16) -> Connecting;
}

/// A connection to be.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Arc<dyn Channel>>> + Send>>;
