//! `SetSchemaMetadata`: a schema gets another name or version.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType, Importance, Issue};
use connector_api::data::{Schema, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::Part;
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::Defaults;

pub(crate) struct SetSchemaMetadata {
    name: Option<Arc<str>>,
    version: Option<i32>,
    replace_null: bool,
    plans: SchemaCache<(Arc<Schema>, Defaults)>,
}

impl Change for SetSchemaMetadata {
    const NAMES: Names = names!("SetSchemaMetadata");
    const DOC: &'static str = "Sets the name, the version, or both, of the schema.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(keys::optional_text("schema.name").importance(Importance::High).doc("The new name."))
            .key(
                ConfigKey::optional("schema.version", ConfigType::Int)
                    .importance(Importance::High)
                    .doc("The new version."),
            )
            .key(keys::replace_null())
    }

    fn validate(config: &Config) -> Vec<Issue> {
        let is_set = config.optional("schema.name").is_some() || config.number("schema.version").is_some();
        let message = "Neither `schema.name` nor `schema.version` is set, so nothing would change. Set one.";
        if is_set { Vec::new() } else { vec![Issue::error("schema.name", message)] }
    }

    fn new(config: &Config) -> Result<SetSchemaMetadata> {
        if let Some(issue) = Self::validate(config).into_iter().next() {
            return Err(keys::wrong(&issue.key, issue.message));
        }
        Ok(SetSchemaMetadata {
            name: config.optional("schema.name").map(Arc::from),
            version: config.number("schema.version").and_then(|version| i32::try_from(version).ok()),
            replace_null: config.boolean(keys::REPLACE_NULL),
            plans: SchemaCache::default(),
        })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let (name, version, replace_null) = (&self.name, self.version, self.replace_null);
        let (schema, value) = match part {
            Part { schema: None, value: Value::Null } => return Ok(part),
            Part { schema: None, .. } => {
                return Err(Refusal::new("it has no schema, whose name or version could be set")
                    .remedy("Use a converter that reads schemas, or remove the transform."));
            }
            Part { schema: Some(schema), value } => (schema, value),
        };
        let (new, defaults) = self.plans.get(&schema, |schema| {
            let mut new = Schema::clone(schema);
            new.name = name.clone().or(new.name);
            new.version = version.or(new.version);
            Ok((Arc::new(new), Defaults::of(schema, replace_null)))
        })?;
        Ok(match value {
            Value::Struct(value) => {
                let mut values = value.into_values();
                defaults.fill(&mut values);
                Part::structure(new.clone(), values)
            }
            value => Part::typed(new.clone(), value),
        })
    }
}
