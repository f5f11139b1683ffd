//! Appends the records of topics to a file, or prints them, one line each.
//!
//! | file | what it holds |
//! |---|---|
//! | `config.rs` | the keys |
//! | `line.rs` | a record as a line (pure) |
//! | `target.rs` | the file on disk: torn ends, appending, syncing |
//! | `task.rs` | the task |

mod config;
mod line;
mod target;
mod task;

use connector_api::config::{Config, Issue, RawConfig};
use connector_api::data::Format;
use connector_api::{Definition, Formats, Result, SinkConnector};

pub use task::FileSinkTask;

/// The connector: Kafka Connect's `FileStreamSink`.
pub struct FileSink;

impl SinkConnector for FileSink {
    type Task = FileSinkTask;

    fn definition(&self) -> Definition {
        config::definition()
    }

    fn task(&self) -> FileSinkTask {
        FileSinkTask::default()
    }

    fn formats(&self, _: &Config) -> Formats {
        Formats { key: Format::Bytes, value: Format::Json }
    }

    /// A file has one writer, so there is one task, whatever `tasks.max` allows.
    async fn split(&self, config: &Config, _max: usize) -> Result<Vec<RawConfig>> {
        Ok(vec![config.raw().clone()])
    }

    async fn validate(&self, config: &Config) -> Vec<Issue> {
        config::validate(config)
    }
}
