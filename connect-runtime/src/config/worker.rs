//! The settings of a worker, read from a properties file and from `--set`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connector_api::config::{Config, ConfigDef, Issue, RawConfig};

use super::address::{host_and_port, is_loopback};
use super::client::worker_issues;
use super::peers::{PeerConfig, peers};
use super::raw::behind;
use super::{properties, security, worker_keys};
use crate::task::restart::RestartPolicy;

/// A converter by class, with its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConverterConfig {
    /// The class.
    pub class: String,
    /// Its keys, without prefix.
    pub options: RawConfig,
}

/// One of the worker's own topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalTopicConfig {
    /// Its name.
    pub name: String,
    /// How many partitions if it has to be made.
    pub partitions: i32,
    /// How many copies if it has to be made; -1 for the cluster's default.
    pub replication_factor: i16,
    /// Topic settings if it has to be made.
    pub settings: BTreeMap<String, String>,
}

/// The settings of a worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// What the user wrote.
    pub raw: RawConfig,
    /// The folder for everything that the worker keeps.
    pub data_dir: PathBuf,
    /// The key of sealed passwords.
    pub secret_key_file: PathBuf,
    /// Start on an embedded log that was moved to a cluster.
    pub ignore_move: bool,
    /// The log that the worker uses: `None` for its embedded one.
    pub bootstrap: Option<Vec<(String, u16)>>,
    /// The settings of the embedded log, without `broker.`.
    pub broker: RawConfig,
    /// Host and port of each REST listener.
    pub listeners: Vec<(String, u16)>,
    /// Host and port that users and other workers are told, where they differ from the first listener's.
    pub advertised: (Option<String>, Option<u16>),
    /// The largest request body taken.
    pub rest_body_max_bytes: usize,
    /// How workers call each other.
    pub peers: PeerConfig,
    /// The herd.
    pub group_id: String,
    /// See the key `session.timeout.ms`.
    pub session_timeout: Duration,
    /// See the key `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// See the key `rebalance.timeout.ms`.
    pub rebalance_timeout: Duration,
    /// See the key `scheduled.rebalance.max.delay.ms`.
    pub max_rebalance_delay: Duration,
    /// The name that the log sees.
    pub client_id: String,
    /// How long the log may take to answer.
    pub request_timeout: Duration,
    /// How long what is known of topics is believed.
    pub metadata_max_age: Duration,
    /// For connectors that name none.
    pub key_converter: ConverterConfig,
    /// For connectors that name none.
    pub value_converter: ConverterConfig,
    /// For connectors that name none.
    pub header_converter: ConverterConfig,
    /// Where configurations are kept.
    pub config_topic: InternalTopicConfig,
    /// Where positions are kept.
    pub offset_topic: InternalTopicConfig,
    /// Where states are kept.
    pub status_topic: InternalTopicConfig,
    /// How long tasks may take to stop.
    pub graceful_stop: Duration,
    /// How often positions and offsets are stored.
    pub commit_interval: Duration,
    /// How long storing them may take before the status says so.
    pub commit_timeout: Duration,
    /// Tasks of sources write in transactions.
    pub exactly_once: bool,
    /// Make topics that are not there.
    pub create_topics: bool,
    /// Whether connectors may set client keys.
    pub allow_overrides: bool,
    /// Memory for records on their way.
    pub memory_bytes: usize,
    /// When failed tasks start again.
    pub restart: RestartPolicy,
    /// By how much the threads of tasks leave the processor to others.
    pub task_nice: i32,
    /// How long any call to a connector's task may take.
    pub stuck_after: Duration,
    /// How long a connector may take to check or split.
    pub call_timeout: Duration,
    /// Folders with plugins.
    pub plugin_path: Vec<PathBuf>,
}

/// Reads a worker's settings: the file's text if there is one, and `key=value` pairs that win over it. Warnings come
/// along; errors come alone, each a line that says what to do.
pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<(WorkerConfig, Vec<Issue>), Vec<Issue>> {
    let mut raw = match file {
        Some(file) => read_file(file).map_err(|issue| vec![issue])?,
        None => RawConfig::new(),
    };
    for pair in overrides {
        match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                raw.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            _ => return Err(vec![Issue::error("--set", format!("`--set {pair}` is not of the form key=value."))]),
        }
    }
    WorkerConfig::from_raw(raw)
}

