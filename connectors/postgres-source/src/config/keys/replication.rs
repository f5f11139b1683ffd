//! Keys: the slot, the publication and the stream.

use connector_api::config::{Check, ConfigDef};

use super::checks::{check_publication_name, check_slot_name, check_stream_params, refuse};
use super::{Boolean, Int, Long, Text, choice, idle, optional, preset, refused};

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            preset("plugin.name", Text, "pgoutput", "The plugin that decodes the log.").only(
                &["pgoutput"],
                "pgoutput is part of every server from version 10 on; set it, or leave the key out",
            ),
        )
        .key(
            preset(
                "slot.name",
                Text,
                "debezium",
                "The replication slot. Each connector needs one of its own. Small \
                letters, digits and `_`.",
            )
            .check(Check::By(check_slot_name)),
        )
        .key(preset(
            "slot.drop.on.stop",
            Boolean,
            "false",
            "Whether a clean stop drops the slot. The next start then \
            begins as if for the first time.",
        ))
        .key(preset(
            "slot.failover",
            Boolean,
            "false",
            "Whether the slot is made so that standbys can take it over \
            (PostgreSQL 17 and later).",
        ))
        .key(
            preset(
                "slot.max.retries",
                Int,
                "6",
                "How often a slot that somebody else uses is tried \
            again.",
            )
            .check(Check::Between(0, 100_000)),
        )
        .key(
            preset(
                "slot.retry.delay.ms",
                Long,
                "10000",
                "How long to wait between these tries, in \
            milliseconds.",
            )
            .check(Check::Between(1, 3_600_000)),
        )
        .key(
            optional(
                "slot.stream.params",
                Text,
                "Further options of the plugin as `name=value;name=value`; only \
                `origin` is taken.",
            )
            .check(Check::By(check_stream_params)),
        )
        .key(
            preset("publication.name", Text, "dbz_publication", "The publication that names the tables.")
                .check(Check::By(check_publication_name)),
        )
        .key(choice(
            "publication.autocreate.mode",
            "filtered",
            &["filtered", "all_tables", "no_tables", "disabled"],
            "Who keeps the publication: `filtered` keeps it in step with the captured tables, `all_tables` makes one \
            of all \
             tables if it is missing, `no_tables` an empty one, `disabled` none.",
        ))
        .key(
            choice(
                "offset.mismatch.strategy",
                "trust_offset",
                &["no_validation", "trust_offset", "trust_slot", "trust_greater_lsn"],
                "What happens if somebody has moved the slot past the stored position: `trust_offset` fails, \
                `trust_slot` and \
                 `trust_greater_lsn` go on where the slot stands, without the changes in between.",
            )
            .only(
                &["trust_offset", "trust_slot", "trust_greater_lsn"],
                "a slot that somebody has moved is never \
                passed over in silence",
            ),
        )
        .key(
            preset(
                "status.update.interval.ms",
                Int,
                "10000",
                "How often the server is told the position at least, \
                in milliseconds.",
            )
            .check(Check::Between(100, 600_000)),
        )
        .key(refused("replica.identity.autoset.values", "Replica identities to set on tables.", |text| {
            refuse(text, "tables are not altered here; run ALTER TABLE ... REPLICA IDENTITY ... in the database")
        }))
        .key(
            preset(
                "xmin.fetch.interval.ms",
                Long,
                "0",
                "How often the slot's xmin is \
            read.",
            )
            .only(&["0"], "`source.xmin` is always null"),
        )
        .key(
            choice(
                "lsn.flush.mode",
                "connector",
                &["connector", "manual", "connector_and_driver"],
                "Who tells the \
                server what it may forget.",
            )
            .only(&["connector", "connector_and_driver"], "the server is told once the log holds the records"),
        )
        .key(preset("flush.lsn.source", Boolean, "true", "The old form of `lsn.flush.mode`.").only(
            &["true"],
            "the \
            server is told once the log holds the records",
        ))
        .key(idle("lsn.flush.timeout.ms", Long, "the server is told beside the stream, and nothing waits for it"))
        .key(idle("lsn.flush.timeout.action", Text, "the server is told beside the stream, and nothing waits for it"))
        .key(idle("heartbeat.interval.ms", Int, "positions move on while tables are idle, without records"))
        .key(idle("heartbeat.action.query", Text, "positions move on while tables are idle, without a query"))
        .key(idle("heartbeat.topics.prefix", Text, "there are no heartbeats"))
        .key(idle("topic.heartbeat.prefix", Text, "there are no heartbeats"))
        .key(idle("topic.heartbeat.name", Text, "there are no heartbeats"))
        .key(idle("schema.refresh.mode", Text, "schemas follow what the stream says of each table"))
}
