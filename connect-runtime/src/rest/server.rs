//! Listening.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Listeners that have their addresses.
pub struct Listening(Vec<TcpListener>);

/// Takes the addresses. The error is a line that says what to do.
pub async fn bind(addresses: &[(String, u16)]) -> Result<Listening, String> {
    let mut bound = Vec::new();
    for (host, port) in addresses {
        let listener = TcpListener::bind((host.as_str(), *port)).await.map_err(|why| match why.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "REST cannot listen on {host}:{port}: the port is in use. Stop what uses it, or choose another with \
                 `listeners=http://{host}:PORT`."
            ),
            _ => format!("REST cannot listen on {host}:{port}: {why}. Correct `listeners`."),
        })?;
        bound.push(listener);
    }
    Ok(Listening(bound))
}

impl Listening {
    /// Where the first listener is.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.first()?.local_addr().ok()
    }

    /// Serves until `shutdown` ends; requests that are under way are answered.
    pub async fn serve(self, router: Router, shutdown: tokio::sync::watch::Receiver<bool>) {
        let mut servers = JoinSet::new();
        for listener in self.0 {
            let mut shutdown = shutdown.clone();
            let stop = async move { drop(shutdown.wait_for(|stop| *stop).await) };
            let router = router.clone();
            servers.spawn(async move {
                if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
                    tracing::error!(%error, "REST has ended");
                }
            });
        }
        while servers.join_next().await.is_some() {}
    }
}
