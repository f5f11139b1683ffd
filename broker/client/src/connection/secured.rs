//! Frames over TCP with encryption, a login, or both: Kafka's SSL, SASL_PLAINTEXT and SASL_SSL.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::channel::StreamChannel;
use super::session::Session;
use super::tcp::Tcp;
use super::transport::{Channel, Connecting, Transport};
use crate::fault::SecurityFault;
use crate::sasl::Sasl;
use crate::tls::{Connector, Tls, explain};

/// How a client protects its connections and says who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Encryption, if any.
    pub tls: Option<Tls>,
    /// The login, if any; after encryption.
    pub sasl: Option<Sasl>,
}

/// Connects over TCP with [`Security`]. Cheap to clone.
#[derive(Clone)]
pub struct Secured(Arc<Parts>);

struct Parts {
    tcp: Tcp,
    tls: Option<Connector>,
    sasl: Option<Arc<Sasl>>,
}

impl Secured {
    /// Of these settings. Files are read when the first connection is made, and again for a new one when they have changed.
    pub fn new(security: Security, tcp: Tcp) -> Secured {
        Secured(Arc::new(Parts { tcp, tls: security.tls.map(Connector::new), sasl: security.sasl.map(Arc::new) }))
    }
}

impl Transport for Secured {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        let (parts, host) = (self.0.clone(), host.to_owned());
        Box::pin(async move { parts.connect(host, port).await })
    }
}

impl Parts {
    async fn connect(&self, host: String, port: u16) -> io::Result<Arc<dyn Channel>> {
        let mut stream = self.tcp.open(&host, port).await?;
        let Some(tls) = &self.tls else {
            let session = self.log_in(&mut stream).await?;
            return Ok(Arc::new(StreamChannel::start(stream.into_split(), session, host)));
        };
        let mut stream = within(self.tcp.connect_timeout, "TLS", encrypt(tls, stream, &host)).await?;
        let session = self.log_in(&mut stream).await.map_err(|error| explain(error, &host))?;
        let (read, write) = tokio::io::split(stream);
        // The length and a small frame behind it go into one record of TLS.
        Ok(Arc::new(StreamChannel::start((read, BufWriter::new(write)), session, host)))
    }

    async fn log_in(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Option<Session>> {
        let Some(sasl) = &self.sasl else { return Ok(None) };
        within(self.tcp.connect_timeout, "the login", Session::begin(stream, sasl.clone())).await.map(Some)
    }
}

async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer to {what} within {limit:?}"));
    timeout(limit, work).await.map_err(late)?
}

async fn encrypt(tls: &Connector, stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        SecurityFault::config("bootstrap.servers", format!("`{host}` is not a name that a certificate can be for"))
    })?;
    let connected = TlsConnector::from(tls.current()?).connect(name, stream).await;
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            let why =
                "it closes the connection when TLS begins, as a listener without TLS does (PLAINTEXT, SASL_PLAINTEXT)";
            SecurityFault::passing("security.protocol", why).into()
        }
        _ => explain(error, host),
    })
}
