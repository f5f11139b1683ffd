//! The keys of a worker: Kafka Connect's, and a few of our own.

use connector_api::config::ConfigType::{Boolean, Class, Int, List, Long, Short, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey};

use super::peers::peer_keys;
use super::security_keys::security_keys;

const NO_SYNC: &str = "a worker need not catch up before it takes its work";
const ONE_LISTENER: &str = "the worker serves REST on `listeners` only";

/// All keys that a worker knows.
pub fn worker_keys() -> ConfigDef {
    ConfigDef::new()
        .and(&naru())
        .and(&log())
        .and(&security_keys())
        .and(&converters())
        .and(&tasks())
        .and(&rest())
        .and(&internal_topics())
        .and(&group())
        .and(&peer_keys())
        .and(&clients())
        .and(&without_effect())
}

fn naru() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::preset("data.dir", Text, "naru-data").check(Check::NonEmpty).doc(
            "The folder for everything that the worker keeps: the embedded log in `log`, the key of sealed \
                 passwords in `secret.key`.",
        ))
        .key(ConfigKey::optional("secret.key.file", Text).check(Check::NonEmpty).doc(
            "The file with the key of sealed passwords; it is made if it is not there. All workers of a herd need the same one. Not \
             set: `secret.key` in `data.dir`.",
        ))
        .key(ConfigKey::preset("move.ignore", Boolean, "false").doc(
            "Start on an embedded log that `naru move` has moved to a cluster, or is about to. Connectors that go on there do their work \
             twice then.",
        ))
        .key(ConfigKey::preset("plugin.path", List, "").doc(
            "Folders with connectors in dynamic libraries (`*.so`, there or one folder deeper), looked through at the start and by \
             `POST /admin/plugins/rescan`. Folders and files must belong to root or the worker's user, and nobody else may write \
             them. Libraries run in the worker itself, so whoever can put one there can do all that the worker can.",
        ))
        .key(ConfigKey::preset("worker.memory.bytes", Long, "50331648").check(Check::AtLeast(1 << 20)).doc(
            "Memory for records on their way, shared by all tasks, in bytes. Each task may have one batch beyond it. Sinks that \
             gather files share as much again.",
        ))
        .key(
            ConfigKey::preset("task.restart.enable", Boolean, "true")
                .doc("Start a failed task again by itself, unless its error says that only a person can help."),
        )
        .key(
            ConfigKey::preset("task.restart.backoff.ms", Long, "1000")
                .check(Check::AtLeast(1))
                .doc("The delay before the first restart, in milliseconds. It doubles with each further failure."),
        )
        .key(
            ConfigKey::preset("task.restart.backoff.max.ms", Long, "60000")
                .check(Check::AtLeast(1))
                .doc("The longest delay before a restart, in milliseconds."),
        )
        .key(
            ConfigKey::preset("task.restart.healthy.after.ms", Long, "300000")
                .check(Check::AtLeast(1))
                .doc("A task that ran for so long, in milliseconds, is taken for healthy: delays begin anew."),
        )
        .key(ConfigKey::preset("task.nice", Int, "10").check(Check::Between(0, 19)).doc(
            "By how much the threads of tasks leave the processor to others of the same service, as `nice` counts it. Others are \
             the worker's own log, its heartbeats and replies, and servers beside it that tasks wait for. 0: all the same.",
        ))
        .key(ConfigKey::preset("task.stuck.timeout.ms", Long, "300000").check(Check::AtLeast(100)).doc(
            "A call to a connector that takes longer, in milliseconds, fails the task, and its thread is given up.",
        ))
        .key(
            ConfigKey::preset("connector.call.timeout.ms", Long, "30000")
                .check(Check::AtLeast(100))
                .doc("How long a connector may take to check a configuration or to split its work, in milliseconds."),
        )
        .key(
            ConfigKey::optional("broker.*", Text)
                .doc("Settings of the embedded log: Kafka's broker keys behind `broker.`; see the table there."),
        )
        .grouped("Naru")
}

