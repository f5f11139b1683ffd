//! `Flatten`: nested fields move up, under names joined by a delimiter.

use std::collections::HashMap;
use std::sync::Arc;

use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::{Field, Kind, Schema, Struct, Text, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::part::{Entries, Part, entries, kind_of, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape;

pub(crate) struct Flatten {
    delimiter: String,
    plans: SchemaCache<Plan>,
}

struct Plan {
    schema: Arc<Schema>,
    root: Vec<Node>,
}

/// A field of a struct to flatten.
enum Node {
    /// It moves as it is; what stands for a null.
    Leaf(Option<Value>),
    /// Its fields move.
    Struct(Vec<Node>),
}

impl Change for Flatten {
    const NAMES: Names = names!("Flatten");
    const DOC: &'static str =
        "Flattens nested structs and maps; the names of fields are joined. Arrays stay as they are.";

    fn keys() -> ConfigDef {
        let delimiter = ConfigKey::preset("delimiter", ConfigType::String, ".");
        ConfigDef::new().key(delimiter.doc("What stands between the names of the levels."))
    }

    fn new(config: &Config) -> Result<Flatten> {
        Ok(Flatten { delimiter: config.text("delimiter").to_owned(), plans: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let delimiter = &self.delimiter;
        match part {
            Part { value: Value::Null, .. } => Ok(part),
            Part { schema: None, value } => Ok(Part::plain(Value::Map(flat_entries(entries(value)?, delimiter)?))),
            Part { value, .. } => {
                let value = structure(value)?;
                let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, delimiter))?;
                let mut values = Vec::with_capacity(plan.schema.fields().len());
                fill(&plan.root, value, &mut values)?;
                plan.replace_nulls(&mut values);
                Ok(Part::structure(plan.schema.clone(), values))
            }
        }
    }
}

fn joined(prefix: &str, name: &str, delimiter: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}{delimiter}{name}") }
}

/// The entries of all levels. Of two that get one name the later one stays, in the place of the first.
fn flat_entries(nested: Entries, delimiter: &str) -> Result<Entries, Refusal> {
    if !nested.iter().any(|(_, value)| matches!(value, Value::Map(_))) {
        return Ok(nested);
    }
    let mut flat = Flat { entries: Vec::with_capacity(nested.len()), places: HashMap::new(), delimiter };
    flat.add_all(nested, "")?;
    Ok(flat.entries)
}

struct Flat<'d> {
    entries: Entries,
    places: HashMap<Text, usize>,
    delimiter: &'d str,
}

impl Flat<'_> {
    fn add_all(&mut self, nested: Entries, prefix: &str) -> Result<(), Refusal> {
        for (key, value) in nested {
            let Value::String(name) = key else {
                return Err(Refusal::new(format!("a map in it has {} for a key, which makes no name", kind_of(&key))));
            };
            let name = if prefix.is_empty() { name } else { joined(prefix, &name, self.delimiter).into() };
            match value {
                Value::Map(inner) => self.add_all(inner, &name)?,
                Value::Struct(_) => {
                    return Err(Refusal::field(&name, "is a struct in a map, which cannot be flattened"));
                }
                value => self.add(name, value),
            }
        }
        Ok(())
    }

    fn add(&mut self, name: Text, value: Value) {
        let place = *self.places.entry(name.clone()).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some((_, old)) => *old = value,
            None => self.entries.push((Value::String(name), value)),
        }
    }
}

/// Appends the values of all levels.
fn fill(nodes: &[Node], value: Struct, out: &mut Vec<Value>) -> Result<(), Refusal> {
    let mut values = value.into_values().into_iter();
    for node in nodes {
        match (node, values.next().unwrap_or(Value::Null)) {
            (Node::Leaf(Some(default)), Value::Null) => out.push(default.clone()),
            (Node::Leaf(_), value) => out.push(value),
            (Node::Struct(nodes), Value::Null) => out.resize(out.len() + leaves(nodes), Value::Null),
            (Node::Struct(nodes), value) => fill(nodes, structure(value)?, out)?,
        }
    }
    Ok(())
}

fn leaves(nodes: &[Node]) -> usize {
    let count = |node: &Node| match node {
        Node::Leaf(_) => 1,
        Node::Struct(nodes) => leaves(nodes),
    };
    nodes.iter().map(count).sum()
}

/// What the levels above a field say about it.
struct Above<'a> {
    prefix: &'a str,
    optional: bool,
    default: Option<&'a Struct>,
}

impl Plan {
    fn new(schema: &Arc<Schema>, delimiter: &str) -> Result<Plan, Refusal> {
        let default = schema.default.as_ref().and_then(Value::as_struct);
        let mut fields = Vec::new();
        let above = Above { prefix: "", optional: schema.optional, default };
        let root = flat_fields(schema, &above, delimiter, &mut fields)?;
        Ok(Plan { schema: Arc::new(shape::structure(schema, fields)?), root })
    }

    /// A null struct leaves nulls, for which the defaults that the flat fields have from above stand.
    fn replace_nulls(&self, values: &mut [Value]) {
        for (value, field) in values.iter_mut().zip(self.schema.fields()) {
            if let (Value::Null, Some(default)) = (&*value, &field.schema.default) {
                *value = default.clone();
            }
        }
    }
}

/// The fields of all levels: optional if a level above is, with defaults from the defaults above.
fn flat_fields(
    schema: &Schema,
    above: &Above<'_>,
    delimiter: &str,
    out: &mut Vec<Field>,
) -> Result<Vec<Node>, Refusal> {
    let mut nodes = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = joined(above.prefix, &field.name, delimiter);
        let optional = above.optional || field.schema.optional;
        let own = field.schema.default.as_ref();
        let default = own.or_else(|| above.default.and_then(|above| above.get(&field.name)));
        let default = default.filter(|default| !default.is_null());
        nodes.push(match &field.schema.kind {
            Kind::Struct(_) => {
                let below = Above { prefix: &name, optional, default: default.and_then(Value::as_struct) };
                Node::Struct(flat_fields(&field.schema, &below, delimiter, out)?)
            }
            Kind::Map(..) => {
                return Err(Refusal::field(&name, "is a map in a struct, which cannot be flattened"));
            }
            kind => {
                let flat = Schema { optional, default: default.cloned(), ..shape::basics(&field.schema, kind.clone()) };
                out.push(Field::new(name, flat));
                Node::Leaf(field.schema.default.clone())
            }
        });
    }
    Ok(nodes)
}
