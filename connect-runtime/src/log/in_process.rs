//! Frames to the log in the same process: the transport without a socket.

use std::io;
use std::sync::Arc;

use broker::{Broker, Session};
use broker_client::{Channel, Connecting, Reply, Transport};
use bytes::Bytes;

/// Hands frames to a broker in the same process.
pub struct InProcess(pub Broker);

impl Transport for InProcess {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let channel: Arc<dyn Channel> = Arc::new(Handover(self.0.session("127.0.0.1")));
        Box::pin(async { Ok(channel) })
    }
}

struct Handover(Session);

impl Channel for Handover {
    fn send(&self, frame: Bytes, answered: bool) -> Reply {
        let reply = self.0.submit(frame);
        Box::pin(async move {
            match reply.await {
                None if answered => Err(io::Error::other("the log gave no answer")),
                answer => Ok(answer),
            }
        })
    }
}
