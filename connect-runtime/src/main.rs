//! The binary `naru`.

use std::process::ExitCode;

use clap::Parser;
use connect_runtime::cli::{Cli, run};

/// Batches are taken and given back all the time, by threads that hand them to each other: with this allocator that costs a
/// good part less than with the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    run(Cli::parse())
}

/// The allocator asks for pages of 2 MiB, which the system clears and keeps as a whole once a byte of them is used: a busy worker
/// took a third more memory with them, to save a few hundredths of its time. Where the system refuses, it just stays so.
fn keep_pages_small() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
