//! Streams the tables of a PostgreSQL database into topics: all rows first, then every change.
//!
//! The way of a change, and where to read about it:
//!
//! ```text
//! config      what the user has decided; Debezium's keys
//! opening     connects, finds out what there is (catalog, slot, publication), lets startup decide
//! snapshot    all rows as of one point -> records
//! replication the stream from that point on: the reader owns the socket and keeps the server informed
//! stream      messages -> what is out already, what is new -> records
//! decode      text -> values, the same for snapshot and stream
//! envelope    values -> Debezium's envelope, keys, topics, tombstones
//! position    what the worker stores; acknowledge: what the server may forget
//! task        the loop
//! ```
//!
//! Modules that decide read no clock and own no socket: `startup`, `position`, `acknowledge`, `decode`,
//! `envelope`, `stream::transaction`, `stream::drain`, `replication::pgoutput`, `publication`.
//!
//! Two departures from common practice, with their reasons: one small client of our own serves catalog, snapshot and
//! stream (see `connection`), and the position counts changes instead of naming rows (see `position`).

mod acknowledge;
mod catalog;
mod clock;
mod config;
mod connection;
mod connector;
mod decode;
mod envelope;
mod lsn;
mod opening;
mod position;
mod publication;
mod replication;
mod slot;
mod snapshot;
mod startup;
mod stream;
mod task;
#[cfg(feature = "test-server")]
pub mod test_server;
mod validate;

pub use connector::PostgresConnector;
pub use task::PostgresTask;

use connector_api::Plugin;

/// The connector for the worker's table of plugins.
pub fn plugin() -> Plugin {
    Plugin::source(PostgresConnector)
}
