//! The binary `naru`.

use std::process::ExitCode;

use clap::Parser;
use connect_runtime::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
