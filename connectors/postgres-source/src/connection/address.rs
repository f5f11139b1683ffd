//! Where the server is, and the socket to it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::Fault;

/// How long connecting and logging in may take together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is idle before the kernel probes it.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// Any stream of bytes in both directions.
pub trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket for T {}

/// A host and a port, or the folder of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, an address, or an absolute path of the folder that holds the server's Unix socket.
    pub host: String,
    /// The port, which is also part of the Unix socket's name.
    pub port: u16,
}

impl Address {
    /// Whether it is a Unix socket, over which the server never offers TLS.
    pub fn is_unix(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Opens a socket. Names that stand for several addresses are tried in order.
    pub async fn connect(&self, keepalive: bool) -> Result<Box<dyn Socket>, Fault> {
        let unreachable = |source: io::Error| Fault::Unreachable { address: self.to_string(), source };
        if self.is_unix() {
            let path = PathBuf::from(&self.host).join(format!(".s.PGSQL.{}", self.port));
            let stream = UnixStream::connect(path).await.map_err(unreachable)?;
            return Ok(Box::new(stream));
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        if keepalive {
            let probes = socket2::TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
            socket2::SockRef::from(&stream).set_tcp_keepalive(&probes).map_err(unreachable)?;
        }
        Ok(Box::new(stream))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.host.chars().filter(|c| !c.is_control()).take(260).collect();
        write!(f, "{shown}:{}", self.port)
    }
}
