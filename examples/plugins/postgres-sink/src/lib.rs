//! Copies the records of topics into tables of PostgreSQL, each exactly once.
//!
//! The rows and the offset behind them are written in one transaction, and reading goes on where the table of offsets
//! says: what a crash, a lost connection or a second task at the same partition repeats is recognised there.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | the keys |
//! | `row` | a record as a line of COPY |
//! | `names` | tables: their names and definitions |
//! | `session` | a connection and its statements |
//! | `transaction` | rows and offsets, all or nothing |
//! | `decide` | what errors of the server stand for |
//! | `writer` | batches, connections, and the search for records that the server does not take |
//! | `task` | what the worker calls |

mod decide;
mod names;
mod row;
mod session;
mod settings;
mod task;
mod transaction;
mod writer;

use std::time::Duration;

use connector_api::config::{Config, Issue};
use connector_api::data::Format;
use connector_api::{Decision, Definition, Error, Formats, SinkConnector};

use tokio::time::timeout;

use session::Session;
use settings::Settings;
pub use task::PostgresCopyTask;

/// How long checking a configuration waits for the server. The worker's own limit, `connector.call.timeout.ms`, would
/// refuse the connector while the server is slow; this makes it a warning.
const VALIDATE_LIMIT: Duration = Duration::from_secs(10);

/// The connector.
pub struct PostgresCopySink;

#[cfg(not(feature = "built-in"))]
connector_api::export!(connector_api::Plugin::sink(PostgresCopySink));

impl SinkConnector for PostgresCopySink {
    type Task = PostgresCopyTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "example.PostgresCopySink",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Copies records into tables of PostgreSQL, each exactly once.",
            config: settings::definition(),
        }
    }

    fn task(&self) -> PostgresCopyTask {
        PostgresCopyTask::default()
    }

    fn formats(&self, _: &Config) -> Formats {
        Formats { key: Format::Json, value: Format::Json }
    }

    /// Connects: a wrong password shows when the connector is made, not when it runs.
    async fn validate(&self, config: &Config) -> Vec<Issue> {
        let settings = Settings::read(config);
        let opened = timeout(settings.timeout.min(VALIDATE_LIMIT), Session::open(&settings)).await;
        let opened = opened.unwrap_or_else(|_| Err(Error::retry(format!("{} does not answer", settings.shown))));
        opened.err().map(issue).into_iter().collect()
    }
}

/// What may pass by itself is a warning: the server may be down while the connector is made.
fn issue(error: Error) -> Issue {
    match error.decision() {
        Decision::BadConfig { key } => Issue::error(key.clone(), error.to_string()),
        Decision::Fatal => Issue::error("connection.host", error.to_string()),
        _ => Issue::warning("connection.host", error.to_string()),
    }
}
