//! The keys of producers and consumers that do something here; Kafka's clients have many more.

use connector_api::config::ConfigType::{Boolean, Int, Long, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey};

const OWN_WAY: &str = "the log client has its own way";
const BUDGET: &str = "memory is bounded by the worker's `worker.memory.bytes`";

/// Keys behind `producer.` in a worker's and `producer.override.` in a connector's configuration.
pub(super) fn producer_keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("batch.size", Int, "524288")
                .check(Check::Between(1, 1 << 26))
                .doc("The most bytes of a batch before compression. It is sent when it is full, or when the source has nothing more at once."),
        )
        .key(
            ConfigKey::preset("compression.type", Text, "none")
                .check(Check::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]))
                .doc("The codec of batches."),
        )
        .key(
            ConfigKey::preset("max.request.size", Int, "1048576")
                .check(Check::AtLeast(1))
                .doc("The largest request, in bytes; a single larger record is refused by the log, not here."),
        )
        .key(
            ConfigKey::preset("max.in.flight.requests.per.connection", Int, "5")
                .check(Check::Between(1, 5))
                .doc("Requests that may be unanswered."),
        )
        .key(
            ConfigKey::preset("enable.idempotence", Boolean, "true").doc(
                "Have the log recognise what is sent twice after a lost answer. Kafka Connect's default is false.",
            ),
        )
        .key(
            ConfigKey::preset("acks", Text, "all")
                .check(Check::OneOf(&["all", "-1", "1"]))
                .doc("What the log answers for: all replicas in sync, or the leader alone."),
        )
        .key(
            ConfigKey::preset("request.timeout.ms", Int, "30000")
                .check(Check::AtLeast(1))
                .doc("How long an answer may take, in milliseconds."),
        )
        .key(
            ConfigKey::preset("transaction.timeout.ms", Int, "60000")
                .check(Check::AtLeast(1000))
                .doc("How long a transaction of an exactly-once source may be open before the log aborts it, in milliseconds."),
        )
        .key(
            ConfigKey::optional("transactional.id", Text)
                .no_effect("tasks of exactly-once sources have `GROUP-CONNECTOR-TASK`, or nothing could fence them"),
        )
        .key(ConfigKey::optional("linger.ms", Long).no_effect("a batch is sent as soon as its source has nothing more"))
        .key(ConfigKey::optional("buffer.memory", Long).no_effect(BUDGET))
        .key(
            ConfigKey::optional("delivery.timeout.ms", Int)
                .no_effect("what is not delivered is tried on, and the status says so"),
        )
        .key(ConfigKey::optional("max.block.ms", Long).no_effect(OWN_WAY))
        .key(ConfigKey::optional("retries", Int).no_effect("what is not delivered is tried on, and the status says so"))
        .key(ConfigKey::optional("client.id", Text).no_effect("clients are named after their task"))
        .grouped("Producer")
}

/// Keys behind `consumer.` in a worker's and `consumer.override.` in a connector's configuration.
pub(super) fn consumer_keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("max.poll.records", Int, "500")
                .check(Check::AtLeast(1))
                .doc("The most records in one call of a sink."),
        )
        .key(
            ConfigKey::preset("auto.offset.reset", Text, "earliest")
                .check(Check::OneOf(&["earliest", "latest"]))
                .doc("Where to begin in a partition without a committed offset."),
        )
        .key(
            ConfigKey::preset("fetch.min.bytes", Int, "1")
                .check(Check::AtLeast(1))
                .doc("How many bytes are worth an answer before `fetch.max.wait.ms` is over."),
        )
        .key(
            ConfigKey::preset("fetch.max.wait.ms", Int, "500")
                .check(Check::Between(1, 60_000))
                .doc("How long the log may wait for them, in milliseconds."),
        )
        .key(
            ConfigKey::preset("fetch.max.bytes", Int, "2097152")
                .check(Check::AtLeast(1024))
                .doc("Bytes of one answer at most; one larger batch is let through."),
        )
        .key(
            ConfigKey::preset("max.partition.fetch.bytes", Int, "1048576")
                .check(Check::AtLeast(1024))
                .doc("Bytes of one partition in an answer at most."),
        )
        .key(
            ConfigKey::preset("isolation.level", Text, "read_uncommitted")
                .check(Check::OneOf(&["read_uncommitted", "read_committed"]))
                .doc("Whether to read only what committed transactions wrote."),
        )
        .key(
            ConfigKey::preset("session.timeout.ms", Int, "45000")
                .check(Check::AtLeast(1))
                .doc("Silence after which the log takes a task for dead, in milliseconds."),
        )
        .key(
            ConfigKey::preset("heartbeat.interval.ms", Int, "3000")
                .check(Check::AtLeast(1))
                .doc("Time between signs of life, in milliseconds."),
        )
        .key(
            ConfigKey::preset("max.poll.interval.ms", Int, "300000")
                .check(Check::AtLeast(1))
                .doc("How long a task may take to give partitions up when others want them, in milliseconds."),
        )
        .key(ConfigKey::optional("group.id", Text).check(Check::NonEmpty).doc("The group, instead of `connect-NAME`."))
        .key(ConfigKey::optional("group.instance.id", Text).no_effect("each task has a name of its own in its group"))
        .key(ConfigKey::optional("client.id", Text).no_effect("clients are named after their task"))
        .key(
            ConfigKey::optional("enable.auto.commit", Boolean)
                .only(&["false"], "offsets follow what the sink has flushed"),
        )
        .key(
            ConfigKey::optional("partition.assignment.strategy", Text)
                .no_effect("partitions are shared out cooperatively"),
        )
        .grouped("Consumer")
}
