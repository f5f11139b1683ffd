//! Streams the lines of a file, or of standard input, into a topic.
//!
//! | file | what it holds |
//! |---|---|
//! | `config.rs` | the keys |
//! | `lines.rs` | bytes into lines, and how far they reach (pure) |
//! | `follow.rs` | the file on disk: opening, rotation, truncation |
//! | `stdin.rs` | standard input |
//! | `task.rs` | the task |

mod config;
mod follow;
mod lines;
mod stdin;
mod task;

use connector_api::config::{Config, Issue};
use connector_api::{Definition, ExactlyOnce, SourceConnector};

pub use task::FileSourceTask;

/// The connector: Kafka Connect's `FileStreamSource`.
pub struct FileSource;

impl SourceConnector for FileSource {
    type Task = FileSourceTask;

    fn definition(&self) -> Definition {
        config::definition()
    }

    fn task(&self) -> FileSourceTask {
        FileSourceTask::default()
    }

    async fn validate(&self, config: &Config) -> Vec<Issue> {
        config::validate(config)
    }

    /// Positions name each line, and a file that only grows gives the same lines again. Standard input does not.
    fn exactly_once(&self, config: &Config) -> ExactlyOnce {
        match config.optional("file") {
            Some(_) => ExactlyOnce::Supported,
            None => ExactlyOnce::Unsupported,
        }
    }
}
