//! `HoistField`: the key or value becomes the only field of a new one.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef};
use connector_api::data::{Field, Schema, Text, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::Part;
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;

pub(crate) struct HoistField {
    field: Text,
    schemas: SchemaCache<Arc<Schema>>,
}

impl Change for HoistField {
    const NAMES: Names = names!("HoistField");
    const DOC: &'static str = "Wraps the key or value, whatever it is, in a struct, or in a map if it has no schema.";

    fn keys() -> ConfigDef {
        ConfigDef::new().key(keys::text("field").doc("The name of the only field of the new struct or map."))
    }

    fn new(config: &Config) -> Result<HoistField> {
        Ok(HoistField { field: config.text("field").into(), schemas: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let Some(schema) = part.schema else {
            return Ok(Part::plain(Value::Map(vec![(Value::String(self.field.clone()), part.value)])));
        };
        let name = &self.field;
        let wrapped = self
            .schemas
            .get(&schema, |schema| Ok(Arc::new(Schema::structure(vec![Field::new(&**name, schema.clone())]))))?;
        Ok(Part::structure(wrapped.clone(), vec![part.value]))
    }
}
