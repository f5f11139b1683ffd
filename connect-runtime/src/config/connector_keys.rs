//! The keys that every connector has beside its own: Kafka Connect's.

use connector_api::config::ConfigType::{Boolean, Class, Int, List, Long, Password, Short, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey, Importance, Width};

use crate::plugins::known::{ISOLATION, ISOLATION_MEMORY, ISOLATION_MEMORY_DEFAULT};
use crate::plugins::version::Wanted;

/// The longest name of a connector, in bytes. Names become parts of group and client names.
pub const NAME_MAX_BYTES: usize = 200;

/// The keys of rate limits: records, bytes, and requests, which connectors that send them list themselves. A change of
/// nothing else leaves tasks running.
pub const RATE_KEYS: [&str; 3] =
    ["rate.limit.records.per.second", "rate.limit.bytes.per.second", "rate.limit.requests.per.second"];

/// Whether a source has to be exactly once.
pub const EXACTLY_ONCE_KEY: &str = "exactly.once.support";

/// The topic of a source's own for its positions.
pub const OFFSETS_TOPIC_KEY: &str = "offsets.storage.topic";

/// Keys of sources and sinks.
pub(super) fn common_keys() -> ConfigDef {
    let converter = |which: &'static str| {
        ConfigKey::optional(format!("{which}.converter"), Class).importance(Importance::Low).doc(format!(
            "The converter of {which}s; the worker's if not set. Its own keys stand behind `{which}.converter.`."
        ))
    };
    ConfigDef::new()
        .key(
            ConfigKey::required("name", Text)
                .check(Check::By(connector_name))
                .display_name("Connector name")
                .doc("The connector's name, unique in the herd."),
        )
        .key(
            ConfigKey::required("connector.class", Class)
                .width(Width::Long)
                .display_name("Connector class")
                .doc("The class: its full name, the name without the package, or that name without `Connector`."),
        )
        .key(
            ConfigKey::preset("tasks.max", Int, "1")
                .importance(Importance::High)
                .width(Width::Short)
                .check(Check::AtLeast(1))
                .doc("The most tasks that the connector is split into."),
        )
        .key(ConfigKey::preset("tasks.max.enforce", Boolean, "true").only(&["true"], "`tasks.max` is always kept"))
        .key(
            ConfigKey::optional("connector.plugin.version", Text)
                .check(Check::By(|text| Wanted::read(text).map(drop)))
                .doc(
                    "Which version of the connector: one as `1.2`, a range as `[1.0,2.0)`, or the newest that there is when it \
                     starts (`latest`).",
                ),
        )
        .key(
            ConfigKey::optional(ISOLATION, Text).check(Check::OneOf(&["none", "process"])).doc(
                "Where a plugin of `plugin.path` runs: in the worker (`none`, what libraries do if nothing is said), or each task in a \
                 process of its own (`process`, what programs always do), whose crash hurts that task alone.",
            ),
        )
        .key(
            ConfigKey::preset(ISOLATION_MEMORY, Long, ISOLATION_MEMORY_DEFAULT.to_string()).check(Check::AtLeast(0)).doc(
                "How much memory the process of each task may use, in bytes; 0 for as much as there is. Only with \
                 `connector.isolation=process`.",
            ),
        )
        .key(converter("key"))
        .key(converter("value"))
        .key(converter("header"))
        .key(ConfigKey::preset("transforms", List, "").importance(Importance::Low).doc(
            "Names for the transforms that records go through, in their order. `transforms.NAME.type` is the class of one, and its own \
             keys stand behind `transforms.NAME.`; with `transforms.NAME.predicate` it is only for some records.",
        ))
        .key(ConfigKey::preset("predicates", List, "").importance(Importance::Low).doc(
            "Names for the predicates that transforms refer to. `predicates.NAME.type` is the class of one.",
        ))
        .key(
            ConfigKey::optional("config.action.reload", Text).no_effect("config providers name no end of their values"),
        )
        .key(
            ConfigKey::optional(RATE_KEYS[0], Long)
                .check(Check::AtLeast(1))
                .doc("The most records that each task moves in a second. Can be changed while tasks run."),
        )
        .key(
            ConfigKey::optional(RATE_KEYS[1], Long)
                .check(Check::AtLeast(1))
                .doc("The most bytes of keys and values that each task moves in a second. Can be changed while tasks run."),
        )
        .key(
            ConfigKey::preset("errors.tolerance", Text, "none")
                .check(Check::OneOf(&["none", "all"]))
                .doc("What a record does that cannot be converted, or that a sink rejects: `none`: it fails the task; `all`: the task goes on without it."),
        )
        .key(ConfigKey::preset("errors.retry.timeout", Long, "0").check(Check::AtLeast(-1)).doc(
            "How long a transform or converter that says it may succeed later is tried again with the same records, in milliseconds; \
             -1 without end. Sinks and sources that say so are tried again until they succeed.",
        ))
        .key(
            ConfigKey::preset("errors.retry.delay.max.ms", Long, "60000")
                .check(Check::AtLeast(1))
                .doc("The longest delay between such attempts, in milliseconds; the first is 300."),
        )
        .key(
            ConfigKey::preset("errors.log.enable", Boolean, "false")
                .doc("Say each record that the task goes on without in the log; the status counts them in any case."),
        )
        .key(
            ConfigKey::optional("errors.log.include.messages", Boolean)
                .no_effect("errors name the record, never its content"),
        )
        .grouped("Common")
}

