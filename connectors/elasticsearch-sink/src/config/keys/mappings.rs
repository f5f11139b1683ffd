//! Keys: mappings from schemas.

use connector_api::config::ConfigDef;

use super::{Boolean, List, optional, preset};

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(preset(
            "schema.ignore",
            Boolean,
            "true",
            "Whether mappings are left to the server. With `false` an index gets the fields of its records' schemas, and more when \
             a schema grows; fields that it has stay as they are. Records must then come with schemas (`JsonConverter` with \
             `schemas.enable`); those without are written as they are.",
        ))
        .key(optional("topic.schema.ignore", List, "Topics for which `schema.ignore` counts as true."))
        .key(preset(
            "compact.map.entries",
            Boolean,
            "true",
            "Whether maps with text as keys become objects. Others, and with `false` all, become lists of objects with `key` and \
             `value`. Has an effect where `schema.ignore` is `false`.",
        ))
}
