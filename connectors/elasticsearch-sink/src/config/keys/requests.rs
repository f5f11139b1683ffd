//! Keys: how documents are put into requests, and what happens when the server does not take them.

use connector_api::config::{Check, ConfigDef, Importance};

use super::{Boolean, Long, idle, number, preset};

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(number(
            "batch.size",
            "2000",
            1,
            1_000_000,
            "The most documents of a request.",
        ))
        .key(number(
            "bulk.size.bytes",
            "5242880",
            1,
            1_000_000_000,
            "The most bytes of a request, before compression. A document larger than this goes alone.",
        ))
        .key(number(
            "max.in.flight.requests",
            "5",
            1,
            1_000,
            "The most requests at a time, each with a connection of its own. When the server pushes back they become half \
             as many, and one more again with each request that succeeds.",
        ))
        .key(
            number(
                "max.retries",
                "5",
                0,
                1_000_000,
                "How often a document is sent again after a failure that may pass. Then the status says so, and the worker \
                 goes on trying, at most half a minute apart; nothing is lost or passed over.",
            )
            .importance(Importance::Low),
        )
        .key(
            preset(
                "retry.backoff.ms",
                Long,
                "100",
                "How long to wait at most before a document is sent again, in milliseconds; twice as long each time, up to \
                 half a minute. The actual time is drawn at random below that.",
            )
            .check(Check::Between(0, 86_400_000))
            .importance(Importance::Low),
        )
        .key(preset(
            "linger.ms",
            Long,
            "20",
            "How long a document may wait for its request to fill up while others are under way, in milliseconds. With none \
             under way it goes at once.",
        ).check(Check::Between(0, 86_400_000)).importance(Importance::Low))
        .key(number(
            "max.buffered.records",
            "20000",
            1,
            10_000_000,
            "How many records a task keeps that the server does not have yet. Their documents are bounded too: by \
             `bulk.size.bytes` for each request that may be under way, and one more.",
        ).importance(Importance::Low))
        .key(idle("flush.timeout.ms", Long, "a document is sent until the server takes it, and the status says what is in the way"))
        .key(idle("flush.synchronously", Boolean, "no flush waits, and offsets are committed up to what the server has"))
}
