//! The log alone: `naru broker` as a process.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::{Process, Topics, free_port, naru_binary, until};

/// A running log without a worker.
pub struct Log {
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Log {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// It does not start.
    pub fn start() -> Log {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let process = spawn(&folder, port);
        let log = Log { process, folder, port };
        log.wait_until_it_answers();
        log
    }

    fn wait_until_it_answers(&self) {
        until("the log answers", || self.topics().describe().is_some());
    }

    /// `host:port`, as `bootstrap.servers` has it.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its topics.
    pub fn topics(&self) -> Topics {
        Topics::at(self.port)
    }

    /// The port of the Kafka protocol.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the same folder and port, after its process has ended.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.folder, self.port);
        self.wait_until_it_answers();
    }
}

fn spawn(folder: &tempfile::TempDir, port: u16) -> Process {
    let log = File::options().create(true).append(true).open(folder.path().join("broker.log")).expect("a log file");
    let mut command = Command::new(naru_binary());
    command.args(["broker", "--set", &format!("listeners=PLAINTEXT://127.0.0.1:{port}")]);
    command.args(["--set", &format!("log.dirs={}", folder.path().join("log").display())]);
    // Workers of tests need not be silent for long to be taken for dead.
    command.args(["--set", "group.min.session.timeout.ms=1000"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
    Process::start(&mut command)
}
