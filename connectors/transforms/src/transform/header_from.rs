//! `HeaderFrom`: fields become headers.

use std::sync::Arc;

use connector_api::config::{Check, Config, ConfigDef, Issue};
use connector_api::data::{Schema, Struct, Value};
use connector_api::{Header, Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::{Entries, Part, entries, get, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::{self, Defaults, picked};

pub(crate) struct HeaderFrom {
    rule: Rule,
    plans: SchemaCache<Plan>,
}

struct Rule {
    /// Fields and the headers that they become.
    pairs: Vec<(String, Arc<str>)>,
    moves: bool,
    replace_null: bool,
}

struct Plan {
    /// Where the fields stand.
    taken: Vec<usize>,
    /// Those that stay, and the struct of them; `None` if all do.
    left: Option<(Vec<usize>, Arc<Schema>)>,
    defaults: Defaults,
}

const OPERATIONS: [&str; 2] = ["move", "copy"];

impl Change for HeaderFrom {
    const NAMES: Names = names!("HeaderFrom");
    const DOC: &'static str = "Moves or copies fields of the key or value into headers.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
            .key(keys::names("fields").doc("The fields."))
            .key(keys::names("headers").doc("The names of the headers, in the order of the fields and as many."))
            .key(
                keys::text("operation")
                    .check(Check::By(|text| keys::one_of(text, &OPERATIONS)))
                    .doc("`move`, which takes the fields away, or `copy`, which leaves them there."),
            )
            .key(keys::replace_null())
    }

    fn validate(config: &Config) -> Vec<Issue> {
        let (fields, headers) = (config.list("fields").len(), config.list("headers").len());
        if fields == headers {
            return Vec::new();
        }
        let message =
            format!("`headers` names {headers} headers for {fields} fields in `fields`; there must be one for each.");
        vec![Issue::error("headers", message)]
    }

    fn new(config: &Config) -> Result<HeaderFrom> {
        if let Some(issue) = Self::validate(config).into_iter().next() {
            return Err(keys::wrong("headers", issue.message));
        }
        let headers = config.list("headers").iter().map(|name| Arc::from(name.as_str()));
        let pairs = config.list("fields").iter().cloned().zip(headers).collect();
        let replace_null = config.boolean(keys::REPLACE_NULL);
        let rule = Rule { pairs, moves: config.text("operation") == "move", replace_null };
        Ok(HeaderFrom { rule, plans: SchemaCache::default() })
    }

    fn change(&mut self, part: Part, record: &mut TransformRecord) -> Result<Part, Refusal> {
        let rule = &self.rule;
        match part {
            Part { schema: None, value } => {
                let fields = rule.of_entries(entries(value)?, record);
                Ok(Part::plain(Value::Map(fields)))
            }
            Part { value, .. } => {
                let value = structure(value)?;
                let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, rule))?;
                Ok(plan.apply(value, rule, record))
            }
        }
    }
}

impl Rule {
    /// A field that is not there makes a header of null.
    fn of_entries(&self, mut entries: Entries, record: &mut TransformRecord) -> Entries {
        for (field, header) in &self.pairs {
            let value = Part::plain(get(&entries, field)).into_payload();
            record.headers.push(Header { name: header.clone(), value });
        }
        if self.moves {
            entries.retain(|(key, _)| !self.pairs.iter().any(|(field, _)| key.as_str() == Some(field)));
        }
        entries
    }
}

impl Plan {
    fn new(schema: &Arc<Schema>, rule: &Rule) -> Result<Plan, Refusal> {
        let place = |(field, _): &(String, Arc<str>)| {
            let missing = || Refusal::field(field, "is not in the schema").remedy("Correct `fields` or the data.");
            schema.index_of(field).ok_or_else(missing)
        };
        let taken = rule.pairs.iter().map(place).collect::<Result<Vec<usize>, Refusal>>()?;
        let left = if rule.moves { Some(without(schema, &taken)?) } else { None };
        Ok(Plan { taken, left, defaults: Defaults::of(schema, rule.replace_null) })
    }

    fn apply(&self, value: Struct, rule: &Rule, record: &mut TransformRecord) -> Part {
        let schema = value.schema().clone();
        for (at, (_, header)) in self.taken.iter().zip(&rule.pairs) {
            if let (Some(field), Some(value)) = (schema.fields().get(*at), value.values().get(*at)) {
                let value = Part::typed(field.schema.clone(), self.defaults.in_place_of(*at, value.clone()));
                record.headers.push(Header { name: header.clone(), value: value.into_payload() });
            }
        }
        match &self.left {
            None => Part::typed(schema, Value::Struct(value)),
            Some((places, left)) => {
                let mut values = value.into_values();
                self.defaults.fill(&mut values);
                Part::structure(left.clone(), picked(values, places))
            }
        }
    }
}

fn without(schema: &Schema, taken: &[usize]) -> Result<(Vec<usize>, Arc<Schema>), Refusal> {
    let places: Vec<usize> = (0..schema.fields().len()).filter(|at| !taken.contains(at)).collect();
    let fields = places.iter().filter_map(|at| schema.fields().get(*at).cloned()).collect();
    Ok((places, Arc::new(shape::structure(schema, fields)?)))
}
