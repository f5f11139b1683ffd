//! The keys.

use std::fs;
use std::path::Path;

use connector_api::Definition;
use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, Importance, Issue, Width};

pub(crate) fn definition() -> Definition {
    Definition {
        class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
        aliases: &["file-source"],
        version: env!("CARGO_PKG_VERSION"),
        doc: "Streams the lines of a file into a topic, and goes on as the file grows.",
        config: keys(),
    }
}

fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::optional("file", ConfigType::String)
                .importance(Importance::High)
                .width(Width::Long)
                .check(Check::NonEmpty)
                .doc("The file to read. It may appear later, grow, be cut or be replaced. Standard input if not set."),
        )
        .key(ConfigKey::required("topic", ConfigType::String).check(Check::NonEmpty).doc("The topic for the lines."))
        .key(
            ConfigKey::preset("batch.size", ConfigType::Int, "2000")
                .importance(Importance::Low)
                .check(Check::AtLeast(1))
                .doc("The most lines to hand over at once."),
        )
        .key(
            ConfigKey::preset("line.max.bytes", ConfigType::Int, "1000000")
                .importance(Importance::Low)
                .check(Check::Between(1, 1 << 30))
                .doc("The longest line allowed, in bytes. A longer one fails the task and names its place."),
        )
        .grouped("File")
}

/// A file that cannot ever be read is an error; one that is not there yet is worth a warning.
pub(crate) fn validate(config: &Config) -> Vec<Issue> {
    let Some(file) = config.optional("file") else { return Vec::new() };
    if file.contains('\0') {
        return vec![Issue::error("file", "`file` holds a zero byte, which no path can.")];
    }
    match fs::metadata(Path::new(file)) {
        Ok(found) if found.is_dir() => {
            vec![Issue::error("file", format!("`{file}` is a directory. Name a file in it."))]
        }
        Ok(_) => match fs::File::open(file) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Issue::error("file", format!("`{file}` cannot be read: {error}."))],
        },
        Err(_) => vec![Issue::warning("file", format!("`{file}` is not there yet; the task waits for it."))],
    }
}
