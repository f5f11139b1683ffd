//! What a cluster shall be like.

use std::fmt::Write;
use std::path::Path;

/// Settings with which small machines run three brokers: small buffers, few threads, few partitions of Kafka's own topics, and
/// a dead broker is known as such after four seconds and not nine.
const SMALL: &str = "\
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
offsets.topic.num.partitions=6
transaction.state.log.num.partitions=6
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
controlled.shutdown.enable=true
group.initial.rebalance.delay.ms=100
";

/// How many brokers, with which listeners and settings.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Brokers, each of them a controller too. Ids begin with 1.
    pub brokers: usize,
    /// Listeners beside `PLAINTEXT`.
    pub listeners: Vec<KafkaListener>,
    /// Lines of server.properties; they win over what is there. A `{folder}` becomes the cluster's folder, in which files can be put
    /// beforehand by [`files`](Self::files).
    pub properties: Vec<String>,
    /// Names and contents of files to be put into the cluster's folder, such as certificates.
    pub files: Vec<(String, Vec<u8>)>,
    /// Arguments of `kafka-storage format`, such as `--add-scram` and its value.
    pub format: Vec<String>,
}

impl Default for KafkaOptions {
    fn default() -> KafkaOptions {
        KafkaOptions {
            brokers: 3,
            listeners: Vec::new(),
            properties: Vec::new(),
            files: Vec::new(),
            format: Vec::new(),
        }
    }
}

/// A further listener of each broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaListener {
    /// Its name, such as `TLS`.
    pub name: String,
    /// Its protocol: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: String,
    /// The host by which clients are told to reach it: `localhost` or `127.0.0.1`.
    pub host: String,
}

/// The ports of a broker: of its controller, and of its listeners in their order, `PLAINTEXT` first.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    pub(super) controller: u16,
    pub(super) listeners: Vec<u16>,
}

/// Text of server.properties.
pub(super) fn properties(options: &KafkaOptions, all: &[Ports], id: usize, folder: &Path) -> String {
    let ports = &all[id - 1];
    let voters: Vec<String> =
        all.iter().enumerate().map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports.controller)).collect();
    let plain = KafkaListener { name: "PLAINTEXT".into(), protocol: "PLAINTEXT".into(), host: "127.0.0.1".into() };
    let listeners: Vec<(&KafkaListener, &u16)> =
        std::iter::once(&plain).chain(&options.listeners).zip(&ports.listeners).collect();
    let joined = |one: &dyn Fn(&KafkaListener, u16) -> String| -> String {
        listeners.iter().map(|(listener, port)| one(listener, **port)).collect::<Vec<_>>().join(",")
    };
    let copies = options.brokers.min(3);
    let enough = copies.saturating_sub(1).max(1);
    let mut text = format!(
        "process.roles=broker,controller\nnode.id={id}\ncontroller.quorum.voters={}\ncontroller.listener.names=CONTROLLER\n\
         listeners={},CONTROLLER://127.0.0.1:{}\nadvertised.listeners={}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,{}\ninter.broker.listener.name=PLAINTEXT\nlog.dirs={}\n\
         default.replication.factor={copies}\nmin.insync.replicas={enough}\noffsets.topic.replication.factor={copies}\n\
         transaction.state.log.replication.factor={copies}\ntransaction.state.log.min.isr={enough}\n{SMALL}",
        voters.join(","),
        joined(&|listener, port| format!("{}://127.0.0.1:{port}", listener.name)),
        ports.controller,
        joined(&|listener, port| format!("{}://{}:{port}", listener.name, listener.host)),
        joined(&|listener, _| format!("{}:{}", listener.name, listener.protocol)),
        folder.join(format!("data-{id}")).display(),
    );
    for line in &options.properties {
        let _ = writeln!(text, "{}", line.replace("{folder}", &folder.to_string_lossy()));
    }
    text
}
