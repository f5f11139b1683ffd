//! The command line.

mod args;
mod log_command;
mod logging;
mod move_command;
mod new;
mod plugin_process;
mod signals;
mod try_command;
mod worker_command;

pub use args::{Cli, Command};

use std::process::ExitCode;

/// Exit code of a mistake in set-up: a key, a value, a port, a folder.
pub const SET_UP: u8 = 2;

/// Exit code of a failure while running.
pub const FAILED: u8 = 1;

/// Carries out a command.
pub fn run(mut cli: Cli) -> ExitCode {
    if matches!(cli.command, Command::Move(_)) && cli.log.log_level == "info" {
        cli.log.log_level = "warn".to_owned();
    }
    if matches!(cli.command, Command::Try(_)) && cli.log.log_level == "info" {
        // Between records, only what the plugin says and what goes wrong.
        cli.log.log_level = "warn,plugin=info".to_owned();
    }
    logging::start(&cli.log);
    match cli.command {
        Command::Worker(args) => worker_command::run(&args),
        Command::Broker(args) => log_command::run(&args),
        Command::Move(args) => move_command::run(&args),
        Command::New(args) => new::run(&args),
        Command::Try(args) => try_command::run(&args),
        Command::PluginProcess(args) => plugin_process::run(&args),
    }
}

/// What `naru plugin-process` does, for other programs that load plugins: their arguments, and the exit code.
pub fn plugin_process(arguments: impl IntoIterator<Item = String>) -> i32 {
    match <Cli as clap::Parser>::try_parse_from(arguments) {
        Ok(cli) => i32::from(run(cli) != ExitCode::SUCCESS),
        Err(why) => {
            eprintln!("{why}");
            i32::from(SET_UP)
        }
    }
}

/// Says what is wrong, one line each, and ends with that code.
fn end_with(code: u8, lines: impl IntoIterator<Item = impl AsRef<str>>) -> ExitCode {
    for line in lines {
        eprintln!("naru: {}", line.as_ref());
    }
    ExitCode::from(code)
}
