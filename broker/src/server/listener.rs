//! Taking connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection;
use super::session::{Advertised, Session};
use crate::broker::Shared;
use crate::config::{Address, BrokerConfig};

/// After the machine had no room for another connection (too many open files), this long nothing is taken.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// How long connections may take to write their pending answers when the broker stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// An address that cannot be had.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {error}. Set listeners to an address and port that are free")]
pub struct BindError {
    address: String,
    #[source]
    error: io::Error,
}

/// Listening sockets.
#[derive(Debug)]
pub struct BoundListeners {
    sockets: Vec<(TcpListener, Advertised)>,
}

impl BoundListeners {
    /// The addresses, with the ports that were taken for port 0.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|(socket, _)| socket.local_addr().ok()).collect()
    }
}

pub async fn bind(config: &BrokerConfig) -> Result<BoundListeners, BindError> {
    let mut sockets = Vec::new();
    for (i, address) in config.listeners.iter().enumerate() {
        let bound = TcpListener::bind((address.host.as_str(), address.port)).await;
        let socket =
            bound.map_err(|error| BindError { address: format!("{}:{}", address.host, address.port), error })?;
        let advertised = config.advertised_listeners.get(i).map_or(Advertised::AsReached, |address: &Address| {
            let port =
                if address.port == 0 { socket.local_addr().map_or(0, |local| local.port()) } else { address.port };
            Advertised::At(Address { host: address.host.clone(), port })
        });
        sockets.push((socket, advertised));
    }
    Ok(BoundListeners { sockets })
}

pub async fn serve(shared: &Arc<Shared>, listeners: BoundListeners, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(false);
    let mut acceptors = JoinSet::new();
    for (socket, advertised) in listeners.sockets {
        acceptors.spawn(accept(shared.clone(), socket, advertised, stopping.clone()));
    }
    shutdown.await;
    stop.send_replace(true);
    while acceptors.join_next().await.is_some() {}
}

/// Takes connections until told to stop, then waits for those that are there.
async fn accept(shared: Arc<Shared>, socket: TcpListener, advertised: Advertised, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let stop = stopping.clone();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, peer)) => welcome(&shared, stream, peer, &advertised, (&mut connections, &stop)),
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken; waiting a moment");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(socket);
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(SHUTDOWN_GRACE, all).await.ok();
}

fn welcome(
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    advertised: &Advertised,
    (connections, stop): (&mut JoinSet<()>, &watch::Receiver<bool>),
) {
    let limit = shared.config.connections.max;
    if shared.connections.fetch_add(1, Ordering::Relaxed) >= limit {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        tracing::warn!(%peer, limit, "connection closed: max.connections reached");
        return;
    }
    stream.set_nodelay(true).ok();
    let advertised = match (advertised, stream.local_addr()) {
        (Advertised::AsReached, Ok(local)) => {
            Advertised::At(Address { host: local.ip().to_canonical().to_string(), port: local.port() })
        }
        (known, _) => known.clone(),
    };
    let session = Session::new(shared, peer.ip().to_canonical().to_string(), advertised);
    let (shared, stop) = (shared.clone(), stop.clone());
    connections.spawn(async move {
        if let Err(reason) = connection::run(stream, &session, shared.config.connections, stop).await {
            tracing::debug!(%peer, %reason, "connection closed");
        }
        shared.connections.fetch_sub(1, Ordering::Relaxed);
    });
}
