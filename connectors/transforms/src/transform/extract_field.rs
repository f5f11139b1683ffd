//! `ExtractField`: one field becomes the key or value.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef, Importance, Issue};
use connector_api::data::{Kind, Schema, Struct, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::{Part, entries, position, structure};
use crate::path::{self, FieldPath};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;

pub(crate) struct ExtractField {
    path: FieldPath,
    replace_null: bool,
    ways: SchemaCache<Way>,
}

/// Where the field stands in structs of a schema.
struct Way {
    /// The place at each level and what stands for a null there.
    steps: Vec<(usize, Option<Value>)>,
    schema: Arc<Schema>,
    /// The same with null allowed, for when what holds the field is null.
    nullable: Arc<Schema>,
}

impl Change for ExtractField {
    const NAMES: Names = names!("ExtractField");
    const DOC: &'static str = "Puts one field in place of the key or value that holds it. Null stays null.";

    fn keys() -> ConfigDef {
        let field = keys::text("field").importance(Importance::Medium).doc("The field to extract.");
        path::with_syntax(ConfigDef::new().key(field))
    }

    fn validate(config: &Config) -> Vec<Issue> {
        path::issues(config, "field", std::iter::once(config.text("field")))
    }

    fn new(config: &Config) -> Result<ExtractField> {
        let path = FieldPath::of(config, config.text("field")).map_err(|why| keys::wrong("field", why))?;
        Ok(ExtractField { path, replace_null: config.boolean(keys::REPLACE_NULL), ways: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let (path, replace_null) = (&self.path, self.replace_null);
        let Part { schema, value } = part;
        let schema = match &value {
            Value::Struct(value) => Some(value.schema().clone()),
            _ => schema,
        };
        let Some(schema) = schema else {
            return Ok(Part::plain(from_entries(value, path)?));
        };
        let way = self.ways.get(&schema, |schema| Way::new(schema, path, replace_null))?;
        Ok(match value {
            Value::Null => Part::typed(way.nullable.clone(), Value::Null),
            value => way.follow(structure(value)?)?,
        })
    }
}

/// A field that is not there, or whose way ends in null, is null.
fn from_entries(mut value: Value, path: &FieldPath) -> Result<Value, Refusal> {
    for step in path.steps() {
        if value.is_null() {
            break;
        }
        let mut fields = entries(value)?;
        value = match position(&fields, step) {
            Some(at) => fields.swap_remove(at).1,
            None => Value::Null,
        };
    }
    Ok(value)
}

impl Way {
    fn new(schema: &Arc<Schema>, path: &FieldPath, replace_null: bool) -> Result<Way, Refusal> {
        let (mut steps, mut schema) = (Vec::new(), schema);
        for step in path.steps() {
            let missing = || Refusal::field(path.text(), "is not in the schema").remedy("Correct `field` or the data.");
            let Kind::Struct(fields) = &schema.kind else { return Err(missing()) };
            let at = schema.index_of(step).ok_or_else(missing)?;
            let field = fields.get(at).ok_or_else(missing)?;
            steps.push((at, field.schema.default.clone().filter(|_| replace_null)));
            schema = &field.schema;
        }
        let nullable = if schema.optional { schema.clone() } else { Arc::new(Schema::clone(schema).optional()) };
        Ok(Way { steps, schema: schema.clone(), nullable })
    }

    fn follow(&self, value: Struct) -> Result<Part, Refusal> {
        let mut value = Value::Struct(value);
        for (at, default) in &self.steps {
            if value.is_null() {
                break;
            }
            let mut values = structure(value)?.into_values();
            let found = if *at < values.len() { values.swap_remove(*at) } else { Value::Null };
            value = match (found, default) {
                (Value::Null, Some(default)) => default.clone(),
                (found, _) => found,
            };
        }
        let schema = if value.is_null() { &self.nullable } else { &self.schema };
        Ok(Part::typed(schema.clone(), value))
    }
}
