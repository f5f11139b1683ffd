//! Ends servers with the process that started them, however that ends.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Kills what has a file `*.pid` in a folder, and removes the folder, when its standard input ends: when it is dropped, or
/// when the process that has it is gone. Statics are never dropped, and a test may be killed.
#[derive(Debug)]
pub(crate) struct Janitor(Child);

impl Janitor {
    /// Of that folder.
    ///
    /// # Panics
    /// There is no shell.
    pub(crate) fn of(folder: &Path) -> Janitor {
        let script = "cat >/dev/null; for pid in \"$0\"/*.pid; do [ -f \"$pid\" ] && kill -9 $(cat \"$pid\"); done 2>/dev/null; \
                      sleep 0.3; rm -rf \"$0\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Janitor(shell.spawn().unwrap_or_else(|why| panic!("cannot run a shell: {why}")))
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Notes a process for the janitor, or that it is gone.
pub(crate) fn note(folder: &Path, name: &str, pid: Option<u32>) {
    let file = folder.join(format!("{name}.pid"));
    let done = match pid {
        Some(pid) => fs::write(&file, pid.to_string()),
        None => fs::remove_file(&file),
    };
    done.unwrap_or_else(|why| panic!("cannot write {}: {why}", file.display()));
}