/// Keys of sources.
pub(super) fn source_keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset(EXACTLY_ONCE_KEY, Text, "requested")
                .check(Check::OneOf(&["requested", "required"]))
                .doc(
                    "`required`: the configuration is refused unless the worker's `exactly.once.source.support` is enabled and the \
                     connector says that it supports it.",
                ),
        )
        .key(
            ConfigKey::preset("transaction.boundary", Text, "poll")
                .only(&["poll", "interval"], "connectors have no way to say where a transaction ends")
                .doc(
                    "Where transactions end, with exactly-once sources: `poll`: after what the source hands over at once, batches \
                     that follow within 50 ms and 4 MiB included; `interval`: so long after they began.",
                ),
        )
        .key(
            ConfigKey::optional("transaction.boundary.interval.ms", Long).check(Check::AtLeast(1)).doc(
                "How long a transaction takes with `transaction.boundary=interval`, in milliseconds; not set: the worker's \
                 `offset.flush.interval.ms`. Never longer than half of the producer's `transaction.timeout.ms`.",
            ),
        )
        .key(ConfigKey::preset(OFFSETS_TOPIC_KEY, Text, "").doc(
            "A topic of the connector's own for its positions, made compacted if it is not there. The worker's topic then holds a \
             copy; where both have a position, that of the connector's own topic counts.",
        ))
        .key(
            ConfigKey::preset("topic.creation.groups", List, "")
                .doc("Names of further groups of topics, beside `default`, with settings of their own."),
        )
        .key(
            ConfigKey::optional("topic.creation.*.include", List)
                .doc("Regular expressions of the topics of a group; each must match the whole name."),
        )
        .key(
            ConfigKey::optional("topic.creation.*.exclude", List)
                .doc("The same for topics that are not of the group after all."),
        )
        .key(
            ConfigKey::optional("topic.creation.*.replication.factor", Short)
                .check(Check::By(positive_or_default))
                .doc("How many brokers hold the topics of a group; -1 for the log's default."),
        )
        .key(
            ConfigKey::optional("topic.creation.*.partitions", Int)
                .check(Check::By(positive_or_default))
                .doc("How many partitions the topics of a group get; -1 for the log's default."),
        )
        .key(
            ConfigKey::optional("topic.creation.*", Text)
                .doc("Topic settings of a group, such as `topic.creation.default.cleanup.policy`."),
        )
        .and(&override_secrets())
        .key(ConfigKey::optional("producer.override.*", Text).doc("Settings of the producer, above the worker's."))
        .key(ConfigKey::optional("admin.override.*", Text).no_effect("tasks need no settings for making topics"))
        .grouped("Source")
}

/// Keys of sinks.
pub(super) fn sink_keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::preset("topics", List, "")
                .importance(Importance::High)
                .width(Width::Long)
                .doc("The topics to read. Either this or `topics.regex`."),
        )
        .key(
            ConfigKey::preset("topics.regex", Text, "").importance(Importance::High).check(Check::By(regex)).doc(
                "A regular expression that matches the whole name of each topic to read. Either this or `topics`.",
            ),
        )
        .key(
            ConfigKey::preset("errors.deadletterqueue.topic.name", Text, "").doc(
                "The topic that keeps the records that the task goes on without, as they were read. None if empty.",
            ),
        )
        .key(
            ConfigKey::preset("errors.deadletterqueue.topic.replication.factor", Short, "-1")
                .check(Check::By(positive_or_default))
                .doc("How many brokers hold that topic if it has to be made; -1 for the log's default."),
        )
        .key(
            ConfigKey::preset("errors.deadletterqueue.context.headers.enable", Boolean, "false")
                .doc("Say in headers `__connect.errors.*` where a dead letter comes from and what was wrong with it."),
        )
        .and(&override_secrets())
        .key(ConfigKey::optional("consumer.override.*", Text).doc("Settings of the consumer, above the worker's."))
        .key(ConfigKey::optional("admin.override.*", Text).no_effect("sinks make no topics"))
        .grouped("Sink")
}

/// Settings of clients that are passwords: stored sealed and never shown.
fn override_secrets() -> ConfigDef {
    const SECRETS: [&str; 7] = [
        "sasl.jaas.config",
        "ssl.keystore.key",
        "ssl.keystore.certificate.chain",
        "ssl.keystore.password",
        "ssl.key.password",
        "ssl.truststore.certificates",
        "ssl.truststore.password",
    ];
    SECRETS.iter().fold(ConfigDef::new(), |def, secret| {
        let doc = "As the key without its beginning is for the worker; stored sealed.";
        def.key(ConfigKey::optional(format!("*.override.{secret}"), Password).doc(doc))
    })
}

fn connector_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("it must not be empty".to_owned());
    }
    if name.len() > NAME_MAX_BYTES {
        return Err(format!("it must not be longer than {NAME_MAX_BYTES} bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err("it must not hold control characters".to_owned());
    }
    Ok(())
}

fn positive_or_default(text: &str) -> Result<(), String> {
    match text.trim().parse::<i32>() {
        Ok(-1 | 1..) => Ok(()),
        _ => Err("it must be at least 1, or -1 for the log's default".to_owned()),
    }
}

/// Whether it can be matched against whole names.
fn regex(text: &str) -> Result<(), String> {
    whole_name(text).map(|_| ()).map_err(|why| format!("it is no regular expression: {why}"))
}

/// A regular expression that matches whole names only.
pub(crate) fn whole_name(text: &str) -> Result<fancy_regex::Regex, Box<fancy_regex::Error>> {
    fancy_regex::Regex::new(&format!("^(?:{text})$")).map_err(Box::new)
}