fn read_file(file: &Path) -> Result<RawConfig, Issue> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|why| Issue::error("file", format!("Cannot read the worker file {shown}: {why}.")))?;
    properties::parse(&text)
        .map_err(|bad| Issue::error("file", format!("Line {} of {shown} is wrong: {}.", bad.line, bad.reason)))
}

impl WorkerConfig {
    /// Checks and reads the keys. See [`load`].
    pub fn from_raw(raw: RawConfig) -> Result<(WorkerConfig, Vec<Issue>), Vec<Issue>> {
        let keys = worker_keys();
        let checked = keys.check(&raw);
        let mut issues: Vec<Issue> = checked.issues.into_iter().map(|issue| unknown_is_wrong(&keys, issue)).collect();
        issues.extend(worker_issues(&raw));
        issues.extend(security::worker_issues(&raw));
        let read = read(&checked.config, &raw);
        if let Ok(config) = &read {
            issues.extend(protected_without_cluster(config, checked.config.text("security.protocol")));
        }
        let errors = issues.iter().filter(|issue| issue.is_error()).cloned();
        match read {
            Ok(config) if !issues.iter().any(Issue::is_error) => Ok((config, issues)),
            Ok(_) => Err(errors.collect()),
            Err(more) => Err(errors.chain(more).collect()),
        }
    }

    /// The settings behind a prefix, without it.
    pub fn behind(&self, prefix: &str) -> RawConfig {
        behind(&self.raw, prefix)
    }
}

fn read(config: &Config, raw: &RawConfig) -> Result<WorkerConfig, Vec<Issue>> {
    let data_dir = PathBuf::from(config.text("data.dir"));
    let mut broker = behind(raw, "broker.");
    let log_dir = data_dir.join("log").to_string_lossy().into_owned();
    broker.entry("log.dirs".to_owned()).or_insert(log_dir);
    let listeners = listeners(config.list("listeners"))?;
    let bootstrap = bootstrap(config.list("bootstrap.servers"), &broker)?;
    let embedded = bootstrap.is_none();
    Ok(WorkerConfig {
        secret_key_file: config.optional("secret.key.file").map_or(data_dir.join("secret.key"), PathBuf::from),
        peers: peers(config, bootstrap.as_deref())?,
        data_dir,
        ignore_move: config.boolean("move.ignore"),
        bootstrap,
        broker,
        listeners,
        advertised: (
            config.optional("rest.advertised.host.name").map(str::to_owned),
            config.number("rest.advertised.port").and_then(|port| u16::try_from(port).ok()),
        ),
        rest_body_max_bytes: config.count("rest.body.max.bytes"),
        group_id: config.text("group.id").to_owned(),
        session_timeout: config.millis("session.timeout.ms"),
        heartbeat_interval: config.millis("heartbeat.interval.ms"),
        rebalance_timeout: config.millis("rebalance.timeout.ms"),
        max_rebalance_delay: config.millis("scheduled.rebalance.max.delay.ms"),
        client_id: config.text("client.id").to_owned(),
        request_timeout: config.millis("request.timeout.ms"),
        metadata_max_age: config.millis("metadata.max.age.ms"),
        key_converter: converter(config, raw, "key"),
        value_converter: converter(config, raw, "value"),
        header_converter: converter(config, raw, "header"),
        config_topic: internal_topic(config, raw, "config", embedded),
        offset_topic: internal_topic(config, raw, "offset", embedded),
        status_topic: internal_topic(config, raw, "status", embedded),
        graceful_stop: config.millis("task.shutdown.graceful.timeout.ms"),
        commit_interval: config.millis("offset.flush.interval.ms"),
        commit_timeout: config.millis("offset.flush.timeout.ms"),
        exactly_once: config.text("exactly.once.source.support").eq_ignore_ascii_case("enabled"),
        create_topics: config.boolean("topic.creation.enable"),
        allow_overrides: config.text("connector.client.config.override.policy").eq_ignore_ascii_case("all"),
        memory_bytes: config.count("worker.memory.bytes"),
        restart: RestartPolicy {
            enabled: config.boolean("task.restart.enable"),
            first: config.millis("task.restart.backoff.ms"),
            most: config.millis("task.restart.backoff.max.ms"),
            healthy_after: config.millis("task.restart.healthy.after.ms"),
        },
        task_nice: config.count("task.nice") as i32,
        stuck_after: config.millis("task.stuck.timeout.ms"),
        call_timeout: config.millis("connector.call.timeout.ms"),
        plugin_path: config.list("plugin.path").iter().map(PathBuf::from).collect(),
        raw: raw.clone(),
    })
}

