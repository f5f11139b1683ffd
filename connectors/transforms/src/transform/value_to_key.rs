//! `ValueToKey`: fields of the value become the key.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef};
use connector_api::data::{Field, Payload, Schema, Struct, Text, Value};
use connector_api::{Fate, Reads, Result, TransformRecord};

use crate::class::Step;
use crate::keys;
use crate::part::{Part, entries, get, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::Defaults;

pub(crate) struct ValueToKey {
    fields: Vec<Text>,
    replace_null: bool,
    plans: SchemaCache<Plan>,
}

struct Plan {
    key: Arc<Schema>,
    places: Vec<usize>,
    defaults: Defaults,
}

impl Step for ValueToKey {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.ValueToKey";
    const DOC: &'static str = "Makes a new key out of fields of the value.";
    const READS: Reads = Reads::VALUE;

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(keys::names("fields").doc("The fields of the value that make up the key, in this order."))
            .key(keys::replace_null())
    }

    fn new(config: &Config) -> Result<ValueToKey> {
        let mut fields: Vec<Text> = Vec::new();
        for name in config.list("fields") {
            if !fields.iter().any(|known| **known == **name) {
                fields.push(name.as_str().into());
            }
        }
        Ok(ValueToKey { fields, replace_null: config.boolean(keys::REPLACE_NULL), plans: SchemaCache::default() })
    }

    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal> {
        let value = Part::of(std::mem::replace(&mut record.value, Payload::Null))?;
        let (key, value) = self.key(value)?;
        (record.key, record.value) = (key.into_payload(), value.into_payload());
        Ok(Fate::Keep)
    }
}

impl ValueToKey {
    /// The key, and the value as it was.
    fn key(&mut self, part: Part) -> Result<(Part, Part), Refusal> {
        let (fields, replace_null) = (&self.fields, self.replace_null);
        if part.schema.is_none() {
            let entries = entries(part.value)?;
            let key = fields.iter().map(|name| (Value::String(name.clone()), get(&entries, name))).collect();
            return Ok((Part::plain(Value::Map(key)), Part::plain(Value::Map(entries))));
        }
        let value = structure(part.value)?;
        let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, fields, replace_null))?;
        Ok((plan.key(&value), Part::typed(value.schema().clone(), Value::Struct(value))))
    }
}

impl Plan {
    fn new(schema: &Arc<Schema>, names: &[Text], replace_null: bool) -> Result<Plan, Refusal> {
        let (mut places, mut fields) = (Vec::new(), Vec::new());
        for name in names {
            let found = schema.index_of(name).and_then(|at| Some((at, schema.fields().get(at)?)));
            let missing = || Refusal::field(name, "is not in the schema").remedy("Correct `fields` or the data.");
            let (at, field) = found.ok_or_else(missing)?;
            places.push(at);
            fields.push(Field::new(field.name.clone(), field.schema.clone()));
        }
        let defaults = Defaults::of(schema, replace_null);
        Ok(Plan { key: Arc::new(Schema::structure(fields)), places, defaults })
    }

    fn key(&self, value: &Struct) -> Part {
        let at = |at: &usize| value.values().get(*at).cloned().unwrap_or(Value::Null);
        let values = self.places.iter().map(|place| self.defaults.in_place_of(*place, at(place))).collect();
        Part::structure(self.key.clone(), values)
    }
}
