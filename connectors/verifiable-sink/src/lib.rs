//! Counts gaps and repeats in the records of the verifiable source.
//!
//! The counts show in the task's status, and as JSON in `report.file`, rewritten at every flush.
//!
//! | file | what it holds |
//! |---|---|
//! | `count.rs` | what has been seen of each numbered stream (pure) |
//! | `task.rs` | the task |

mod count;
mod task;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::Format;
use connector_api::{Definition, Formats, SinkConnector};

pub use task::VerifiableSinkTask;

/// The connector: Kafka Connect's `VerifiableSinkConnector`.
pub struct VerifiableSink;

impl SinkConnector for VerifiableSink {
    type Task = VerifiableSinkTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "org.apache.kafka.connect.tools.VerifiableSinkConnector",
            aliases: &["verifiable-sink"],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Counts gaps and repeats in the records of the verifiable source.",
            config: keys(),
        }
    }

    fn task(&self) -> VerifiableSinkTask {
        VerifiableSinkTask::default()
    }

    fn formats(&self, _: &Config) -> Formats {
        Formats { key: Format::Bytes, value: Format::Json }
    }
}

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::optional("report.file", ConfigType::String)
                .check(Check::NonEmpty)
                .doc("Write the counts to this file as JSON, at every flush."),
        )
        .key(
            ConfigKey::preset("delay.us", ConfigType::Long, "0")
                .check(Check::Between(0, 60_000_000))
                .doc("Wait that many microseconds for each record: a slow sink."),
        )
        .grouped("Verifiable")
}