fn log() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::optional("bootstrap.servers", List).check(Check::NonEmpty).doc(
            "The log: `host:port` of some brokers. Not set, or the address of the embedded log: the worker starts its \
             own. Anything else: the embedded log stays off and the worker uses that cluster.",
        ))
        .key(
            ConfigKey::preset("request.timeout.ms", Int, "40000")
                .check(Check::AtLeast(1))
                .doc("How long the log may take to answer a request, in milliseconds."),
        )
        .key(
            ConfigKey::preset("metadata.max.age.ms", Long, "300000")
                .check(Check::AtLeast(1))
                .doc("How long what is known of topics is believed, in milliseconds."),
        )
        .key(ConfigKey::preset("client.id", Text, "").doc("A name that the log sees in the worker's requests."))
        .grouped("Log")
}

fn converters() -> ConfigDef {
    let options = |which: &'static str| {
        ConfigKey::optional(format!("{which}.converter.*"), Text)
            .doc(format!(
            "Settings of the {which} converter, such as `{which}.converter.schemas.enable`; `{which}.converter.plugin.version` \
             chooses among versions of one that is a plugin."
        ))
    };
    ConfigDef::new()
        .key(ConfigKey::optional("key.converter", Class).doc(
            "The converter of keys for connectors that name none. Not set: JSON without schemas, decimals as numbers.",
        ))
        .key(ConfigKey::optional("value.converter", Class).doc(
            "The converter of values for connectors that name none. Not set: JSON without schemas, decimals as numbers.",
        ))
        .key(
            ConfigKey::preset("header.converter", Class, "org.apache.kafka.connect.storage.SimpleHeaderConverter")
                .doc("The converter of header values for connectors that name none."),
        )
        .key(options("key"))
        .key(options("value"))
        .key(options("header"))
        .grouped("Converters")
}

fn tasks() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("task.shutdown.graceful.timeout.ms", Long, "5000")
                .check(Check::AtLeast(0))
                .doc("How long tasks may take to stop, in milliseconds; after that they are given up."),
        )
        .key(ConfigKey::preset("offset.flush.interval.ms", Long, "1000").check(Check::AtLeast(1)).doc(
            "How often positions of sources and offsets of sinks are stored, in milliseconds: what a killed worker \
                 may repeat. Kafka Connect's default is 60000.",
        ))
        .key(
            ConfigKey::preset("offset.flush.timeout.ms", Long, "5000")
                .check(Check::AtLeast(1))
                .doc("How long storing them may take before the task's status says so, in milliseconds."),
        )
        .key(
            ConfigKey::preset("topic.creation.enable", Boolean, "true")
                .doc("Make topics that sources write to and that are not there."),
        )
        .key(
            ConfigKey::preset("connector.client.config.override.policy", Text, "All")
                .check(Check::OneOf(&["All", "None"]))
                .doc("Whether connectors may set `producer.override.*` and `consumer.override.*`."),
        )
        .key(
            ConfigKey::preset("config.providers", List, "")
                .doc("Names of config providers for `${name:path:key}` in connector configurations."),
        )
        .key(
            ConfigKey::optional("config.providers.*", Text)
                .doc("`config.providers.NAME.class` and `config.providers.NAME.param.*`."),
        )
        .key(
            ConfigKey::preset("exactly.once.source.support", Text, "disabled")
                .check(Check::OneOf(&["disabled", "preparing", "enabled"]))
                .doc(
                    "Whether tasks of sources write records and positions in transactions, so that readers of committed records see \
                     each record once: `enabled`. `preparing`, for which Kafka Connect needs a restart of all workers first, is the \
                     same as `disabled` here.",
                ),
        )
        .grouped("Tasks")
}

