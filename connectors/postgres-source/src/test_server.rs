//! A private PostgreSQL for tests, from Debian's binaries (feature `test-server`).
//!
//! It runs in a temporary folder on a free port of 127.0.0.1, without Unix sockets, with `wal_level = logical`, not as
//! root, and ends with the process that started it, however that ends. Methods panic with the reason when something
//! fails, as tests should.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use connector_api::config::{RawConfig, Secret};
use connector_api::conformance::free_port;

use crate::connection::tls::{SslMode, TlsSettings};
use crate::connection::{Address, Purpose, Session, Target};

/// The superuser.
pub const USER: &str = "postgres";

/// Its password. Unlikely enough to be looked for in everything that is printed.
pub const PASSWORD: &str = "canary-b7f2d91c";

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// In order: waits until replication clients have confirmed everything.
    Fast,
    /// As if the machine had stopped.
    Immediate,
}

/// A server that runs.
#[derive(Debug)]
pub struct TestServer {
    bin: PathBuf,
    folder: String,
    port: u16,
    /// Stops the server and removes its folder when its standard input ends.
    janitor: Child,
}

/// A row of a result: its values as text.
pub type TestRow = Vec<Option<String>>;

/// A connection for tests.
pub struct TestClient(Session);

impl TestServer {
    /// Starts a server. `settings` are lines of postgresql.conf.
    pub fn start(settings: &[&str]) -> TestServer {
        let bin = binaries();
        let folder = run(&bin, "mktemp -d /tmp/naru-postgres-XXXXXX").trim().to_owned();
        let janitor = janitor(&bin, &folder);
        let port = free_port();
        let base = [
            "listen_addresses = '127.0.0.1'",
            "unix_socket_directories = ''",
            "wal_level = logical",
            "max_wal_senders = 50",
            "max_replication_slots = 200",
            "max_connections = 200",
            "fsync = off",
            "log_line_prefix = '%m [%p] '",
        ];
        let lines = base.iter().chain(settings).map(|line| format!("{line}\n")).collect::<String>();
        let server = TestServer { bin, folder, port, janitor };
        server.run(&format!(
            "printf %s '{PASSWORD}' > {0}/password && initdb --no-sync --auth=scram-sha-256 --pwfile={0}/password \
            --username={USER} \
             --encoding=UTF8 --locale=C.UTF-8 -D {0}/data && cat >> {0}/data/postgresql.conf <<'END'\n{lines}port = \
             {port}\nEND",
            server.folder
        ));
        server.go();
        server
    }

    /// Starts it again after [`stop`](Self::stop).
    pub fn go(&self) {
        self.run(&format!("pg_ctl -D {0}/data -l {0}/log -w -t 30 start", self.folder));
    }

    /// Stops it.
    pub fn stop(&self, how: Shutdown) {
        let mode = if how == Shutdown::Fast { "fast" } else { "immediate" };
        self.run(&format!("pg_ctl -D {}/data -m {mode} -w -t 30 stop", self.folder));
    }

    /// Adds a line to postgresql.conf; it counts after the next start.
    pub fn configure(&self, line: &str) {
        self.run(&format!("cat >> {}/data/postgresql.conf <<'END'\n{line}\nEND", self.folder));
    }

    /// Runs a shell command as the server's user, with the server's programs on the path.
    pub fn run(&self, command: &str) -> String {
        run(&self.bin, command)
    }

    /// The folder with `data`, `log` and `password`.
    pub fn folder(&self) -> &Path {
        Path::new(&self.folder)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.run(&format!("cat {}/log", self.folder))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database and runs statements in it.
    pub fn create_database(&self, name: &str, statements: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.sql(name, statements);
    }

    /// Runs statements in a database and returns their rows, from any thread.
    pub fn sql(&self, database: &str, statements: &str) -> Vec<TestRow> {
        match self.try_sql(database, statements) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}, in: {statements}"),
        }
    }

    /// The same; an error is returned.
    pub fn try_sql(&self, database: &str, statements: &str) -> Result<Vec<TestRow>, String> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let (target, statements) = (self.target(database), statements.to_owned());
        let work = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
            runtime.block_on(async move { TestClient::connect(&target).await?.query(&statements).await })
        };
        thread::spawn(work).join().unwrap_or_else(|_| Err("the client panicked".into()))
    }

    /// The first value of the first row.
    pub fn value(&self, database: &str, query: &str) -> String {
        let rows = self.sql(database, query);
        rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()).unwrap_or_default()
    }

    /// A connection of its own.
    pub async fn client(&self, database: &str) -> TestClient {
        match TestClient::connect(&self.target(database)).await {
            Ok(client) => client,
            Err(error) => panic!("{error}"),
        }
    }

    /// The keys with which a connector reaches a database.
    pub fn config(&self, database: &str) -> RawConfig {
        let port = self.port.to_string();
        let keys = [
            ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
            ("database.hostname", "127.0.0.1"),
            ("database.port", &port),
            ("database.user", USER),
            ("database.password", PASSWORD),
            ("database.dbname", database),
        ];
        keys.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn target(&self, database: &str) -> Target {
        Target {
            address: Address { host: "127.0.0.1".into(), port: self.port },
            tls: TlsSettings { mode: SslMode::Disable, root: None, certificate: None, key: None },
            user: USER.into(),
            password: Some(Secret::new(PASSWORD)),
            database: database.into(),
            keepalive: false,
            query_timeout_ms: 0,
            initial_statements: None,
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

impl TestClient {
    async fn connect(target: &Target) -> Result<TestClient, String> {
        let session = Session::connect(target, Purpose::Sql).await;
        session.map(TestClient).map_err(|fault| fault.error("connecting").to_string())
    }

    /// Runs statements and returns all their rows.
    pub async fn query(&mut self, statements: &str) -> Result<Vec<TestRow>, String> {
        let rows = self.0.query(statements).await.map_err(|fault| fault.error("running statements").to_string())?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// The same; panics on an error.
    pub async fn sql(&mut self, statements: &str) -> Vec<TestRow> {
        match self.query(statements).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error}, in: {statements}"),
        }
    }
}

/// The newest server's programs.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    match found.max() {
        Some(version) => PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")),
        None => panic!("PostgreSQL is not installed: apt-get install postgresql"),
    }
}

/// The server refuses to run as root.
fn shell(bin: &Path, command: &str) -> Command {
    let id = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
    let mut shell = if id.starts_with(b"0\n") {
        let mut shell = Command::new("runuser");
        shell.args(["-u", "postgres", "--", "sh", "-c"]);
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell
    };
    shell.arg(format!("PATH={}:$PATH; cd /tmp; {command}", bin.display()));
    shell
}

fn run(bin: &Path, command: &str) -> String {
    let mut child = match shell(bin, command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    {
        Ok(child) => child,
        Err(error) => panic!("cannot run a shell: {error}"),
    };
    // The server that pg_ctl starts keeps standard error open, so only standard output is read to its end.
    let mut out = String::new();
    let _ = child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut out));
    match child.wait() {
        Ok(status) if status.success() => out,
        other => {
            let mut error = String::new();
            let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut error));
            panic!("{command}: {other:?}\n{out}{error}")
        }
    }
}

fn janitor(bin: &Path, folder: &str) -> Child {
    let command = format!("cat > /dev/null; pg_ctl -D {folder}/data -m immediate -w stop; rm -rf {folder}");
    let spawned = shell(bin, &command).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    match spawned {
        Ok(child) => child,
        Err(error) => panic!("cannot run a shell: {error}"),
    }
}
