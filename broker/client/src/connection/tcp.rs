//! Frames over TCP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::channel::StreamChannel;
use super::transport::{Channel, Connecting, Transport};

/// Connects over TCP, without encryption and login.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    /// How long a connection may take to be made; with encryption or login, each of them too.
    pub connect_timeout: Duration,
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp { connect_timeout: Duration::from_secs(10) }
    }
}

impl Tcp {
    pub(super) async fn open(self, host: &str, port: u16) -> io::Result<TcpStream> {
        let connected = tokio::time::timeout(self.connect_timeout, TcpStream::connect((host, port))).await;
        let stream = connected.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Transport for Tcp {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        let (tcp, host) = (*self, host.to_owned());
        Box::pin(async move {
            let stream = tcp.open(&host, port).await?;
            Ok(Arc::new(StreamChannel::start(stream.into_split(), None, host)) as Arc<dyn Channel>)
        })
    }
}
