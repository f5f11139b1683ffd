//! Keys: what is captured, and where it goes.

use connector_api::config::{Check, ConfigDef, ConfigKey, Importance, Width};

use super::checks::{check_delimiter, check_operations, check_prefix, refuse};
use super::{Boolean, Class, Int, List, Text, choice, idle, optional, patterns, preset, refused};
use crate::config::filters::check_key_columns;

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::required("topic.prefix", Text).check(Check::By(check_prefix)).doc(
            "First part of all topics' names, and the name under which positions are stored. Letters, \
                    digits, `.`, `_`, `-`.",
        ))
        .key(
            preset("topic.delimiter", Text, ".", "What stands between the parts of a topic's name.")
                .check(Check::By(check_delimiter)),
        )
        .key(
            patterns(
                "schema.include.list",
                "Schemas to capture: regular expressions with commas between them, each matching the whole name in any \
            case.",
            )
            .importance(Importance::High),
        )
        .key(patterns("schema.exclude.list", "Schemas not to capture; not together with the include list."))
        .key(
            patterns(
                "table.include.list",
                "Tables to capture, as expressions on `schema.table`. By default all tables of the captured schemas.",
            )
            .importance(Importance::High),
        )
        .key(patterns("table.exclude.list", "Tables not to capture; not together with the include list."))
        .key(patterns(
            "column.include.list",
            "Columns that values hold, as expressions on `schema.table.column`. \
            Keys keep theirs.",
        ))
        .key(patterns("column.exclude.list", "Columns that values do not hold; not together with the include list."))
        .key(
            optional(
                "message.key.columns",
                Text,
                "Keys to use instead of primary keys: `table:column,column`, with `;` between tables, which are \
                expressions.",
            )
            .check(Check::By(check_key_columns))
            .width(Width::Long),
        )
        .key(preset(
            "tombstones.on.delete",
            Boolean,
            "true",
            "Whether a record without a value follows each \
            deletion, so that a compacted topic forgets the key.",
        ))
        .key(
            preset(
                "skipped.operations",
                List,
                "t",
                "Operations that make no records: `c` insert, `u` update, `d` \
                delete, `t` truncate, or `none`.",
            )
            .check(Check::By(check_operations)),
        )
        .key(preset(
            "publish.via.partition.root",
            Boolean,
            "false",
            "Whether rows of a partitioned table go to the topic of the table itself instead of those of its \
            partitions.",
        ))
        .key(
            preset("table.ignore.builtin", Boolean, "true", "Whether the server's own tables are left out.")
                .only(&["true"], "the server's own tables are never captured"),
        )
        .key(
            preset(
                "skip.messages.without.change",
                Boolean,
                "false",
                "Whether updates that change no captured column \
                make no record.",
            )
            .only(&["false"], "every update makes a record; drop them behind the topic"),
        )
        .key(
            preset(
                "topic.naming.strategy",
                Class,
                "io.debezium.schema.SchemaTopicNamingStrategy",
                "How topics are \
                named: prefix, schema, table.",
            )
            .only(
                &["io.debezium.schema.SchemaTopicNamingStrategy"],
                "topics are named prefix.schema.table; \
                    rename them by a transform",
            ),
        )
        .key(idle("topic.cache.size", Int, "names are kept with their tables"))
        .key(refused("message.prefix.include.list", "Logical decoding messages to capture.", |text| {
            refuse(text, "messages that applications write into the log are not captured; write to a table instead")
        }))
        .key(idle(
            "message.prefix.exclude.list",
            List,
            "messages that applications write into the log are never \
            captured",
        ))
        .key(
            preset("guardrail.collections.max", Int, "0", "The most tables that may be captured; 0 for no limit.")
                .check(Check::AtLeast(0)),
        )
        .key(choice("guardrail.collections.limit.action", "warn", &["warn", "fail"], "What happens above that limit."))
}
