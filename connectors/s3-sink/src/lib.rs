//! Writes the records of topics as objects to S3, each record exactly once.
//!
//! | folder, file | what it holds |
//! |---|---|
//! | `config/` | the keys, and what they mean |
//! | `layout/` | where a record belongs: partitioners, time formats, object names (pure) |
//! | `file/` | an open file: its objects' bytes in any format, its tally, when it is cut (pure) |
//! | `partition.rs` | a topic partition: its open files, what is safe (pure) |
//! | `journal/` | what is cut where, decided before it is uploaded; `content.rs` is pure |
//! | `store/` | requests to S3: client, errors, uploads, leftovers |
//! | `task.rs` | the task |

mod config;
mod file;
mod journal;
mod layout;
mod partition;
mod store;
mod task;
#[cfg(feature = "test-server")]
pub mod test_server;

use connector_api::config::{Config, Issue};
use connector_api::{Definition, Formats, SinkConnector};

pub use task::S3SinkTask;

/// The connector.
pub struct S3Sink;

impl SinkConnector for S3Sink {
    type Task = S3SinkTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "io.confluent.connect.s3.S3SinkConnector",
            aliases: &["s3-sink"],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Writes records as objects to S3, each exactly once.",
            config: config::definition(),
        }
    }

    fn task(&self) -> S3SinkTask {
        S3SinkTask::default()
    }

    fn formats(&self, config: &Config) -> Formats {
        config::formats(config)
    }

    async fn validate(&self, config: &Config) -> Vec<Issue> {
        config::validate(config).await
    }
}
