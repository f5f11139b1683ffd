//! A private PostgreSQL on a free port of 127.0.0.1, not as root. It ends with the process that started it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use connector_api::conformance::free_port;

/// Unlikely enough to be looked for in everything that is printed.
pub const PASSWORD: &str = "canary-b7f2";

pub struct Server {
    bin: PathBuf,
    folder: String,
    pub port: u16,
    /// Stops the server and removes its folder when its standard input ends.
    janitor: Child,
}

impl Server {
    pub fn start() -> Server {
        let bin = binaries();
        let folder = run(&bin, "mktemp -d /tmp/postgres-sink-XXXXXX").trim().to_owned();
        let clean = format!("cat > /dev/null; pg_ctl -D {folder}/data -m immediate -w stop; rm -rf {folder}");
        let janitor = shell(&bin, &clean).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Server { bin, folder, port: free_port(), janitor: janitor.unwrap() };
        let options = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nport = {}",
            server.port
        );
        server.run(&format!(
            "printf %s {PASSWORD} > {0}/password && initdb --no-sync --auth=scram-sha-256 --pwfile={0}/password \
             --username=postgres --encoding=UTF8 --locale=C.UTF-8 -D {0}/data && printf '%s\\n' \"{options}\" >> \
             {0}/data/postgresql.conf",
            server.folder
        ));
        server.go();
        server
    }

    pub fn go(&self) {
        // The server would keep the pipe of standard error open.
        let start = format!("pg_ctl -D {0}/data -l {0}/log -w -t 30 start 2> /dev/null", self.folder);
        self.run(&format!("{start} || {{ cat {}/log; exit 1; }}", self.folder));
    }

    /// As if the machine had stopped.
    pub fn kill(&self) {
        self.run(&format!("pg_ctl -D {}/data -m immediate -w -t 30 stop", self.folder));
    }

    /// The rows of a query, a line each, columns with `|` between them.
    pub fn sql(&self, query: &str) -> Vec<String> {
        let file = format!("{}/query", self.folder);
        std::fs::write(&file, query).unwrap();
        let login = format!("PGPASSWORD={PASSWORD} psql -h 127.0.0.1 -p {} -U postgres", self.port);
        let out = self.run(&format!("{login} -v ON_ERROR_STOP=1 -qAtf {file} postgres"));
        out.lines().map(str::to_owned).collect()
    }

    fn run(&self, command: &str) -> String {
        run(&self.bin, command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// The newest server's programs.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    let newest = found.max().expect("PostgreSQL is not installed: apt-get install postgresql");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

/// The server refuses to run as root.
fn shell(bin: &Path, command: &str) -> Command {
    let id = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
    let mut shell = if id == b"0\n" {
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

/// What a command prints.
fn run(bin: &Path, command: &str) -> String {
    let output = shell(bin, command).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