fn rest() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::preset("listeners", List, "http://127.0.0.1:8083").check(Check::NonEmpty).doc(
            "Where REST listens: `http://HOST:PORT`. Without a host it is 127.0.0.1; other hosts than the machine's own \
             need authentication, which this version does not have.",
        ))
        .key(ConfigKey::optional("rest.advertised.host.name", Text).doc("The host that other workers and users are told."))
        .key(
            ConfigKey::optional("rest.advertised.port", Int)
                .check(Check::Between(1, 65535))
                .doc("The port that other workers and users are told."),
        )
        .key(
            ConfigKey::preset("rest.body.max.bytes", Int, "1048576")
                .check(Check::AtLeast(1024))
                .doc("The largest request body taken, in bytes."),
        )
        .key(ConfigKey::preset("rest.extension.classes", List, "").only(&[""], "there are no REST extensions"))
        .key(ConfigKey::preset("access.control.allow.origin", Text, "").only(&[""], "browsers of other sites are kept out"))
        .key(ConfigKey::preset("access.control.allow.methods", Text, "").only(&[""], "browsers of other sites are kept out"))
        .grouped("REST")
}

fn internal_topics() -> ConfigDef {
    let topic = |which: &'static str, preset: &'static str, holds: &str| {
        ConfigKey::preset(format!("{which}.storage.topic"), Text, preset)
            .check(Check::NonEmpty)
            .doc(format!("The topic that holds {holds}."))
    };
    let copies = |which: &'static str| {
        ConfigKey::preset(format!("{which}.storage.replication.factor"), Short, "-1")
            .check(Check::By(copies_or_default))
            .doc("How many brokers hold that topic if it has to be made; -1 for the cluster's default. One on the embedded log.")
    };
    let partitions = |which: &'static str, preset: &'static str| {
        ConfigKey::preset(format!("{which}.storage.partitions"), Int, preset)
            .check(Check::AtLeast(1))
            .doc("How many partitions that topic has if it has to be made.")
    };
    let settings = |which: &'static str| {
        ConfigKey::optional(format!("{which}.storage.*"), Text)
            .doc("Topic settings for that topic if it has to be made.")
    };
    ConfigDef::new()
        .key(topic("config", "naru-configs", "the connectors' configurations"))
        .key(copies("config"))
        .key(ConfigKey::optional("config.storage.partitions", Int).no_effect("that topic always has one partition"))
        .key(settings("config"))
        .key(topic("offset", "naru-offsets", "the positions of sources"))
        .key(copies("offset"))
        .key(partitions("offset", "25"))
        .key(
            ConfigKey::optional("offset.storage.file.filename", Text)
                .no_effect("positions are kept in `offset.storage.topic`"),
        )
        .key(settings("offset"))
        .key(topic("status", "naru-status", "the states of connectors and tasks"))
        .key(copies("status"))
        .key(partitions("status", "5"))
        .key(settings("status"))
        .grouped("Internal topics")
}

fn copies_or_default(text: &str) -> Result<(), String> {
    match text.trim().parse::<i16>() {
        Ok(-1 | 1..) => Ok(()),
        _ => Err("it must be at least 1, or -1 for the cluster's default".to_owned()),
    }
}

fn group() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("group.id", Text, "naru")
                .check(Check::NonEmpty)
                .doc("The name of the herd that the worker belongs to."),
        )
        .key(
            ConfigKey::preset("session.timeout.ms", Int, "10000")
                .check(Check::AtLeast(1))
                .doc("Silence after which a worker is taken for dead, in milliseconds."),
        )
        .key(
            ConfigKey::preset("heartbeat.interval.ms", Int, "500").check(Check::AtLeast(1)).doc(
                "Time between a worker's signs of life, in milliseconds. By its next one a worker also hears that others have \
                 come or gone, so it is a part of the time that a fail-over takes. Kafka Connect's default is 3000.",
            ),
        )
        .key(
            ConfigKey::preset("rebalance.timeout.ms", Int, "60000")
                .check(Check::AtLeast(1))
                .doc("How long workers may take to hand work over, in milliseconds."),
        )
        .key(ConfigKey::preset("scheduled.rebalance.max.delay.ms", Int, "0").check(Check::AtLeast(0)).doc(
            "How long the work of a worker that was lost waits for it to come back, in milliseconds; 0: others take it over at \
             once. What a worker has stopped itself, as it does when it is stopped, never waits. Kafka Connect's default is 300000.",
        ))
        .key(ConfigKey::optional("connect.protocol", Text).no_effect("workers hand work over one piece at a time, always"))
        .key(ConfigKey::optional("worker.sync.timeout.ms", Int).no_effect(NO_SYNC))
        .key(ConfigKey::optional("worker.unsync.backoff.ms", Int).no_effect(NO_SYNC))
        .grouped("Group")
}

