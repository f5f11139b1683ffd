//! Processes that end with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// The top folder of the repository.
///
/// # Panics
/// There is none, which cannot be.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the repository").to_owned()
}

/// The binary `naru` in the build folder of the program that runs: beside it, or one above (tests stand in `deps`).
///
/// # Panics
/// It has not been built.
pub fn naru_binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program has a path");
    let naru = own.ancestors().skip(1).take(2).map(|folder| folder.join("naru")).find(|naru| naru.is_file());
    naru.expect("`naru` is not there: build it with `cargo build --bins` (./test and ./bench do)")
}

/// A child process, killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Process {
        Process(command.spawn().unwrap_or_else(|why| panic!("cannot start {command:?}: {why}")))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal, such as `libc::SIGTERM`.
    pub fn signal(&self, signal: i32) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.0.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot signal process {}", self.0.id());
    }

    /// Kills at once and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Ok(Some(status)) = self.0.try_wait() {
                return status;
            }
            assert!(since.elapsed() < limit, "process {} does not end within {limit:?}", self.0.id());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Resident memory in bytes, now and at its peak.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib =
                line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
            kib.unwrap_or(0) * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

/// The threads of a process: their names, of which Linux shows 15 bytes, and how nice they are.
pub fn threads(process: u32) -> Vec<(String, i32)> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    // The name is in brackets; niceness is the seventeenth field behind it, see proc_pid_stat(5).
    let read = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        Some((name.to_owned(), fields.split_whitespace().nth(16)?.parse().ok()?))
    };
    threads.filter_map(read).collect()
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
