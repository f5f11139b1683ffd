//! `naru worker`.

use std::process::ExitCode;

use super::args::SettingsArgs;
use super::{FAILED, SET_UP, end_with, signals};
use crate::config::{load, worker_keys};
use crate::plugins::Plugins;
use crate::worker;

pub fn run(args: &SettingsArgs) -> ExitCode {
    if args.list_settings {
        print!("{}", worker_keys().markdown());
        return ExitCode::SUCCESS;
    }
    let (config, warnings) = match load(args.file.as_deref(), &args.set) {
        Ok(loaded) => loaded,
        Err(issues) => return end_with(SET_UP, issues.iter().map(ToString::to_string)),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match worker::run(config, Plugins::builtin(), signals::stop()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => end_with(if ended.was_running { FAILED } else { SET_UP }, ended.why.lines()),
    }
}