/// Who asks for encryption and gets the worker's own log has named the wrong address.
fn protected_without_cluster(config: &WorkerConfig, protocol: &str) -> Option<Issue> {
    let asked = config.bootstrap.is_none() && !protocol.is_empty() && !protocol.eq_ignore_ascii_case("PLAINTEXT");
    let message = format!(
        "`security.protocol` is {protocol}, and the worker would use its own log, which is reached within the process and has no \
         TLS or login: name the cluster in `bootstrap.servers`."
    );
    asked.then(|| Issue::error("security.protocol", message))
}

/// A worker's file is written once and by hand: a key that is not known there is a slip, not a choice.
fn unknown_is_wrong(keys: &ConfigDef, issue: Issue) -> Issue {
    if keys.find(&issue.key).is_some() {
        return issue;
    }
    Issue::error(issue.key, issue.message.replace(" and has no effect", ""))
}

/// Where nothing is set: JSON without schemas and decimals as numbers, which every tool reads.
fn converter(config: &Config, raw: &RawConfig, which: &str) -> ConverterConfig {
    let mut options = behind(raw, &format!("{which}.converter."));
    let class = match config.optional(&format!("{which}.converter")) {
        Some(class) => class.to_owned(),
        None => {
            options.entry("schemas.enable".to_owned()).or_insert("false".to_owned());
            options.entry("decimal.format".to_owned()).or_insert("NUMERIC".to_owned());
            "org.apache.kafka.connect.json.JsonConverter".to_owned()
        }
    };
    ConverterConfig { class, options }
}

fn internal_topic(config: &Config, raw: &RawConfig, which: &str, embedded: bool) -> InternalTopicConfig {
    let number = |key: &str| config.number(&format!("{which}.storage.{key}"));
    let mut settings = behind(raw, &format!("{which}.storage."));
    settings.retain(|key, _| {
        !matches!(key.as_str(), "topic" | "partitions" | "replication.factor" | "cleanup.policy" | "file.filename")
    });
    settings.insert("cleanup.policy".to_owned(), "compact".to_owned());
    // The embedded log keeps one copy, whatever a file that was written for a cluster says.
    let copies = if embedded { 1 } else { number("replication.factor").unwrap_or(-1) };
    InternalTopicConfig {
        name: config.text(&format!("{which}.storage.topic")).to_owned(),
        partitions: if which == "config" { 1 } else { number("partitions").unwrap_or(1) as i32 },
        replication_factor: copies as i16,
        settings,
    }
}

fn listeners(listed: &[String]) -> Result<Vec<(String, u16)>, Vec<Issue>> {
    let wrong =
        |text: &str, why: &str| vec![Issue::error("listeners", format!("`{text}` in `listeners` is wrong: {why}."))];
    let mut found = Vec::new();
    for text in listed {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                return Err(wrong(text, "https is not offered by this version; use http://127.0.0.1:PORT"));
            }
            _ => return Err(wrong(text, "it must be of the form http://HOST:PORT")),
        };
        let (host, port) = host_and_port(rest.trim_end_matches('/'))
            .ok_or_else(|| wrong(text, "it must be of the form http://HOST:PORT"))?;
        let host = if host.is_empty() { "127.0.0.1".to_owned() } else { host };
        if !is_loopback(&host) {
            let why = "REST has no authentication yet, so it listens on this machine only; use 127.0.0.1, and a proxy \
                       with authentication for others";
            return Err(wrong(text, why));
        }
        found.push((host, port));
    }
    Ok(found)
}

