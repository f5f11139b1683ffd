//! Brokers, killed and started again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::distribution::{LOG_CONFIG, java};
use super::janitor::{Janitor, note};
use super::options::{KafkaOptions, Ports, properties};
use crate::{Process, Topics, free_port, run};

/// Enough for tests.
const HEAP: &str = "256m";

/// How long a broker may take to start, on a machine that has other things to do.
const START: Duration = Duration::from_secs(120);

/// What a broker says last when it starts; it then has its place in the cluster.
const STARTED: &str = "Kafka Server started";

/// The id that all clusters of tests have: 16 bytes in Base64.
const CLUSTER_ID: &str = "bmFydS10ZXN0LWNsdXN0ZQ";

/// A cluster that runs.
#[derive(Debug)]
pub struct KafkaCluster {
    options: KafkaOptions,
    ports: Vec<Ports>,
    brokers: Vec<Mutex<Option<Process>>>,
    _janitor: Janitor,
    folder: PathBuf,
}

impl KafkaCluster {
    /// Starts brokers and waits until all of them serve.
    pub fn start(options: KafkaOptions) -> KafkaCluster {
        let folder = tempfile::Builder::new().prefix("naru-kafka-").tempdir().expect("a folder").keep();
        let janitor = Janitor::of(&folder);
        let some_ports = |_| Ports {
            controller: free_port(),
            listeners: (0..=options.listeners.len()).map(|_| free_port()).collect(),
        };
        let ports: Vec<Ports> = (0..options.brokers).map(some_ports).collect();
        let brokers = ports.iter().map(|_| Mutex::new(None)).collect();
        let cluster = KafkaCluster { options, ports, brokers, _janitor: janitor, folder };
        cluster.write("log4j2.properties", LOG_CONFIG.as_bytes());
        for (name, content) in &cluster.options.files {
            cluster.write(name, content);
        }
        std::thread::scope(|scope| {
            let cluster = &cluster;
            cluster.ids().for_each(|id| drop(scope.spawn(move || cluster.format(id))));
        });
        cluster.ids().for_each(|id| cluster.launch(id));
        cluster.ids().for_each(|id| cluster.wait_for_start(id, 0));
        cluster
    }

    /// The ids of the brokers: 1 and on.
    pub fn ids(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.ports.len()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `host:port` of each broker, for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.ids().map(|id| format!("127.0.0.1:{}", self.port(id))).collect();
        addresses.join(",")
    }

    /// The same of a further listener.
    pub fn bootstrap_of(&self, listener: &str) -> String {
        let at = self.options.listeners.iter().position(|known| known.name == listener);
        let at = at.unwrap_or_else(|| panic!("the cluster has no listener {listener}"));
        let host = &self.options.listeners[at].host;
        let addresses: Vec<String> =
            self.ports.iter().map(|ports| format!("{host}:{}", ports.listeners[at + 1])).collect();
        addresses.join(",")
    }

    /// The port of a broker's listener `PLAINTEXT`.
    pub fn port(&self, id: usize) -> u16 {
        self.ports[id - 1].listeners[0]
    }

    /// Its topics.
    pub fn topics(&self) -> Topics {
        Topics::of(self.ids().map(|id| ("127.0.0.1".to_owned(), self.port(id))).collect())
    }

    /// What a broker has logged, through all its lives.
    pub fn log(&self, id: usize) -> String {
        fs::read_to_string(self.folder.join(format!("broker-{id}.log"))).unwrap_or_default()
    }

    /// Kills a broker at once, as a power cut of the process.
    pub fn kill(&self, id: usize) {
        if let Some(mut broker) = self.broker(id).take() {
            broker.kill();
            note(&self.folder, &format!("broker-{id}"), None);
        }
    }

    /// Stops a broker in order: it hands over what it leads.
    pub fn stop(&self, id: usize) {
        if let Some(mut broker) = self.broker(id).take() {
            broker.signal(libc::SIGTERM);
            broker.wait(START);
            note(&self.folder, &format!("broker-{id}"), None);
        }
    }

    /// Starts a broker again after [`kill`](Self::kill) or [`stop`](Self::stop), and waits until it serves.
    pub fn start_again(&self, id: usize) {
        let known = self.log(id).len();
        self.launch(id);
        self.wait_for_start(id, known);
    }

    /// Lets a broker stand still, as a long collection of garbage would, until [`thaw`](Self::thaw).
    pub fn freeze(&self, id: usize) {
        self.broker(id).as_ref().expect("the broker runs").signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self, id: usize) {
        self.broker(id).as_ref().expect("the broker runs").signal(libc::SIGCONT);
    }

    /// Waits until every partition has all its replicas in sync.
    pub fn wait_until_in_sync(&self) {
        let topics = self.topics();
        crate::until("all replicas are in sync", || topics.lagging().is_some_and(|lagging| lagging.is_empty()));
    }

    /// Runs one of Kafka's tools, such as `org.apache.kafka.tools.TopicCommand`, and returns what it prints.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> String {
        let mut java = self.java(class, "128m");
        java.arg("--bootstrap-server").arg(self.bootstrap()).args(arguments);
        run(&mut java)
    }

    pub(super) fn java(&self, class: &str, heap: &str) -> Command {
        java(class, heap, &self.folder.join("log4j2.properties"))
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) {
        let file = self.folder.join(name);
        fs::write(&file, content).unwrap_or_else(|why| panic!("cannot write {}: {why}", file.display()));
    }

    fn broker(&self, id: usize) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.brokers[id - 1].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn properties_file(&self, id: usize) -> PathBuf {
        self.folder.join(format!("broker-{id}.properties"))
    }

    fn format(&self, id: usize) {
        let text = properties(&self.options, &self.ports, id, &self.folder);
        self.write(&format!("broker-{id}.properties"), text.as_bytes());
        let mut java = self.java("kafka.tools.StorageTool", "128m");
        java.args(["format", "--cluster-id", CLUSTER_ID, "--config"]).arg(self.properties_file(id));
        run(java.args(&self.options.format));
    }

    fn launch(&self, id: usize) {
        let name = format!("broker-{id}");
        let log = File::options().create(true).append(true).open(self.folder.join(format!("{name}.log")));
        let log = log.expect("a log file");
        let mut java = self.java("kafka.Kafka", HEAP);
        java.arg(self.properties_file(id)).stdin(Stdio::null());
        java.stdout(Stdio::from(log.try_clone().expect("a log file"))).stderr(Stdio::from(log));
        let process = Process::start(&mut java);
        note(&self.folder, &name, Some(process.id()));
        *self.broker(id) = Some(process);
    }

    fn wait_for_start(&self, id: usize, known: usize) {
        let since = Instant::now();
        loop {
            let log = self.log(id);
            if log.get(known..).is_some_and(|new| new.contains(STARTED)) {
                return;
            }
            let runs = self.broker(id).as_mut().is_some_and(Process::is_running);
            assert!(runs && since.elapsed() < START, "broker {id} does not start; its log says:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
