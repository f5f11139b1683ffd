//! The keys.

use std::fs;
use std::path::Path;

use connector_api::Definition;
use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, Importance, Issue, Width};

pub(crate) fn definition() -> Definition {
    let file = ConfigKey::optional("file", ConfigType::String)
        .importance(Importance::High)
        .width(Width::Long)
        .check(Check::NonEmpty)
        .doc("The file to append to; made if it is not there. Standard output if not set.");
    Definition {
        class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
        aliases: &["file-sink"],
        version: env!("CARGO_PKG_VERSION"),
        doc: "Appends records to a file, one line each.",
        config: ConfigDef::new().key(file).grouped("File"),
    }
}

/// Looks without leaving a trace: the file is made by the task, not by a check.
pub(crate) fn validate(config: &Config) -> Vec<Issue> {
    let Some(file) = config.optional("file") else { return Vec::new() };
    let error = |message: String| vec![Issue::error("file", message)];
    if file.contains('\0') {
        return error("`file` holds a zero byte, which no path can.".to_owned());
    }
    let path = Path::new(file);
    if path.is_dir() {
        return error(format!("`{file}` is a directory. Name a file in it."));
    }
    if path.exists() {
        return match fs::OpenOptions::new().append(true).open(path) {
            Ok(_) => Vec::new(),
            Err(why) => error(format!("`{file}` cannot be written: {why}.")),
        };
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent.is_dir() { Vec::new() } else { error(format!("The folder of `{file}` is not there. Make it first.")) }
}