fn clients() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::optional("producer.*", Text).doc("Settings of the producers of sources."))
        .key(ConfigKey::optional("consumer.*", Text).doc("Settings of the consumers of sinks."))
        .key(ConfigKey::optional("admin.*", Text).no_effect("tasks need no settings for making topics"))
        .grouped("Clients")
}

/// Keys that a Kafka Connect worker file may hold and that change nothing here.
fn without_effect() -> ConfigDef {
    let groups: [(&'static str, &[&'static str]); 5] = [
        ("libraries say themselves what is in them", &["plugin.discovery"]),
        (
            "the topics that a connector uses are not tracked yet",
            &["topic.tracking.enable", "topic.tracking.allow.reset"],
        ),
        (
            "there is no JMX",
            &["metrics.sample.window.ms", "metrics.num.samples", "metrics.recording.level", "metric.reporters"],
        ),
        (
            ONE_LISTENER,
            &[
                "admin.listeners",
                "admin.listeners.*",
                "rest.advertised.listener",
                "response.http.headers.config",
                "listeners.https.*",
            ],
        ),
        (
            "the log client has its own way",
            &[
                "client.dns.lookup",
                "metadata.recovery.strategy",
                "metadata.recovery.rebootstrap.trigger.ms",
                "send.buffer.bytes",
                "receive.buffer.bytes",
                "reconnect.backoff.ms",
                "reconnect.backoff.max.ms",
                "retry.backoff.ms",
                "retry.backoff.max.ms",
                "connections.max.idle.ms",
                "socket.connection.setup.timeout.ms",
                "socket.connection.setup.timeout.max.ms",
            ],
        ),
    ];
    let keys = groups.into_iter().flat_map(|(why, names)| names.iter().map(move |name| (*name, why)));
    let mut def = ConfigDef::new();
    for (name, why) in keys {
        def = def.key(ConfigKey::optional(name, Text).no_effect(why));
    }
    def.grouped("Other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::config::{RawConfig, Severity};

    /// The worker file that comes with Kafka, with the keys that it sets.
    const KAFKA_S_OWN: &str = "bootstrap.servers=localhost:9092\ngroup.id=connect-cluster\n\
        key.converter=org.apache.kafka.connect.json.JsonConverter\n\
        value.converter=org.apache.kafka.connect.json.JsonConverter\n\
        key.converter.schemas.enable=true\nvalue.converter.schemas.enable=true\n\
        offset.storage.topic=connect-offsets\noffset.storage.replication.factor=1\n\
        config.storage.topic=connect-configs\nconfig.storage.replication.factor=1\n\
        status.storage.topic=connect-status\nstatus.storage.replication.factor=1\n\
        offset.flush.interval.ms=10000\nlisteners=HTTP://:8083\nplugin.path=/usr/local/share/java\n\
        producer.max.request.size=2000000\nconsumer.max.poll.records=100\n";

    #[test]
    fn a_kafka_connect_worker_file_is_taken_as_it_is() {
        let raw = super::super::properties::parse(KAFKA_S_OWN).unwrap();
        let issues = worker_keys().check(&raw).issues;
        let said: Vec<String> = issues.iter().map(|issue| format!("{:?} {issue}", issue.severity)).collect();
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn every_default_passes_its_own_check() {
        let checked = worker_keys().check(&RawConfig::new());
        assert!(checked.issues.iter().all(|issue| issue.severity == Severity::Warning), "{:?}", checked.issues);
    }
}
