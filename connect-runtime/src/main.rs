//! The binary `naru`.

use std::process::ExitCode;

use clap::Parser;
use connect_runtime::cli::{Cli, run};

/// Batches are taken and given back all the time, by threads that hand them to each other: with this allocator that costs a
/// good part less than with the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
