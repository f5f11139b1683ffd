//! A connection to the server: address, TLS, login, simple queries, rows and the replication stream.
//!
//! One small client serves both the catalog, the snapshot and the stream, instead of a driver for two of them: the
//! stream needs CopyBoth, which no published driver offers, and the snapshot gains from the same in-place reading (rows
//! stay slices of the read buffer, and both are decoded from text by the same code).

pub mod address;
pub mod fault;
pub mod frames;
mod handshake;
pub mod session;
pub mod tls;

pub use address::{Address, Socket};
pub use fault::{Fault, ServerError};
pub use session::{Row, Session};

use connector_api::config::Secret;

/// Everything that it takes to log in.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the server is.
    pub address: Address,
    /// How far TLS is asked for.
    pub tls: tls::TlsSettings,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// Whether the kernel probes idle connections.
    pub keepalive: bool,
    /// The longest a catalog query may take, in milliseconds; 0 for no limit.
    pub query_timeout_ms: u64,
    /// SQL that the user wants to have run on every new SQL connection.
    pub initial_statements: Option<String>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Queries.
    Sql,
    /// Replication commands.
    Replication,
}
