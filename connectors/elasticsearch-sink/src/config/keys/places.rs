//! Keys: where documents go.

use connector_api::config::{Check, ConfigDef, Importance, Width};

use super::{Boolean, List, Text, choice, idle, number, optional, preset};
use crate::document::expression::Expression;

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            optional(
                "index.name.format",
                Text,
                "The index's name, made of each record: `${topic}`, `${key}`, `${timestamp(yyyy.MM.dd)}` of the record's timestamp \
                 in UTC (y, M, d, D, H, m, s, w and x, as in Java), `${field(name.of.field)}` of the value. In small letters; what no \
                 index may hold becomes `_`. By default the topic's name.",
            )
            .check(Check::By(|text| if text.trim().is_empty() { Ok(()) } else { Expression::new(text).map(|_| ()) }))
            .width(Width::Long),
        )
        .key(choice(
            "external.resource.usage",
            "DISABLED",
            &["INDEX", "DATASTREAM", "ALIAS_INDEX", "ALIAS_DATASTREAM", "DISABLED"],
            "What `topic.to.external.resource.mapping` names: indexes, data streams, or aliases of them. They must be there when \
             the task starts.",
        ))
        .key(optional(
            "topic.to.external.resource.mapping",
            List,
            "Topics and what they are written to, as `topic:name` with commas between them. A record of another topic is rejected.",
        ))
        .key(
            number("max.external.resource.mappings", "15", 1, 100_000, "How many topics the mapping may name.")
                .importance(Importance::Low),
        )
        .key(
            optional(
                "topic.index.map",
                List,
                "Topics that are written to an index of another name, as `topic:index` with commas between them.",
            )
            .importance(Importance::Low),
        )
        .key(idle("auto.create.indices.at.start", Boolean, "the server makes an index with its first document"))
        .key(choice(
            "data.stream.type",
            "NONE",
            &["LOGS", "METRICS", "NONE"],
            "Whether records go to data streams, named `type-dataset-namespace`. Ids are `topic+partition+offset` then, whatever \
             `key.ignore` says: documents of a data stream are never replaced.",
        ))
        .key(optional("data.stream.dataset", Text, "The data stream's dataset. `${topic}` stands for the topic."))
        .key(preset(
            "data.stream.namespace",
            Text,
            "${topic}",
            "The data stream's namespace. `${topic}` stands for the topic.",
        ))
        .key(optional(
            "data.stream.timestamp.field",
            List,
            "Fields, by their paths with dots, of which the first that a document has becomes its `@timestamp`. By default its own, \
             or else the record's timestamp.",
        ))
}
