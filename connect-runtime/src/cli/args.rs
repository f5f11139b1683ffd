//! Arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Moves data between systems: connectors, and the log between them, in one binary.
///
/// Start a worker, then talk to it over REST:
///
///   naru worker
///   curl localhost:8083/connector-plugins
#[derive(Debug, Parser)]
#[command(name = "naru", version, max_term_width = 100, verbatim_doc_comment)]
pub struct Cli {
    /// How logs look.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How logs look. They go to standard error.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Which messages: error, warn, info, debug, trace, or rules such as `info,broker=debug`.
    #[arg(long, global = true, value_name = "RULES", default_value = "info")]
    pub log_level: String,
    /// One line of text or of JSON for each message.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// How a message looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run connectors: REST on 127.0.0.1:8083, the embedded log on 127.0.0.1:9092, data in ./naru-data.
    ///
    /// FILE is a worker file of Kafka Connect, with its keys. The settings of the embedded log are Kafka's broker keys
    /// behind `broker.`, such as `broker.listeners`. A `bootstrap.servers` that names another cluster switches the
    /// embedded log off.
    Worker(SettingsArgs),
    /// Run the log alone: a server for clients of Apache Kafka.
    ///
    /// FILE is a properties file with Kafka's broker keys, such as `listeners` and `log.dirs`.
    Broker(SettingsArgs),
}

/// Settings.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// A properties file with settings.
    pub file: Option<PathBuf>,
    /// A setting; wins over the file. May be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print all settings with their defaults, and end.
    #[arg(long)]
    pub list_settings: bool,
}
