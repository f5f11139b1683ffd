//! Connections of peers, bounded in number, size and time: the listener may be open to a network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How many connections are served at once; more wait.
const MOST_CONNECTIONS: usize = 256;

/// How long the headers of a request may take, and how long a connection may be idle before them.
const HEADER_LIMIT: Duration = Duration::from_secs(30);

/// The largest request line with its headers, in bytes.
const HEADER_MAX_BYTES: usize = 16 << 10;

/// The most headers of a request.
const MOST_HEADERS: usize = 32;

/// A pause after a connection could not be taken: there are no file handles left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that has its address.
pub struct PeerListener(TcpListener);

impl PeerListener {
    /// Takes the address; port 0 takes a free one. The error is a line that says what to do.
    pub async fn bind(host: &str, port: u16) -> Result<PeerListener, String> {
        let bound = TcpListener::bind((host, port)).await;
        bound.map(PeerListener).map_err(|why| {
            format!(
                "Cannot listen for other workers on {host}:{port}: {why}. Stop what uses that port, or choose another with \
                 `peer.listener=http://HOST:PORT`."
            )
        })
    }

    /// Where it is.
    pub fn address(&self) -> Result<SocketAddr, String> {
        self.0.local_addr().map_err(|why| format!("The listener for other workers has no address: {why}."))
    }

    /// Serves until `stop` is true; requests that are under way are answered.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let next = async {
                let slot = slots.clone().acquire_owned().await.ok();
                (slot, self.0.accept().await)
            };
            let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
            let (slot, accepted) = tokio::select! {
                next = next => next,
                () = stopped => break,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_one(stream, router.clone(), stop.clone(), slot))),
                Err(error) => {
                    tracing::warn!(%error, "a connection of another worker could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.0);
        while connections.join_next().await.is_some() {}
    }
}

/// What goes wrong with a connection is told to its other end.
async fn serve_one(
    stream: TcpStream,
    router: Router,
    mut stop: watch::Receiver<bool>,
    _slot: Option<OwnedSemaphorePermit>,
) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_header_size(HEADER_MAX_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
