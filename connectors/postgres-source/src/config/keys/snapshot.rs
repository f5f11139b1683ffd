//! Keys: the snapshot.

use connector_api::config::{Check, ConfigDef, Importance};

use super::checks::check_snapshot_mode;
use super::{Boolean, Int, List, Long, Text, choice, idle, optional, patterns, preset};

/// The keys.
pub fn keys() -> ConfigDef {
    const NO_CUSTOM: &str = "there are no custom modes";
    const NO_INCREMENTAL: &str = "incremental snapshots are not offered";
    ConfigDef::new()
        .key(
            preset(
                "snapshot.mode",
                Text,
                "initial",
                "`initial`: all rows once, then changes. `initial_only`: all rows, then nothing. `no_data` \
                (`never`): changes only.",
            )
            .check(Check::By(check_snapshot_mode))
            .importance(Importance::High),
        )
        .key(patterns(
            "snapshot.include.collection.list",
            "Captured tables whose rows the snapshot reads; by default \
            all.",
        ))
        .key(optional(
            "snapshot.select.statement.overrides",
            List,
            "Tables, as `schema.table`, whose rows the snapshot reads by a statement of the user's.",
        ))
        .key(optional(
            "snapshot.select.statement.overrides.*",
            Text,
            "The SELECT for a table in that list. It must \
            return the table's columns.",
        ))
        .key(choice(
            "snapshot.tables.order.by.row.count",
            "disabled",
            &["disabled", "ascending", "descending"],
            "The order of tables in the snapshot: by name, or by their number of rows.",
        ))
        .key(
            preset(
                "snapshot.lock.timeout.ms",
                Long,
                "10000",
                "How long the snapshot waits for its locks, in \
                milliseconds. They keep tables from being altered while it runs.",
            )
            .check(Check::AtLeast(1)),
        )
        .key(
            choice(
                "snapshot.locking.mode",
                "none",
                &["none", "shared", "custom"],
                "Locks of the \
            snapshot.",
            )
            .only(&["none", "shared"], NO_CUSTOM),
        )
        .key(
            choice(
                "snapshot.query.mode",
                "select_all",
                &["select_all", "custom"],
                "How rows are \
            read.",
            )
            .only(&["select_all"], NO_CUSTOM),
        )
        .key(idle("snapshot.isolation.mode", Text, "all tables are read from the one snapshot that the slot exports"))
        .key(idle("snapshot.fetch.size", Int, "rows are streamed, and memory is bounded by bytes"))
        .key(idle("query.fetch.size", Int, "rows are streamed, and memory is bounded by bytes"))
        .key(idle("snapshot.max.threads", Int, "one reader streams faster than the log takes rows"))
        .key(idle("snapshot.max.threads.multiplier", Int, "one reader streams faster than the log takes rows"))
        .key(idle("legacy.snapshot.max.threads", Boolean, "one reader streams faster than the log takes rows"))
        .key(idle("snapshot.delay.ms", Long, "a snapshot begins when the connector starts"))
        .key(idle("streaming.delay.ms", Long, "changes follow the snapshot at once"))
        .key(idle("snapshot.mode.custom.name", Text, NO_CUSTOM))
        .key(idle("snapshot.query.mode.custom.name", Text, NO_CUSTOM))
        .key(idle("snapshot.locking.mode.custom.name", Text, NO_CUSTOM))
        .key(idle("snapshot.mode.configuration.based.*", Boolean, "`snapshot.mode` cannot be configuration_based"))
        .key(idle("incremental.snapshot.chunk.size", Int, NO_INCREMENTAL))
        .key(idle("incremental.snapshot.allow.schema.changes", Boolean, NO_INCREMENTAL))
        .key(idle("incremental.snapshot.watermarking.strategy", Text, NO_INCREMENTAL))
}
