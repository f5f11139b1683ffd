//! Keys: the rest.

use connector_api::config::{Check, ConfigDef};

use super::{Boolean, Class, Int, List, Long, Text, idle, preset};

/// The keys.
pub fn keys() -> ConfigDef {
    const BY_WORKER: &str = "the worker repeats and restarts by its own settings";
    const BY_BYTES: &str = "what is read ahead is bounded in bytes";
    const NO_SIGNALS: &str = "signals are not read";
    const NO_NOTES: &str = "notifications are not sent; the status shows progress";
    const NO_JMX: &str = "there is no JMX";
    ConfigDef::new()
        .key(
            preset("max.batch.size", Int, "2048", "The most records of a batch, if the worker allows as many.")
                .check(Check::AtLeast(1)),
        )
        .key(idle("max.queue.size", Int, BY_BYTES))
        .key(idle("max.queue.size.in.bytes", Long, BY_BYTES))
        .key(idle("poll.interval.ms", Long, "changes are handed over as they come"))
        .key(idle("poll.dispatch.interval.ms", Long, "changes are handed over as they come"))
        .key(
            preset("provide.transaction.metadata", Boolean, "false", "Whether transactions make records of their own.")
                .only(&["false"], "transactions make no records; `source.txId` tells them apart"),
        )
        .key(idle("transaction.metadata.factory", Class, "transactions make no records"))
        .key(idle("topic.transaction", Text, "transactions make no records"))
        .key(idle("event.processing.failure.handling.mode", Text, "an event that cannot be read always stops the task"))
        .key(idle("errors.max.retries", Int, BY_WORKER))
        .key(idle("retriable.restart.connector.wait.ms", Long, BY_WORKER))
        .key(idle("custom.retriable.exception", Text, BY_WORKER))
        .key(idle("executor.shutdown.timeout.ms", Long, BY_WORKER))
        .key(idle("signal.data.collection", List, NO_SIGNALS))
        .key(idle("signal.enabled.channels", List, NO_SIGNALS))
        .key(idle("signal.poll.interval.ms", Long, NO_SIGNALS))
        .key(idle("signal.emit.failure.max.retries", Int, NO_SIGNALS))
        .key(idle("signal.emit.failure.backoff.ms", Long, NO_SIGNALS))
        .key(idle("signal.file", Text, NO_SIGNALS))
        .key(idle("signal.kafka.*", Text, NO_SIGNALS))
        .key(idle("signal.consumer.*", Text, NO_SIGNALS))
        .key(idle("notification.enabled.channels", List, NO_NOTES))
        .key(idle("notification.sink.topic.name", Text, NO_NOTES))
        .key(idle("notification.http.*", Text, NO_NOTES))
        .key(idle("openlineage.integration.*", Text, "there is no OpenLineage"))
        .key(idle("memory.management.schemas.class", Class, "it concerns Java memory"))
        .key(idle("memory.management.tables.class", Class, "it concerns Java memory"))
        .key(idle("statistics.metrics.enabled", Boolean, NO_JMX))
        .key(idle("advanced.metrics.enable", Boolean, NO_JMX))
        .key(idle("custom.metric.tags", List, NO_JMX))
        .key(idle("custom.sanitize.pattern", Text, "passwords never show, by their type"))
        .key(idle("internal.*", Text, "it steers the insides of another implementation"))
}
