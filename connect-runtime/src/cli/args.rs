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
    /// Copy all that the embedded log of a stopped worker holds to a cluster of Apache Kafka, where its connectors go on.
    ///
    /// Copied are topics with their partitions and settings, records with key, value, headers, timestamp and order, the worker's own
    /// topics, and the committed offsets of all groups. What is there is read back and compared. A run that was interrupted, at any
    /// moment, goes on when the same command is run again; `move.json` in the data folder says how far it is. Nothing else in the
    /// folder changes, but workers refuse to start on its log from then on (`move.ignore=true` lets them).
    ///
    /// It ends with 0 when all is there; with 2, before anything is written, when a setting is wrong or something stands in the way; with
    /// 1 when it failed on the way.
    Move(MoveArgs),
    /// Begin something new: a connector or transform of your own.
    New(NewArgs),
    /// Run one connector of a library or program on a log of its own, and show records as they flow.
    ///
    /// FILE is a library (`.so`) or a `.plugin.json`, CONFIG the connector's configuration as JSON. A sink reads its records from the
    /// standard input, one line each. Nothing is kept.
    Try(TryArgs),
    /// Run a plugin for a worker, which starts this itself: its socket is the standard input.
    #[command(hide = true)]
    PluginProcess(PluginProcessArgs),
}

/// What to move where.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Some brokers of the cluster.
    #[arg(long, value_name = "HOST:PORT[,..]")]
    pub to: String,
    /// The worker's file. What it says of security holds for the cluster.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A setting of the worker, such as `data.dir`; wins over the file. May be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only topics whose whole name matches; the worker's own topics go in any case.
    #[arg(long, value_name = "REGEX")]
    pub topics: Option<String>,
    /// How many brokers hold each partition; without it the cluster decides, or the worker's file for the worker's own topics.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub replication_factor: Option<i16>,
    /// Go on where groups get other offsets: records were deleted here, or written in transactions. Sinks that keep offsets elsewhere, as
    /// those into S3 and Elasticsearch do, need another place to write to then.
    #[arg(long)]
    pub accept_new_offsets: bool,
    /// Read and check everything, say what would be done, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What to begin.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// What.
    #[command(subcommand)]
    pub what: NewKind,
}

/// What can be begun.
#[derive(Debug, Subcommand)]
pub enum NewKind {
    /// A crate with a connector that builds, passes its tests and loads as it stands.
    Connector(NewConnectorArgs),
    /// The same with a transform; predicates and converters are made in its likeness.
    Transform(NewTransformArgs),
}

/// A new transform.
#[derive(Debug, Args)]
pub struct NewTransformArgs {
    /// Its name: small letters, digits, `-`.
    pub name: String,
    /// The folder to make; the name, if none is given.
    #[arg(long)]
    pub path: Option<PathBuf>,
}

/// A new connector.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("kind").required(true))]
pub struct NewConnectorArgs {
    /// Its name: small letters, digits, `-`.
    pub name: String,
    /// From another system into topics.
    #[arg(long, group = "kind")]
    pub source: bool,
    /// From topics into another system.
    #[arg(long, group = "kind")]
    pub sink: bool,
    /// The folder to make; the name, if none is given.
    #[arg(long)]
    pub path: Option<PathBuf>,
}

/// What to try.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// A library or a `.plugin.json`.
    pub file: PathBuf,
    /// The connector's configuration.
    pub config: PathBuf,
    /// End after so many records.
    #[arg(long)]
    pub records: Option<u64>,
    /// End after so many seconds.
    #[arg(long)]
    pub seconds: Option<u64>,
}

/// What runs in the process of a plugin.
#[derive(Debug, Args)]
pub struct PluginProcessArgs {
    /// Memory that the process may use, in bytes; 0 for as much as there is.
    #[arg(long, default_value_t = 0)]
    pub memory_bytes: u64,
    /// A library.
    pub library: Option<PathBuf>,
    /// A program and its arguments.
    #[arg(last = true)]
    pub program: Vec<String>,
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
