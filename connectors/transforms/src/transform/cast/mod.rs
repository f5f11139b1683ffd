//! `Cast`: fields, or keys and values as wholes, become another type.

mod convert;
mod spec;

use std::sync::Arc;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::{Field, Kind, Schema, Struct, Text, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::{Entries, Part, entries, get, put, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::{self, Defaults};
use convert::cast;
use spec::{Spec, Target};

pub(crate) struct Cast {
    spec: Spec,
    replace_null: bool,
    plans: SchemaCache<Plan>,
}

struct Plan {
    schema: Arc<Schema>,
    casts: Vec<(usize, Target)>,
    defaults: Defaults,
}

const REMEDY: &str = "Correct `spec` or the data.";

impl Change for Cast {
    const NAMES: Names = names!("Cast");
    const DOC: &'static str = "Casts fields, or the key or value as a whole, to another type.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(ConfigKey::required("spec", ConfigType::List).check(Check::By(Spec::check)).doc(
                "Pairs `field:type`, or one `type` alone for the key or value as a whole. Types: int8, int16, int32, int64, float32, \
                 float64, boolean, string. Bytes become only text (Base64).",
            ))
            .key(keys::replace_null())
    }

    fn new(config: &Config) -> Result<Cast> {
        let spec =
            Spec::read(config.list("spec").iter().map(String::as_str)).map_err(|why| keys::wrong("spec", why))?;
        Ok(Cast { spec, replace_null: config.boolean(keys::REPLACE_NULL), plans: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let replace_null = self.replace_null;
        match (part, &self.spec) {
            (part, _) if part.value.is_null() => Ok(part),
            (Part { schema: None, value }, Spec::Whole(to)) => Ok(Part::plain(whole(None, value, *to)?)),
            (Part { schema: None, value }, Spec::Fields(fields)) => {
                Ok(Part::plain(Value::Map(cast_entries(entries(value)?, fields)?)))
            }
            (Part { schema: Some(schema), value }, Spec::Whole(to)) => {
                let value = whole(Some(&schema), value, *to)?;
                let plan = self.plans.get(&schema, |schema| whole_plan(schema, *to))?;
                Ok(Part::typed(plan.schema.clone(), value))
            }
            (Part { value, .. }, Spec::Fields(fields)) => {
                let value = structure(value)?;
                let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, fields, replace_null))?;
                plan.apply(value)
            }
        }
    }
}

fn whole(schema: Option<&Schema>, value: Value, to: Target) -> Result<Value, Refusal> {
    cast(schema, value, to).map_err(|why| Refusal::new(format!("it {why}")).remedy(REMEDY))
}

fn field(name: &str, schema: Option<&Schema>, value: Value, to: Target) -> Result<Value, Refusal> {
    cast(schema, value, to).map_err(|why| Refusal::field(name, why).remedy(REMEDY))
}

/// A field that is not there becomes null.
fn cast_entries(mut entries: Entries, fields: &[(Text, Target)]) -> Result<Entries, Refusal> {
    for (name, to) in fields {
        let value = field(name, None, get(&entries, name), *to)?;
        put(&mut entries, name, value);
    }
    Ok(entries)
}

/// The name of a logical type would say something wrong about another type.
fn whole_plan(schema: &Schema, to: Target) -> Result<Plan, Refusal> {
    let new = if shape::is_logical(schema) { Schema::new(to.kind()) } else { shape::basics(schema, to.kind()) };
    let default = schema.default.clone().map(|default| whole(Some(schema), default, to)).transpose()?;
    let schema = Arc::new(Schema { optional: schema.optional, default, ..new });
    Ok(Plan { schema, casts: Vec::new(), defaults: Defaults::default() })
}

impl Plan {
    fn new(schema: &Arc<Schema>, wanted: &[(Text, Target)], replace_null: bool) -> Result<Plan, Refusal> {
        let to = |name: &str| wanted.iter().find(|(field, _)| **field == *name).map(|(_, to)| *to);
        let mut fields = schema.fields().to_vec();
        let mut casts = Vec::new();
        for (at, field) in fields.iter_mut().enumerate() {
            if let Some(to) = to(&field.name) {
                casts.push((at, to));
                *field = cast_field(field, to)?;
            }
        }
        let mut new = shape::basics(schema, Kind::Struct(fields));
        new.optional = schema.optional;
        let mut plan = Plan { schema: Arc::new(new), casts, defaults: Defaults::of(schema, replace_null) };
        if let Some(Value::Struct(default)) = schema.default.clone() {
            let default = plan.apply(default)?.value;
            plan.schema = Arc::new(Schema { default: Some(default), ..Schema::clone(&plan.schema) });
        }
        Ok(plan)
    }

    fn apply(&self, value: Struct) -> Result<Part, Refusal> {
        let old = value.schema().clone();
        let mut values = value.into_values();
        self.defaults.fill(&mut values);
        for (at, to) in &self.casts {
            if let (Some(value), Some(Field { name, schema })) = (values.get_mut(*at), old.fields().get(*at)) {
                *value = field(name, Some(schema), std::mem::replace(value, Value::Null), *to)?;
            }
        }
        Ok(Part::structure(self.schema.clone(), values))
    }
}

fn cast_field(old: &Field, to: Target) -> Result<Field, Refusal> {
    let default = old.schema.default.clone();
    let default = default.map(|default| field(&old.name, Some(&old.schema), default, to)).transpose()?;
    let schema = Schema { optional: old.schema.optional, default, ..Schema::new(to.kind()) };
    Ok(Field::new(old.name.clone(), schema))
}
