//! The command line.

mod args;
mod log_command;
mod logging;
mod signals;
mod worker_command;

pub use args::{Cli, Command};

use std::process::ExitCode;

/// Exit code of a mistake in set-up: a key, a value, a port, a folder.
pub const SET_UP: u8 = 2;

/// Exit code of a failure while running.
pub const FAILED: u8 = 1;

/// Carries out a command.
pub fn run(cli: Cli) -> ExitCode {
    logging::start(&cli.log);
    match cli.command {
        Command::Worker(args) => worker_command::run(&args),
        Command::Broker(args) => log_command::run(&args),
    }
}

/// Says what is wrong, one line each, and ends with that code.
fn end_with(code: u8, lines: impl IntoIterator<Item = impl AsRef<str>>) -> ExitCode {
    for line in lines {
        eprintln!("naru: {}", line.as_ref());
    }
    ExitCode::from(code)
}
