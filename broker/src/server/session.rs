//! One connection's requests and their answers, with or without a socket.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::dispatch::{self, Outcome, Refusal};
use crate::broker::Shared;
use crate::config::Address;

/// Which address a connection's client is told.
#[derive(Debug, Clone)]
pub(crate) enum Advertised {
    /// This one.
    At(Address),
    /// The one that it reached.
    AsReached,
}

/// A connection without its socket: requests go in, answers come out. Requests are decoded and carried out inside
/// [`submit`](Session::submit), in the order of the calls; only waiting happens later.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    /// Where the client is: shown as the host of group members.
    pub(crate) peer: Arc<str>,
    pub(crate) address: Address,
}

impl Session {
    pub(crate) fn new(shared: &Arc<Shared>, peer: String, advertised: Advertised) -> Self {
        let address = match advertised {
            Advertised::At(address) => address,
            Advertised::AsReached => default_address(shared),
        };
        Self { shared: shared.clone(), peer: peer.into(), address }
    }

    pub(crate) fn in_process(shared: &Arc<Shared>, peer: &str) -> Self {
        Self::new(shared, peer.to_owned(), Advertised::AsReached)
    }

    /// Carries out the request in `frame`, which has no length prefix. The answer may be awaited on any runtime, and
    /// several requests may wait at a time. Answers are not ordered: match them by what was asked.
    ///
    /// A request that cannot be read, which over a socket ends the connection, gives no answer and a log line.
    pub fn submit(&self, frame: Bytes) -> Reply {
        match self.carry_out(frame) {
            Ok(pending) => Reply(pending),
            Err(refusal) => {
                tracing::warn!(peer = &*self.peer, %refusal, "request refused");
                Reply(Pending::Ready(Outcome::Broken))
            }
        }
    }

    /// As [`submit`](Self::submit), for a connection that ends with the first request that cannot be read.
    pub(crate) fn carry_out(&self, frame: Bytes) -> Result<Pending, Refusal> {
        dispatch::dispatch(self, frame)
    }
}

/// What clients in the same process are told: they do not connect to it.
fn default_address(shared: &Arc<Shared>) -> Address {
    let config = &shared.config;
    let known = config.advertised_listeners.first().or(config.listeners.first());
    known.cloned().unwrap_or(Address { host: "localhost".to_owned(), port: 9092 })
}

/// An answer that may have to wait.
pub(crate) enum Pending {
    Ready(Outcome),
    Waiting(Pin<Box<dyn Future<Output = Outcome> + Send>>),
}

impl Pending {
    /// The answer, if there is nothing to wait for.
    pub fn into_ready(self) -> Result<Outcome, Self> {
        match self {
            Self::Ready(outcome) => Ok(outcome),
            waiting => Err(waiting),
        }
    }
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        match &mut *self {
            Self::Ready(outcome) => Poll::Ready(std::mem::replace(outcome, Outcome::Silent)),
            Self::Waiting(waiting) => waiting.as_mut().poll(cx),
        }
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Waiting(_) => "Waiting",
        })
    }
}

/// The answer to a request: its frame without length prefix, or `None` where there is none, which is so for a Produce
/// with acks=0 and for a request that cannot be read. Dropping it gives up a long poll; what was appended stays.
#[derive(Debug)]
pub struct Reply(Pending);

impl Future for Reply {
    type Output = Option<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| match outcome {
            Outcome::Frame(frame) => Some(frame),
            Outcome::Silent | Outcome::Broken => None,
        })
    }
}
