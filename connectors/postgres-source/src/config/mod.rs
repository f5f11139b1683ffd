//! What the user has decided.

pub mod filters;
pub mod keys;
pub mod modes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use connector_api::Error;
use connector_api::config::{Config, Setting};

use crate::connection::tls::{SslMode, TlsSettings};
use crate::connection::{Address, Target};
use filters::{Filters, KeyColumns};
use modes::{FailureMode, Modes, word};

/// `snapshot.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// All rows once, then changes.
    Initial,
    /// All rows, then nothing.
    InitialOnly,
    /// Changes only.
    NoData,
}

/// `publication.autocreate.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autocreate {
    /// Keep it in step with the captured tables.
    Filtered,
    /// Make one of all tables if it is missing.
    AllTables,
    /// Make an empty one if it is missing.
    NoTables,
    /// Never touch it.
    Disabled,
}

/// `snapshot.tables.order.by.row.count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableOrder {
    /// By name.
    Name,
    /// Small tables first.
    Ascending,
    /// Large tables first.
    Descending,
}

/// `skipped.operations`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Inserts.
    pub inserts: bool,
    /// Updates.
    pub updates: bool,
    /// Deletes.
    pub deletes: bool,
    /// Truncates.
    pub truncates: bool,
}

/// The slot.
#[derive(Clone, Debug)]
pub struct SlotSettings {
    /// Its name.
    pub name: String,
    /// Whether a clean stop drops it.
    pub drop_on_stop: bool,
    /// Whether standbys may take it over.
    pub failover: bool,
    /// How long one that is in use is waited for.
    pub patience: Duration,
    /// How long to wait between two tries.
    pub retry_delay: Duration,
    /// Whether to go on where the slot stands if that is behind the stored position's back.
    pub trusted: bool,
    /// The plugin's option of that name.
    pub origin: Option<String>,
    /// How often the server is told the position at least.
    pub status_interval: Duration,
}

/// The publication.
#[derive(Clone, Debug)]
pub struct PublicationSettings {
    /// Its name.
    pub name: String,
    /// Who keeps it.
    pub autocreate: Autocreate,
    /// Whether partitions' rows count as their root's.
    pub via_root: bool,
}

/// The snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotSettings {
    /// Which rows.
    pub mode: SnapshotMode,
    /// How long to wait for locks.
    pub lock_timeout: Duration,
    /// Statements that replace the plain reading of a table, by `schema.table`.
    pub statements: BTreeMap<String, String>,
    /// Which table first.
    pub order: TableOrder,
}

/// How records look beyond their values.
#[derive(Clone, Debug)]
pub struct RecordSettings {
    /// First part of topics' names.
    pub prefix: String,
    /// Between the parts.
    pub delimiter: String,
    /// Keys that the user chose.
    pub keys: KeyColumns,
    /// Whether deletions are followed by tombstones.
    pub tombstones: bool,
    /// Whether records carry headers about the connector.
    pub context_headers: bool,
    /// Whether names of schemas are what Avro allows.
    pub avro_schemas: bool,
    /// Whether names of fields are what Avro allows.
    pub avro_fields: bool,
}

/// A configuration, read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to log in.
    pub target: Target,
    /// What is captured.
    pub filters: Filters,
    /// How values are shown.
    pub modes: Modes,
    /// What happens to values that do not fit.
    pub failure: FailureMode,
    /// How records look.
    pub records: RecordSettings,
    /// Operations without records.
    pub skipped: Skipped,
    /// The snapshot.
    pub snapshot: SnapshotSettings,
    /// The slot.
    pub slot: SlotSettings,
    /// The publication.
    pub publication: PublicationSettings,
    /// The most records of a batch.
    pub max_batch: usize,
    /// The most tables; 0 for any number.
    pub max_tables: usize,
    /// Whether more tables than that are an error.
    pub max_tables_fails: bool,
    /// How long validation may take.
    pub validation_timeout: Duration,
}

impl Settings {
    /// Reads a configuration whose keys have been checked one by one.
    pub fn new(config: &Config) -> Result<Settings, Error> {
        let filters = Filters::new(config).map_err(|(key, why)| Error::bad_config(key, why))?;
        Ok(Settings {
            target: target(config),
            filters,
            modes: Modes::new(config),
            failure: match word(config, "event.converting.failure.handling.mode").as_str() {
                "fail" => FailureMode::Fail,
                "skip" => FailureMode::Skip,
                _ => FailureMode::Warn,
            },
            records: records(config)?,
            skipped: skipped(config),
            snapshot: snapshot(config)?,
            slot: slot(config),
            publication: publication(config),
            max_batch: config.count("max.batch.size").max(1),
            max_tables: config.count("guardrail.collections.max"),
            max_tables_fails: word(config, "guardrail.collections.limit.action") == "fail",
            validation_timeout: config.millis("connection.validation.timeout.ms"),
        })
    }
}

