//! Keys: how values are shown.

use connector_api::config::{Check, ConfigDef};

use super::checks::{no_masks, no_propagation, refuse};
use super::{Boolean, Class, Int, Text, choice, preset, refused};

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(choice(
            "decimal.handling.mode",
            "precise",
            &["precise", "double", "string"],
            "How `numeric` and `money` are shown: exactly (Kafka Connect's Decimal), as floating point, or as text.",
        ))
        .key(choice(
            "time.precision.mode",
            "adaptive",
            &["adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"],
            "How dates and times without a zone are shown: by their precision, times in microseconds, as Kafka \
            Connect's \
             types in milliseconds, as ISO 8601 text, or all in one unit.",
        ))
        .key(choice(
            "interval.handling.mode",
            "numeric",
            &["numeric", "string"],
            "How `interval` is shown: in \
            microseconds, months at their mean length, or exactly in ISO 8601.",
        ))
        .key(choice(
            "binary.handling.mode",
            "bytes",
            &["bytes", "base64", "base64-url-safe", "hex"],
            "How `bytea` is shown.",
        ))
        .key(choice(
            "hstore.handling.mode",
            "json",
            &["json", "map"],
            "How `hstore` is shown: as JSON text or as a \
            map.",
        ))
        .key(
            preset(
                "money.fraction.digits",
                Int,
                "2",
                "How many digits behind the point `money` \
            keeps.",
            )
            .check(Check::Between(0, 100)),
        )
        .key(preset(
            "include.unknown.datatypes",
            Boolean,
            "false",
            "Whether columns of types that are not known are \
            shown as bytes of their text instead of being left out.",
        ))
        .key(preset(
            "unavailable.value.placeholder",
            Text,
            "__debezium_unavailable_value",
            "What stands for a large value that an update did not touch and the server therefore did not send. After \
            `hex:`, bytes.",
        ))
        .key(choice(
            "event.converting.failure.handling.mode",
            "warn",
            &["fail", "warn", "skip"],
            "What happens to a value that its schema cannot hold: the task fails, or it becomes null with or without \
            a warning. \
             Where null is not allowed the task fails always.",
        ))
        .key(
            choice(
                "schema.name.adjustment.mode",
                "none",
                &["none", "avro", "avro_unicode"],
                "How names of schemas \
                are changed: not, or to what Avro allows.",
            )
            .only(&["none", "avro"], "other letters can be replaced by `_` or left alone"),
        )
        .key(
            choice(
                "field.name.adjustment.mode",
                "none",
                &["none", "avro", "avro_unicode"],
                "How names of fields are \
                changed: not, or to what Avro allows.",
            )
            .only(&["none", "avro"], "other letters can be replaced by `_` or left alone"),
        )
        .key(refused("column.mask.hash.*.with.salt.*", "Columns to show as a hash.", no_masks))
        .key(refused("column.mask.with.*.chars", "Columns to show as asterisks.", no_masks))
        .key(refused("column.truncate.to.*.chars", "Columns to cut off.", no_masks))
        .key(refused(
            "column.propagate.source.type",
            "Columns whose schemas name their types in the \
            database.",
            no_propagation,
        ))
        .key(refused("datatype.propagate.source.type", "Types that schemas name.", no_propagation))
        .key(refused("converters", "Java code that converts values.", |text| {
            refuse(
                text,
                "values are converted by the modes \
            alone",
            )
        }))
        .key(refused("post.processors", "Java code that changes events.", |text| {
            refuse(text, "use a transform instead")
        }))
        .key(
            preset(
                "include.schema.comments",
                Boolean,
                "false",
                "Whether schemas hold \
            comments.",
            )
            .only(&["false"], "schemas hold no comments"),
        )
        .key(
            preset(
                "sourceinfo.struct.maker",
                Class,
                "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker",
                "The form of the `source` block.",
            )
            .only(&["io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"], "there is one form"),
        )
        .key(preset(
            "extended.headers.enabled",
            Boolean,
            "false",
            "Whether each record carries headers that name the connector and its task (`__debezium.context.*`), some \
            150 bytes.",
        ))
}
