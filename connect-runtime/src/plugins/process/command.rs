//! How a process is started, and its limits.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::spawner;

/// What a process sees of the worker's environment: what programs need to run, and nothing that may be a secret.
const ENVIRONMENT: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "NARU_LOG"];

/// How long a process may take to end by itself once its task has stopped.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What runs in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A library, at its copy.
    Library(PathBuf),
    /// A command and the folder in which it runs.
    Command(Vec<String>, PathBuf),
}

/// What a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory (`RLIMIT_DATA`); 0 for as much as there is.
    pub memory: u64,
}

/// A process that runs.
pub struct Process {
    child: Option<Child>,
    limits: Limits,
}

impl Program {
    /// Starts it; the socket is the worker's end.
    pub fn start(&self, limits: Limits) -> io::Result<(Process, UnixStream, [OwnedFd; 2])> {
        let (own, others) = UnixStream::pair()?;
        // Not by its path, where another version may be by now.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("naru").arg("plugin-process").arg("--memory-bytes").arg(limits.memory.to_string());
        match self {
            Program::Library(file) => drop(command.arg(file)),
            Program::Command(words, folder) => drop(command.arg("--").args(words).current_dir(folder)),
        }
        command.env_clear();
        command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // The allocator would reserve a gibibyte at once, which counts against the limit.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        command.stdin(Stdio::from(OwnedFd::from(others))).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawner::spawn(command)?;
        let output = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = output else { return Err(io::Error::other("a process has no output")) };
        own.set_nonblocking(true)?;
        Ok((Process { child: Some(child), limits }, own, [stdout.into(), stderr.into()]))
    }
}

impl Process {
    /// How it ended, once its socket is closed: a sentence without its full stop. Waits for a moment.
    pub async fn end(&mut self) -> String {
        let since = Instant::now();
        while since.elapsed() < LAST_WORDS {
            match self.child.as_mut().map(Child::try_wait) {
                Some(Ok(None)) => tokio::time::sleep(Duration::from_millis(5)).await,
                Some(Ok(Some(status))) => return self.in_words(status),
                _ => break,
            }
        }
        "its process has closed its socket".to_owned()
    }

    fn in_words(&self, status: ExitStatus) -> String {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("was ended by signal {signal}{}", signal_name(signal)),
            (None, Some(code)) => format!("ended with code {code}"),
            (None, None) => "ended".to_owned(),
        };
        let out_of_memory = matches!(status.signal(), Some(6 | 11));
        let memory = match self.limits.memory {
            0 => String::new(),
            _ if !out_of_memory => String::new(),
            limit => format!("; it may use {limit} bytes of memory (`connector.isolation.memory.bytes`)"),
        };
        format!("its process {how}{memory}")
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (kill)",
        11 => " (segmentation fault, or a stack that overflowed)",
        _ => "",
    }
}

/// The process ends by itself when its socket is closed, or is ended.
impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let reap = move || {
            let since = Instant::now();
            while since.elapsed() < LAST_WORDS && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        };
        if std::thread::Builder::new().name("plugin-end".to_owned()).spawn(reap).is_err() {
            tracing::warn!("no thread to wait for the end of a plugin's process");
        }
    }
}
