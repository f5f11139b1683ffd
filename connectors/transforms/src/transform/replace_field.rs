//! `ReplaceField`: fields go, stay and get other names.

use std::sync::Arc;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType};
use connector_api::data::{Field, Schema, Text, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::{Entries, Part, entries, put, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::{self, Defaults, picked};

pub(crate) struct ReplaceField {
    rule: Rule,
    replace_null: bool,
    plans: SchemaCache<Plan>,
}

struct Rule {
    exclude: Vec<String>,
    include: Vec<String>,
    renames: Vec<(String, Text)>,
}

struct Plan {
    schema: Arc<Schema>,
    places: Vec<usize>,
    defaults: Defaults,
}

impl Change for ReplaceField {
    const NAMES: Names = names!("ReplaceField");
    const DOC: &'static str = "Removes and renames fields. Null stays null.";

    fn keys() -> ConfigDef {
        let list = |name| ConfigKey::preset(name, ConfigType::List, "");
        ConfigDef::new()
            .key(list("exclude").doc("Fields to remove, even if `include` names them."))
            .key(list("include").doc("Fields to keep, all if empty; those that it does not name are removed."))
            .key(
                list("renames")
                    .check(Check::By(|text| renames(text.split(',')).map(|_| ())))
                    .doc("Pairs `old:new` of names. `exclude` and `include` go by the old ones."),
            )
            .key(keys::replace_null())
    }

    fn new(config: &Config) -> Result<ReplaceField> {
        let renames = renames(config.list("renames").iter().map(String::as_str));
        let rule = Rule {
            exclude: config.list("exclude").to_vec(),
            include: config.list("include").to_vec(),
            renames: renames.map_err(|why| keys::wrong("renames", why))?,
        };
        Ok(ReplaceField { rule, replace_null: config.boolean(keys::REPLACE_NULL), plans: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        let (rule, replace_null) = (&self.rule, self.replace_null);
        match part {
            Part { value: Value::Null, .. } => Ok(part),
            Part { schema: None, value } => Ok(Part::plain(Value::Map(rule.of_entries(entries(value)?)))),
            Part { value, .. } => {
                let value = structure(value)?;
                let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, rule, replace_null))?;
                let mut values = value.into_values();
                plan.defaults.fill(&mut values);
                Ok(Part::structure(plan.schema.clone(), picked(values, &plan.places)))
            }
        }
    }
}

/// Of several new names for a field the last counts.
fn renames<'i>(items: impl Iterator<Item = &'i str>) -> Result<Vec<(String, Text)>, String> {
    let mut renames: Vec<(String, Text)> = Vec::new();
    for item in items.map(str::trim).filter(|item| !item.is_empty()) {
        let pair = item.split_once(':').filter(|(_, new)| !new.is_empty() && !new.contains(':'));
        let (old, new) = pair.ok_or_else(|| format!("`{item}` is no pair `old:new`"))?;
        renames.retain(|(known, _)| known != old);
        renames.push((old.to_owned(), new.into()));
    }
    Ok(renames)
}

impl Rule {
    fn keeps(&self, name: &str) -> bool {
        let among = |names: &[String]| names.iter().any(|known| known == name);
        !among(&self.exclude) && (self.include.is_empty() || among(&self.include))
    }

    fn new_name(&self, name: &str) -> Option<&Text> {
        self.renames.iter().find(|(old, _)| old == name).map(|(_, new)| new)
    }

    /// Of two entries that get one name the later one stays. Keys that are no text have no name, so no rule is for them.
    fn of_entries(&self, old: Entries) -> Entries {
        let mut new = Entries::with_capacity(old.len());
        for (key, value) in old {
            match key.as_str() {
                Some(name) if !self.keeps(name) => {}
                Some(name) if !self.renames.is_empty() => {
                    let name = self.new_name(name).cloned().unwrap_or_else(|| name.into());
                    put(&mut new, &name, value);
                }
                _ => new.push((key, value)),
            }
        }
        new
    }
}

impl Plan {
    fn new(schema: &Arc<Schema>, rule: &Rule, replace_null: bool) -> Result<Plan, Refusal> {
        let kept = schema.fields().iter().enumerate().filter(|(_, field)| rule.keeps(&field.name));
        let (places, fields) = kept.map(|(at, field)| (at, renamed(field, rule))).unzip();
        let defaults = Defaults::of(schema, replace_null);
        Ok(Plan { schema: Arc::new(shape::structure(schema, fields)?), places, defaults })
    }
}

fn renamed(field: &Field, rule: &Rule) -> Field {
    match rule.new_name(&field.name) {
        Some(name) => Field::new(&**name, field.schema.clone()),
        None => field.clone(),
    }
}
