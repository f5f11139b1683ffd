//! The keys, and the settings read by them.

use std::time::Duration;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType};

/// What the user wants.
pub struct Settings {
    /// How to connect, password included: never print it.
    pub server: tokio_postgres::Config,
    /// The server as errors name it.
    pub shown: String,
    /// The name of tables, with `${topic}` in it.
    pub table: String,
    pub offsets_table: String,
    pub create_tables: bool,
    pub batch: usize,
    pub timeout: Duration,
}

/// The keys.
pub fn definition() -> ConfigDef {
    let number = |name, preset, (low, high), doc| {
        ConfigKey::preset(name, ConfigType::Int, preset).check(Check::Between(low, high)).doc(doc)
    };
    let table = ConfigKey::preset("table", ConfigType::String, "${topic}").check(Check::By(plain));
    let offsets = ConfigKey::preset("offsets.table", ConfigType::String, "naru_offsets").check(Check::By(plain));
    let password = ConfigKey::optional("connection.password", ConfigType::Password).check(Check::By(without_nul));
    ConfigDef::new()
        .key(required("connection.host", "The server's name or address."))
        .key(number("connection.port", "5432", (1, 65535), "Its port."))
        .key(required("connection.user", "Who writes: needs `CREATE` for tables that are not there, and `TEMPORARY`."))
        .key(password.doc("Its password. Never shown."))
        .key(required("connection.database", "The database."))
        .key(table.doc(
            "The table of a topic's records. `${topic}` stands for the topic, as transforms left it; a schema may \
             stand in front, such as `raw.${topic}`.",
        ))
        .key(offsets.doc("The table that says how far each partition has got."))
        .key(
            ConfigKey::preset("create.tables", ConfigType::Boolean, "true")
                .doc("Whether tables that are not there are made."),
        )
        .key(number("batch.records", "5000", (1, 1_000_000), "At most that many records in one transaction."))
        .key(number(
            "request.timeout.ms",
            "30000",
            (1, 3_600_000),
            "How long connecting or a transaction may take. Then it is given up and tried again.",
        ))
        .grouped("PostgreSQL")
}

fn required(name: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::required(name, ConfigType::String).check(Check::By(plain)).doc(doc)
}

fn plain(text: &str) -> Result<(), String> {
    match text.trim() {
        "" => Err("it must not be empty".to_owned()),
        text if text.chars().any(char::is_control) => Err("it must not hold control characters".to_owned()),
        _ => Ok(()),
    }
}

fn without_nul(text: &str) -> Result<(), String> {
    if text.contains('\0') { Err("it must not hold a NUL character".to_owned()) } else { Ok(()) }
}

impl Settings {
    /// Reads them.
    pub fn read(config: &Config) -> Settings {
        let (host, database) = (config.text("connection.host"), config.text("connection.database"));
        let port = config.number("connection.port").and_then(|port| u16::try_from(port).ok()).unwrap_or(5432);
        let timeout = config.millis("request.timeout.ms");
        let mut server = tokio_postgres::Config::new();
        server.host(host).port(port).user(config.text("connection.user")).dbname(database).connect_timeout(timeout);
        server.application_name("naru postgres-sink");
        // An empty one, so that it is the server that says whether one is needed.
        server.password(config.password("connection.password").map_or("", |password| password.reveal()));
        Settings {
            server,
            shown: format!("{host}:{port}/{database}"),
            table: config.text("table").to_owned(),
            offsets_table: config.text("offsets.table").to_owned(),
            create_tables: config.boolean("create.tables"),
            batch: config.count("batch.records").max(1),
            timeout,
        }
    }
}
