//! A worker of Kafka Connect.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::cluster::KafkaCluster;
use super::distribution::debezium;
use super::janitor::note;
use crate::{Process, Rest, free_port, until};

/// Enough for a few connectors.
const HEAP: &str = "384m";

/// A worker of Kafka Connect, in distributed mode, that runs on a cluster.
pub struct KafkaConnect<'a> {
    cluster: &'a KafkaCluster,
    name: String,
    port: u16,
    process: Option<Process>,
}

impl<'a> KafkaConnect<'a> {
    /// Starts a worker, with these lines of its properties, and waits until it answers. It has the connectors of Kafka's own
    /// class path, for files; with `debezium` that for PostgreSQL too.
    pub fn start(
        cluster: &'a KafkaCluster,
        name: &str,
        properties: &[String],
        with_debezium: bool,
    ) -> KafkaConnect<'a> {
        let port = free_port();
        let plugins = if with_debezium { debezium() } else { cluster.folder().join("no-plugins") };
        fs::create_dir_all(&plugins).unwrap_or_else(|why| panic!("{why}"));
        let text = format!(
            "bootstrap.servers={}\nlisteners=http://127.0.0.1:{port}\nplugin.path={}\nplugin.discovery=hybrid_warn\n{}\n",
            cluster.bootstrap(),
            plugins.display(),
            properties.join("\n")
        );
        cluster.write(&format!("{name}.properties"), text.as_bytes());
        let mut worker = KafkaConnect { cluster, name: name.to_owned(), port, process: None };
        worker.go();
        worker
    }

    /// Starts it again after [`stop`](Self::stop).
    pub fn go(&mut self) {
        let (folder, name) = (self.cluster.folder(), &self.name);
        let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log")));
        let log = log.expect("a log file");
        let mut java = self.cluster.java("org.apache.kafka.connect.cli.ConnectDistributed", HEAP);
        java.arg(folder.join(format!("{name}.properties"))).stdin(Stdio::null());
        java.stdout(Stdio::from(log.try_clone().expect("a log file"))).stderr(Stdio::from(log));
        let process = Process::start(&mut java);
        note(folder, name, Some(process.id()));
        self.process = Some(process);
        let rest = self.rest();
        until(&format!("Kafka Connect answers; its log is in {}", folder.display()), || {
            rest.try_get("/connectors").is_some_and(|reply| reply.status == 200)
        });
    }

    /// Its REST.
    pub fn rest(&self) -> Rest {
        Rest::at(self.port)
    }

    /// Creates a connector; waits while the workers share out what is there.
    pub fn create(&self, name: &str, config: &Json) {
        let body = json!({ "name": name, "config": config });
        until(&format!("Kafka Connect takes {name}"), || {
            let reply = self.rest().post("/connectors", &body);
            assert!(matches!(reply.status, 201 | 409 | 500), "{name}: {}", reply.body);
            reply.status == 201
        });
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.cluster.folder().join(format!("{}.log", self.name))).unwrap_or_default()
    }

    /// Asks it to stop and waits for that.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(libc::SIGTERM);
            process.wait(Duration::from_secs(60));
            note(self.cluster.folder(), &self.name, None);
        }
    }
}

impl Drop for KafkaConnect<'_> {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            note(self.cluster.folder(), &self.name, None);
        }
    }
}
