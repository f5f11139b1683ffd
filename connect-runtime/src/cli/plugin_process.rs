//! `naru plugin-process`.

use std::process::ExitCode;

use super::args::PluginProcessArgs;
use super::{FAILED, end_with};
use crate::plugins::process::child;

pub fn run(args: &PluginProcessArgs) -> ExitCode {
    if let Err(why) = child::keep_within(args.memory_bytes) {
        return end_with(FAILED, [format!("cannot bound the process of a plugin: {why}")]);
    }
    let Some(library) = &args.library else {
        return end_with(FAILED, [child::become_program(&args.program)]);
    };
    match child::run_library(library) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => end_with(FAILED, [format!("cannot run the plugin {}: {why}", library.display())]),
    }
}
