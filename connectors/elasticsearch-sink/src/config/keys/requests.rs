//! Keys: how documents are put into requests, and what happens when the server does not take them.

use connector_api::config::{Check, ConfigDef, Importance};

use super::{Boolean, Int, Long, idle, number, preset};

/// The keys.
pub fn keys() -> ConfigDef {
    const WAITS: &str =
        "each call of the worker waits for the server's answer to all of its records, so none stay buffered";
    ConfigDef::new()
        .key(number(
            "batch.size",
            "2000",
            1,
            1_000_000,
            "The most documents of a request. The worker hands over `max.poll.records` (500) records at a time: raise \
             `consumer.override.max.poll.records` for larger requests.",
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
        .key(
            number(
                "flush.timeout.ms",
                "180000",
                1,
                86_400_000,
                "How long after the worker's call a document may still be sent again, in milliseconds; as with \
                 `max.retries`, the worker then goes on trying.",
            )
            .importance(Importance::Low),
        )
        .key(idle("max.buffered.records", Int, WAITS))
        .key(idle("linger.ms", Long, WAITS))
        .key(idle("flush.synchronously", Boolean, WAITS))
}
