//! A change to what stands in nested structs and maps, and the schemas around it.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Schema, Struct, Value};

use crate::part::{Entries, Part, position, without_fields};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;

/// The way to a struct or map inside of others; no steps for the outermost one.
pub(crate) struct Nested {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    plans: SchemaCache<Plan>,
}

/// Where a step leads in structs of a schema.
struct Plan {
    at: usize,
    /// The schema that the struct got with the last schema that came from within.
    made: Option<(Arc<Schema>, Arc<Schema>)>,
}

impl Nested {
    /// The way through fields of these names.
    pub fn new(names: Vec<String>) -> Nested {
        let step = |name| Step { name, plans: SchemaCache::default() };
        Nested { steps: names.into_iter().map(step).collect() }
    }

    /// Changes what stands there. If a struct on the way is null its schema is changed all the same, so that records of one schema
    /// leave with one; where the way ends early, nothing is changed. Structs around a changed schema lose their defaults.
    pub fn change(
        &mut self,
        part: Part,
        change: &mut dyn FnMut(Part) -> Result<Part, Refusal>,
    ) -> Result<Part, Refusal> {
        within(&mut self.steps, part, change)
    }
}

fn within(
    steps: &mut [Step],
    part: Part,
    change: &mut dyn FnMut(Part) -> Result<Part, Refusal>,
) -> Result<Part, Refusal> {
    let Some((step, deeper)) = steps.split_first_mut() else { return change(part) };
    match part {
        Part { schema: None, value: Value::Null } => Ok(part),
        Part { schema: None, value: Value::Map(mut entries) } => {
            if let Some(inner) = entry(&mut entries, &step.name) {
                let changed = within(deeper, Part::plain(std::mem::replace(inner, Value::Null)), change)?;
                *inner = changed.value;
            }
            Ok(Part::plain(Value::Map(entries)))
        }
        Part { schema: None, value } => Err(without_fields(&value)),
        Part { schema: Some(schema), value: Value::Null } => {
            let changed =
                step.schema(&schema, |inner| Ok(within(deeper, Part::typed(inner, Value::Null), change)?.schema))?;
            Ok(Part::typed(changed, Value::Null))
        }
        Part { value: Value::Struct(value), .. } => step.of_struct(value, |inner| within(deeper, inner, change)),
        Part { value, .. } => Err(without_fields(&value)),
    }
}

fn entry<'e>(entries: &'e mut Entries, name: &str) -> Option<&'e mut Value> {
    let at = position(entries, name)?;
    entries.get_mut(at).map(|(_, value)| value)
}

impl Step {
    /// Changes the value of the step's field, if the struct has one.
    fn of_struct(
        &mut self,
        value: Struct,
        change: impl FnOnce(Part) -> Result<Part, Refusal>,
    ) -> Result<Part, Refusal> {
        let schema = value.schema().clone();
        let Some(at) = schema.index_of(&self.name) else { return Ok(Part::typed(schema, Value::Struct(value))) };
        let mut values = value.into_values();
        let inner = values.get_mut(at).map(|inner| std::mem::replace(inner, Value::Null)).unwrap_or(Value::Null);
        let mut changed = Value::Null;
        let new = self.schema(&schema, |inner_schema| {
            let part = change(Part::typed(inner_schema, inner))?;
            changed = part.value;
            Ok(part.schema)
        })?;
        if let Some(inner) = values.get_mut(at) {
            *inner = changed;
        }
        Ok(Part::structure(new, values))
    }

    /// The schema of a struct with what `change` makes of the schema of the step's field.
    fn schema(
        &mut self,
        schema: &Arc<Schema>,
        change: impl FnOnce(Arc<Schema>) -> Result<Option<Arc<Schema>>, Refusal>,
    ) -> Result<Arc<Schema>, Refusal> {
        let found = schema.index_of(&self.name).and_then(|at| Some((at, schema.fields().get(at)?)));
        let Some((at, old)) = found else { return Ok(schema.clone()) };
        let new = change(old.schema.clone())?.unwrap_or_else(|| old.schema.clone());
        if Arc::ptr_eq(&new, &old.schema) {
            return Ok(schema.clone());
        }
        let plan = self.plans.get(schema, |_| Ok(Plan { at, made: None }))?;
        Ok(plan.with(schema, new))
    }
}

impl Plan {
    fn with(&mut self, schema: &Arc<Schema>, inner: Arc<Schema>) -> Arc<Schema> {
        match &self.made {
            Some((known, made)) if Arc::ptr_eq(known, &inner) => made.clone(),
            _ => {
                let mut fields = schema.fields().to_vec();
                if let Some(field) = fields.get_mut(self.at) {
                    *field = Field::new(field.name.clone(), inner.clone());
                }
                let made = Arc::new(Schema { kind: Kind::Struct(fields), default: None, ..Schema::clone(schema) });
                self.made = Some((inner, made.clone()));
                made
            }
        }
    }
}