fn target(config: &Config) -> Target {
    let file = |key| config.optional(key).filter(|path| !path.is_empty()).map(PathBuf::from);
    Target {
        address: Address {
            host: config.text("database.hostname").to_owned(),
            port: config.count("database.port") as u16,
        },
        tls: TlsSettings {
            mode: match word(config, "database.sslmode").as_str() {
                "disable" => SslMode::Disable,
                "require" => SslMode::Require,
                "verify-ca" => SslMode::VerifyCa,
                "verify-full" => SslMode::VerifyFull,
                _ => SslMode::Prefer,
            },
            root: file("database.sslrootcert"),
            certificate: file("database.sslcert"),
            key: file("database.sslkey"),
        },
        user: config.text("database.user").to_owned(),
        password: config.password("database.password").cloned(),
        database: config.text("database.dbname").to_owned(),
        keepalive: config.boolean("database.tcpKeepAlive"),
        query_timeout_ms: config.number("database.query.timeout.ms").unwrap_or(0).unsigned_abs(),
        initial_statements: config.optional("database.initial.statements").map(str::to_owned),
    }
}

fn records(config: &Config) -> Result<RecordSettings, Error> {
    let keys = KeyColumns::new(config.text("message.key.columns"));
    Ok(RecordSettings {
        prefix: config.text("topic.prefix").to_owned(),
        delimiter: config.text("topic.delimiter").to_owned(),
        keys: keys.map_err(|why| Error::bad_config("message.key.columns", why))?,
        tombstones: config.boolean("tombstones.on.delete"),
        context_headers: config.boolean("extended.headers.enabled"),
        avro_schemas: word(config, "schema.name.adjustment.mode") == "avro",
        avro_fields: word(config, "field.name.adjustment.mode") == "avro",
    })
}

fn skipped(config: &Config) -> Skipped {
    let skips = |letter: &str| config.list("skipped.operations").iter().any(|word| word == letter);
    Skipped { inserts: skips("c"), updates: skips("u"), deletes: skips("d"), truncates: skips("t") }
}

fn snapshot(config: &Config) -> Result<SnapshotSettings, Error> {
    const OVERRIDES: &str = "snapshot.select.statement.overrides";
    let mut statements = BTreeMap::new();
    for table in config.list(OVERRIDES) {
        let key = format!("{OVERRIDES}.{table}");
        match config.setting(&key) {
            Some(Setting::Text(statement)) => statements.insert(table.clone(), statement.clone()),
            _ => return Err(Error::bad_config(key, format!("`{table}` is in `{OVERRIDES}` and has no statement"))),
        };
    }
    Ok(SnapshotSettings {
        mode: match word(config, "snapshot.mode").as_str() {
            "initial_only" => SnapshotMode::InitialOnly,
            "no_data" | "never" => SnapshotMode::NoData,
            _ => SnapshotMode::Initial,
        },
        lock_timeout: config.millis("snapshot.lock.timeout.ms"),
        statements,
        order: match word(config, "snapshot.tables.order.by.row.count").as_str() {
            "ascending" => TableOrder::Ascending,
            "descending" => TableOrder::Descending,
            _ => TableOrder::Name,
        },
    })
}

fn slot(config: &Config) -> SlotSettings {
    let retry_delay = config.millis("slot.retry.delay.ms");
    SlotSettings {
        name: config.text("slot.name").to_owned(),
        drop_on_stop: config.boolean("slot.drop.on.stop"),
        failover: config.boolean("slot.failover"),
        patience: retry_delay * u32::try_from(config.count("slot.max.retries")).unwrap_or(u32::MAX),
        retry_delay,
        trusted: word(config, "offset.mismatch.strategy") != "trust_offset",
        origin: keys::stream_origin(config.text("slot.stream.params")).unwrap_or_default(),
        status_interval: config.millis("status.update.interval.ms"),
    }
}

fn publication(config: &Config) -> PublicationSettings {
    PublicationSettings {
        name: config.text("publication.name").to_owned(),
        autocreate: match word(config, "publication.autocreate.mode").as_str() {
            "all_tables" => Autocreate::AllTables,
            "no_tables" => Autocreate::NoTables,
            "disabled" => Autocreate::Disabled,
            _ => Autocreate::Filtered,
        },
        via_root: config.boolean("publish.via.partition.root"),
    }
}
