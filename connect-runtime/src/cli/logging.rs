//! Logs on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::args::{LogArgs, LogFormat};

/// Starts logging. Rules that make no sense are said so, and the usual ones hold.
pub fn start(args: &LogArgs) {
    let rules = std::env::var("RUST_LOG").unwrap_or_else(|_| args.log_level.clone());
    let (filter, complaint) = match EnvFilter::try_new(&rules) {
        Ok(filter) => (filter, None),
        Err(why) => (EnvFilter::new("info"), Some(why)),
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    if let Some(why) = complaint {
        tracing::warn!(rules, %why, "log rules not understood; `info` holds");
    }
}
