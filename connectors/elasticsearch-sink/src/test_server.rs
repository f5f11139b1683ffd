//! A private OpenSearch or Elasticsearch for tests, from Maven Central (feature `test-server`).
//!
//! `tests/install` puts the distribution into `target/test-servers`, or where `NARU_TEST_SERVERS` says; `tests/slow` others,
//! which `NARU_TEST_SEARCH` names, as `elasticsearch-8.19.21`. The server runs in a
//! temporary folder on free ports of 127.0.0.1, not as root, and ends with the process that started it, however that ends.
//! Methods panic with the reason when something fails, as tests should.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use connector_api::config::RawConfig;
use connector_api::conformance::free_port;
use serde_json::Value;

/// What tests use unless the environment names another.
const USUAL: &str = "opensearch-2.19.6";

/// How long a server may take to start, on a machine that has other things to do.
const START: Duration = Duration::from_secs(120);

/// A server that runs, unless it was killed.
#[derive(Debug)]
pub struct TestServer {
    folder: tempfile::TempDir,
    port: u16,
    server: Mutex<Option<Child>>,
    /// Kills the server and removes its folder when its standard input ends.
    janitor: Child,
}

impl TestServer {
    /// Starts a server. `settings` are lines of opensearch.yml.
    pub fn start(settings: &[&str]) -> TestServer {
        let folder =
            tempfile::Builder::new().prefix("naru-opensearch-").tempdir().unwrap_or_else(|why| panic!("{why}"));
        let (port, transport) = (free_port(), free_port());
        configure(folder.path(), port, transport, settings);
        let janitor = janitor(folder.path());
        let server = TestServer { folder, port, server: Mutex::new(None), janitor };
        server.go();
        server
    }