/// The cluster, unless the addresses are those of the embedded log.
fn bootstrap(listed: &[String], broker: &RawConfig) -> Result<Option<Vec<(String, u16)>>, Vec<Issue>> {
    let mut addresses = Vec::new();
    for text in listed {
        let plain = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        match host_and_port(plain).filter(|(host, _)| !host.is_empty()) {
            Some(address) => addresses.push(address),
            None => {
                let message = format!("`{text}` in `bootstrap.servers` is wrong: it must be of the form HOST:PORT.");
                return Err(vec![Issue::error("bootstrap.servers", message)]);
            }
        }
    }
    let own = broker.get("listeners").map_or("127.0.0.1:9092", String::as_str);
    let own = own.split(',').filter_map(|one| host_and_port(one.trim().rsplit("//").next().unwrap_or(one)));
    let own: Vec<(String, u16)> = own.collect();
    let is_own = |(host, port): &(String, u16)| {
        own.iter().any(|(own_host, own_port)| own_port == port && (own_host == host || is_loopback(host)))
    };
    let embedded = addresses.is_empty() || addresses.iter().all(is_own);
    Ok((!embedded).then_some(addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(pairs: &[(&str, &str)]) -> Result<WorkerConfig, Vec<String>> {
        let raw = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        WorkerConfig::from_raw(raw)
            .map(|(config, _)| config)
            .map_err(|issues| issues.iter().map(|issue| issue.message.clone()).collect())
    }

    #[test]
    fn nothing_set_gives_a_worker_of_its_own_on_loopback() {
        let config = worker(&[]).unwrap();
        assert_eq!(config.bootstrap, None);
        assert_eq!(config.listeners, [("127.0.0.1".to_owned(), 8083)]);
        assert_eq!(config.value_converter.options["schemas.enable"], "false");
        assert_eq!(config.value_converter.options["decimal.format"], "NUMERIC");
        assert_eq!(config.broker["log.dirs"], "naru-data/log");
        assert_eq!((config.config_topic.partitions, config.offset_topic.partitions), (1, 25));
    }

    #[test]
    fn only_another_cluster_switches_the_embedded_log_off() {
        for own in ["localhost:9092", "127.0.0.1:9092", "PLAINTEXT://localhost:9092"] {
            assert_eq!(worker(&[("bootstrap.servers", own)]).unwrap().bootstrap, None, "{own}");
        }
        for other in ["localhost:9093", "kafka-1:9092,localhost:9092"] {
            assert!(worker(&[("bootstrap.servers", other)]).unwrap().bootstrap.is_some(), "{other}");
        }
        let moved = [("bootstrap.servers", "localhost:19092"), ("broker.listeners", "PLAINTEXT://127.0.0.1:19092")];
        assert_eq!(worker(&moved).unwrap().bootstrap, None);
        assert!(worker(&[("bootstrap.servers", "nohost")]).unwrap_err()[0].contains("HOST:PORT"));
    }

    #[test]
    fn rest_stays_on_this_machine() {
        assert_eq!(worker(&[("listeners", "HTTP://:8083")]).unwrap().listeners[0].0, "127.0.0.1");
        for open in ["http://0.0.0.0:8083", "http://192.168.1.5:80"] {
            assert!(worker(&[("listeners", open)]).unwrap_err()[0].contains("no authentication"), "{open}");
        }
        assert!(worker(&[("listeners", "https://:8443")]).unwrap_err()[0].contains("https is not offered"));
    }

    #[test]
    fn a_wrong_key_is_one_clear_line() {
        let said = worker(&[("sesion.timeout.ms", "x"), ("heartbeat.interval.ms", "soon")]).unwrap_err();
        assert_eq!(
            said,
            [
                "The value `soon` of `heartbeat.interval.ms` is wrong: it must be a whole number.",
                "`sesion.timeout.ms` is not a known key; the nearest known key is `session.timeout.ms`.",
            ]
        );
    }

    #[test]
    fn a_converter_that_is_named_has_kafka_connect_s_defaults() {
        let class = "org.apache.kafka.connect.json.JsonConverter";
        let config = worker(&[("value.converter", class), ("value.converter.decimal.format", "NUMERIC")]).unwrap();
        assert_eq!(config.value_converter.options.len(), 1);
    }
}
