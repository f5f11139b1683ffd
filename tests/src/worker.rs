//! A worker: the real binary, with a folder and ports of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{Process, Rest, Topics, free_port, naru_binary, until};

/// So many lines of its log a worker shows if its test fails.
const LINES_SHOWN: usize = 60;

/// A running worker with its embedded log.
pub struct Worker {
    process: Process,
    folder: tempfile::TempDir,
    rest_port: u16,
    log_port: u16,
    settings: Vec<String>,
    /// What runs it: the binary, and another command before that.
    program: Vec<String>,
}

impl Worker {
    /// Starts a worker with these settings (`key=value`) and waits until it is healthy.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(settings: &[&str]) -> Worker {
        Worker::start_in(tempfile::tempdir().expect("a folder"), settings)
    }

    /// The same with a folder that may hold something already.
    pub fn start_in(folder: tempfile::TempDir, settings: &[&str]) -> Worker {
        Worker::start_under(&[], folder, settings)
    }

    /// The same, run by another command such as `prlimit`.
    pub fn start_under(under: &[&str], folder: tempfile::TempDir, settings: &[&str]) -> Worker {
        let mut program: Vec<String> = under.iter().map(|word| (*word).to_owned()).collect();
        program.push(naru_binary().to_string_lossy().into_owned());
        Worker::start_program(program, folder, settings)
    }

    /// The same of another version.
    pub fn start_as(binary: &Path, settings: &[&str]) -> Worker {
        let folder = tempfile::tempdir().expect("a folder");
        Worker::start_program(vec![binary.to_string_lossy().into_owned()], folder, settings)
    }

    fn start_program(program: Vec<String>, folder: tempfile::TempDir, settings: &[&str]) -> Worker {
        let (rest_port, log_port) = (free_port(), free_port());
        let mut all = vec![
            format!("listeners=http://127.0.0.1:{rest_port}"),
            format!("broker.listeners=PLAINTEXT://127.0.0.1:{log_port}"),
            format!("data.dir={}", folder.path().join("data").display()),
        ];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let process = spawn(&program, &all, &folder.path().join("worker.log"));
        let mut worker = Worker { process, folder, rest_port, log_port, settings: all, program };
        worker.wait_until_healthy();
        worker
    }

    fn wait_until_healthy(&mut self) {
        until("the worker is healthy", || {
            assert!(self.process.is_running(), "the worker has ended; its log says:\n{}", self.log());
            self.rest().try_get("/health").is_some_and(|reply| reply.status == 200)
        });
    }

    /// Its REST.
    pub fn rest(&self) -> Rest {
        Rest::at(self.rest_port)
    }

    /// Its topics.
    pub fn topics(&self) -> Topics {
        Topics::at(self.log_port)
    }

    /// The port of its REST.
    pub fn rest_port(&self) -> u16 {
        self.rest_port
    }

    /// The port of the Kafka protocol.
    pub fn log_port(&self) -> u16 {
        self.log_port
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its folder: for files of the test too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("worker.log")).unwrap_or_default()
    }

    /// Kills it at once, as a power cut of the process.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop and waits for that.
    ///
    /// # Panics
    /// It does not stop in time.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.signal(libc::SIGTERM);
        self.process.wait(Duration::from_secs(30))
    }

    /// Starts it again in the same folder, on the same ports.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.process = spawn(&self.program, &self.settings, &self.file("worker.log"));
        self.wait_until_healthy();
    }

    /// Stops it, and starts another version in its place.
    ///
    /// # Panics
    /// It does not stop, or the other one does not start.
    pub fn become_version(&mut self, binary: &Path) {
        assert!(self.terminate().success(), "the worker does not stop well; its log says:\n{}", self.log());
        self.program = vec![binary.to_string_lossy().into_owned()];
        self.start_again();
    }
}

/// A test that fails shows what its workers have seen.
impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.lines().count().saturating_sub(LINES_SHOWN);
            let end: Vec<&str> = log.lines().skip(from).collect();
            eprintln!("the end of the log of the worker at port {}:\n{}", self.rest_port, end.join("\n"));
        }
    }
}

fn spawn(program: &[String], settings: &[String], log: &Path) -> Process {
    let log = File::options().create(true).append(true).open(log).expect("a log file");
    let mut words: Vec<String> = program.to_vec();
    words.push("worker".to_owned());
    words.extend(settings.iter().flat_map(|setting| ["--set".to_owned(), setting.clone()]));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
    Process::start(&mut command)
}
