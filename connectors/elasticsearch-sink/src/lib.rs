//! Writes the records of topics into indexes of Elasticsearch or OpenSearch.
//!
//! The way of a record, and where to read about it:
//!
//! ```text
//! config      what the user has decided; the original's keys
//! document    which document a record becomes: index, id, version, action
//! send        until each operation is settled: pending says what goes next, window how many at a time,
//!             endpoints where to, client sends, verdict judges the answers
//! mapping     the fields that a schema asks for, and what an index lacks of them
//! prepare     what must be on the server before documents are sent
//! bulk        the body of a request, and its reply
//! offsets     how far each partition is safe on the server
//! task        the loop's calls
//! share       what documents hold of the worker's memory
//! server      which server answers; validate asks all of them
//! ```
//!
//! Modules that decide read no clock and own no socket: `document`, `mapping`, `bulk`, `offsets`, `send::pending`, `send::window`,
//! `send::endpoints`, `send::verdict`.

mod bulk;
mod config;
mod connector;
mod document;
mod mapping;
mod offsets;
mod prepare;
mod send;
mod server;
mod share;
mod task;
#[cfg(feature = "test-server")]
pub mod test_server;
mod validate;

pub use connector::ElasticsearchSink;
pub use task::ElasticsearchSinkTask;

use connector_api::Plugin;

/// The connector for the worker's table of plugins.
pub fn plugin() -> Plugin {
    Plugin::sink(ElasticsearchSink)
}