    /// Starts it again after [`kill`](Self::kill), and waits until it answers.
    pub fn go(&self) {
        let child = launch(self.folder.path());
        let pid = child.id().to_string();
        std::fs::write(self.folder.path().join("pid"), pid).unwrap_or_else(|why| panic!("{why}"));
        *self.server.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(child);
        let began = Instant::now();
        while self.try_request("GET", "_cluster/health?wait_for_status=yellow&timeout=5s", "").map(|it| it.0) != Ok(200)
        {
            let log = || std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
            assert!(began.elapsed() < START, "the server has not started: {}", log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Kills it, as if the machine had stopped.
    pub fn kill(&self) {
        if let Some(mut server) = self.server.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            let _ = server.kill();
            let _ = server.wait();
            let _ = std::fs::remove_file(self.folder.path().join("pid"));
        }
    }

    /// The address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a request with a JSON body, from any thread; the status and the reply.
    pub fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.try_request(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    /// The reply to a request that must succeed.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, reply) = self.request(method, path, body);
        assert!(status < 300, "{method} {path}: {status} {reply}");
        reply
    }

    /// All documents of an index by their ids, after a refresh; empty if there is no such index.
    pub fn documents(&self, index: &str) -> std::collections::BTreeMap<String, Value> {
        if self.request("POST", &format!("{index}/_refresh"), "").0 == 404 {
            return Default::default();
        }
        let mut found = std::collections::BTreeMap::new();
        let mut page = self.ask("POST", &format!("{index}/_search?scroll=1m&size=5000"), r#"{"sort":["_doc"]}"#);
        loop {
            let hits = page["hits"]["hits"].as_array().cloned().unwrap_or_default();
            let scroll = format!("{{\"scroll\":\"1m\",\"scroll_id\":{}}}", page["_scroll_id"]);
            if hits.is_empty() {
                self.request("DELETE", "_search/scroll", &format!("{{\"scroll_id\":{}}}", page["_scroll_id"]));
                return found;
            }
            found.extend(
                hits.into_iter()
                    .map(|hit| (hit["_id"].as_str().unwrap_or_default().to_owned(), hit["_source"].clone())),
            );
            page = self.ask("POST", "_search/scroll", &scroll);
        }
    }

    /// How many documents an index has, after a refresh.
    pub fn count(&self, index: &str) -> u64 {
        self.ask("POST", &format!("{index}/_refresh"), "");
        self.ask("GET", &format!("{index}/_count"), "")["count"].as_u64().unwrap_or_default()
    }

    /// Lets it stand still for that time, as a long collection of garbage would.
    pub fn freeze(&self, time: Duration) {
        let guard = self.server.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(pid) = guard.as_ref().map(|server| server.id().to_string()) else { return };
        let signal = |which: &str| Command::new("kill").args([which, &pid]).status();
        signal("-STOP").unwrap_or_else(|why| panic!("{why}"));
        thread::sleep(time);
        signal("-CONT").unwrap_or_else(|why| panic!("{why}"));
    }

    /// How many index operations the server has done on an index since it started; none if there is no such index.
    pub fn index_operations(&self, index: &str) -> u64 {
        let (_, stats) = self.request("GET", &format!("{index}/_stats/indexing"), "");
        stats["_all"]["primaries"]["indexing"]["index_total"].as_u64().unwrap_or_default()
    }

    /// The keys with which a connector reaches it.
    pub fn config(&self) -> RawConfig {
        let keys = [
            ("connector.class", "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector".to_owned()),
            ("connection.url", self.url()),
        ];
        keys.map(|(key, value)| (key.to_owned(), value)).into()
    }

    fn try_request(&self, method: &str, path: &str, body: &str) -> Result<(u16, Value), String> {
        let (method, url, body) = (method.to_owned(), format!("{}/{path}", self.url()), body.to_owned());
        let work = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
            runtime.block_on(send(&method, &url, body))
        };
        thread::spawn(work).join().unwrap_or_else(|_| Err("the client panicked".to_owned()))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// A client of HTTP without TLS.
pub fn client() -> reqwest::Client {
    let tls = crate::send::tls::nobody().unwrap_or_else(|why| panic!("{why}"));
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).use_preconfigured_tls(tls);
    client.build().unwrap_or_else(|why| panic!("{why}"))
}

async fn send(method: &str, url: &str, body: String) -> Result<(u16, Value), String> {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let request = client().request(method, url).header("content-type", "application/json").body(body);
    let response = request.send().await.map_err(|why| why.to_string())?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|why| why.to_string())?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

/// A server's distribution.
struct Distribution {
    folder: PathBuf,
    is_elasticsearch: bool,
}

impl Distribution {
    fn chosen() -> Distribution {
        let name = std::env::var("NARU_TEST_SEARCH").unwrap_or_else(|_| USUAL.to_owned());
        let root = match std::env::var_os("NARU_TEST_SERVERS") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-servers"),
        };
        let folder = root.join(&name);
        assert!(folder.join("bin").exists(), "there is no {name} in {}: run tests/install", root.display());
        let folder = folder.canonicalize().unwrap_or(folder);
        Distribution { folder, is_elasticsearch: name.starts_with("elasticsearch") }
    }

    fn name(&self) -> &'static str {
        if self.is_elasticsearch { "elasticsearch" } else { "opensearch" }
    }

    /// The name of a variable of its start script.
    fn variable(&self, name: &str) -> String {
        format!("{}_{name}", if self.is_elasticsearch { "ES" } else { "OPENSEARCH" })
    }
}

fn configure(folder: &Path, port: u16, transport: u16, settings: &[&str]) {
    let distribution = Distribution::chosen();
    let config = folder.join("config");
    let place = folder.display();
    let mut text = format!(
        "cluster.name: naru\nnode.name: naru\ndiscovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: {port}\n\
         transport.port: {transport}\npath.data: {place}/data\npath.logs: {place}/logs\n\
         cluster.routing.allocation.disk.threshold_enabled: false\n"
    );
    if distribution.is_elasticsearch {
        text.push_str("xpack.security.enabled: false\n");
    }
    settings.iter().for_each(|line| {
        let _ = writeln!(text, "{line}");
    });
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir(&config)?;
        std::fs::create_dir(folder.join("tmp"))?;
        for name in ["jvm.options", "log4j2.properties"] {
            std::fs::copy(distribution.folder.join("config").join(name), config.join(name))?;
        }
        std::fs::write(config.join(format!("{}.yml", distribution.name())), text)
    };
    copy().unwrap_or_else(|why| panic!("cannot configure {}: {why}", distribution.name()));
}

/// The server refuses to run as root, but not as somebody else's root.
fn launch(folder: &Path) -> Child {
    let distribution = Distribution::chosen();
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    let own_user = if is_root { "unshare -U --map-user=1000 --map-group=1000" } else { "" };
    let script = format!(
        "export {java}=${{JAVA_HOME:-$(dirname $(dirname $(readlink -f $(command -v java))))}}; cd {place}; \
         exec {own_user} {bin}/bin/{name} > {place}/out 2>&1",
        java = distribution.variable("JAVA_HOME"),
        name = distribution.name(),
        place = folder.display(),
        bin = distribution.folder.display(),
    );
    let spawned = Command::new("sh")
        .args(["-c", &script])
        .env(distribution.variable("PATH_CONF"), folder.join("config"))
        .env(distribution.variable("JAVA_OPTS"), "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1")
        // Elasticsearch does not start where its configuration lies below this.
        .env(distribution.variable("TMPDIR"), folder.join("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    spawned.unwrap_or_else(|why| panic!("cannot start {}: {why}", distribution.name()))
}

fn janitor(folder: &Path) -> Child {
    let script = format!(
        "cat > /dev/null; kill -9 $(cat {0}/pid 2> /dev/null) 2> /dev/null; sleep 0.2; rm -rf {0}",
        folder.display()
    );
    let spawned = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    spawned.unwrap_or_else(|why| panic!("cannot run a shell: {why}"))
}
