//! `InsertField`: where a record comes from, its time, or a fixed text become fields of it.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef, Issue};
use connector_api::data::{Field, Kind, Schema, Struct, Text, Value, logical};
use connector_api::{Result, Topic, TransformRecord};

use crate::class::{Change, Names, names};
use crate::keys;
use crate::part::{Part, entries, put, structure};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::{self, Defaults};

pub(crate) struct InsertField {
    fields: Vec<Inserted>,
    replace_null: bool,
    plans: SchemaCache<Plan>,
    /// The topic of the last record, as text that is cheap to clone.
    topic: Option<(Topic, Text)>,
}

/// A field to insert.
struct Inserted {
    name: Text,
    what: What,
    schema: Arc<Schema>,
}

#[derive(Clone, Debug)]
enum What {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static(Text),
}

struct Plan {
    schema: Arc<Schema>,
    defaults: Defaults,
}

const KEYS: [&str; 5] = ["topic.field", "partition.field", "offset.field", "timestamp.field", "static.field"];

impl Change for InsertField {
    const NAMES: Names = names!("InsertField");
    const DOC: &'static str =
        "Inserts fields: the topic, partition, offset, timestamp, or a fixed text. Null stays null.";

    fn keys() -> ConfigDef {
        let docs = [
            "The field for the topic. `!` behind its name makes it required, `?` optional, as it is without either.",
            "The field for the partition; `!` and `?` as for `topic.field`. Left out where a source leaves the partition open.",
            "The field for the offset, for sinks alone; `!` and `?` as for `topic.field`.",
            "The field for the record's timestamp; `!` and `?` as for `topic.field`. Left out where there is none.",
            "The field for `static.value`; `!` and `?` as for `topic.field`.",
        ];
        let fields = KEYS
            .into_iter()
            .zip(docs)
            .fold(ConfigDef::new(), |def, (key, doc)| def.key(keys::optional_text(key).doc(doc)));
        fields.key(keys::optional_text("static.value").doc("The text for `static.field`.")).key(keys::replace_null())
    }

    fn validate(config: &Config) -> Vec<Issue> {
        if KEYS.iter().all(|key| config.optional(key).is_none()) {
            let message =
                format!("No field is named, so nothing would be inserted. Set one of `{}`.", KEYS.join("`, `"));
            return vec![Issue::error("topic.field", message)];
        }
        if config.optional("static.field").is_some() && config.optional("static.value").is_none() {
            return vec![Issue::error("static.value", "`static.value` is not set, and `static.field` needs it.")];
        }
        Vec::new()
    }

    fn new(config: &Config) -> Result<InsertField> {
        if let Some(issue) = Self::validate(config).into_iter().next() {
            return Err(keys::wrong(&issue.key, issue.message));
        }
        let text: Text = config.text("static.value").into();
        let whats = [What::Topic, What::Partition, What::Offset, What::Timestamp, What::Static(text)];
        let named = KEYS.iter().zip(whats).filter_map(|(key, what)| Some(Inserted::new(config.optional(key)?, what)));
        let replace_null = config.boolean(keys::REPLACE_NULL);
        Ok(InsertField { fields: named.collect(), replace_null, plans: SchemaCache::default(), topic: None })
    }

    fn change(&mut self, part: Part, record: &mut TransformRecord) -> Result<Part, Refusal> {
        if part.value.is_null() {
            return Ok(part);
        }
        let topic = text_of(&mut self.topic, &record.topic);
        let found = self.fields.iter().map(|field| field.value(record, &topic)).collect::<Result<Vec<_>, Refusal>>()?;
        if part.schema.is_none() {
            let mut entries = entries(part.value)?;
            for (field, value) in self.fields.iter().zip(found) {
                if !value.is_null() {
                    put(&mut entries, &field.name, value);
                }
            }
            return Ok(Part::plain(Value::Map(entries)));
        }
        let value = structure(part.value)?;
        let (fields, replace_null) = (&self.fields, self.replace_null);
        if let Some((field, _)) =
            fields.iter().zip(&found).find(|(field, value)| value.is_null() && !field.schema.optional)
        {
            return Err(Refusal::field(&field.name, "is required (`!`) and the record has nothing for it")
                .remedy("Write `?` in place of `!`."));
        }
        let plan = self.plans.get(value.schema(), |schema| Plan::new(schema, fields, replace_null))?;
        Ok(plan.apply(value, found))
    }
}

fn text_of(last: &mut Option<(Topic, Text)>, topic: &Topic) -> Text {
    match last {
        Some((known, text)) if known == topic => text.clone(),
        _ => {
            let text = Text::from(&**topic);
            *last = Some((topic.clone(), text.clone()));
            text
        }
    }
}

impl Inserted {
    fn new(spec: &str, what: What) -> Inserted {
        let required = spec.strip_suffix('!');
        let name = required.or_else(|| spec.strip_suffix('?')).unwrap_or(spec);
        let schema = match what {
            What::Topic | What::Static(_) => Schema::string(),
            What::Partition => Schema::new(Kind::Int32),
            What::Offset => Schema::new(Kind::Int64),
            What::Timestamp => Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1),
        };
        let schema = Arc::new(Schema { optional: required.is_none(), ..schema });
        Inserted { name: name.into(), what, schema }
    }

    /// What a record has for the field; null where it has nothing.
    fn value(&self, record: &TransformRecord, topic: &Text) -> Result<Value, Refusal> {
        let value = match &self.what {
            What::Topic => Some(Value::String(topic.clone())),
            What::Partition => record.partition.map(Value::Int32),
            What::Offset => record.offset.map(Value::Int64),
            What::Timestamp => record.timestamp.map(Value::Int64),
            What::Static(text) => Some(Value::String(text.clone())),
        };
        match (value, &self.what) {
            (Some(value), _) => Ok(value),
            (None, What::Offset) => {
                Err(Refusal::field(&self.name, "is for the offset, which a source's record does not have")
                    .remedy("Remove `offset.field`."))
            }
            (None, _) => Ok(Value::Null),
        }
    }
}

impl Plan {
    fn new(schema: &Arc<Schema>, inserted: &[Inserted], replace_null: bool) -> Result<Plan, Refusal> {
        let new = inserted.iter().map(|field| Field::new(&*field.name, field.schema.clone()));
        let fields = schema.fields().iter().cloned().chain(new).collect();
        let defaults = Defaults::of(schema, replace_null);
        Ok(Plan { schema: Arc::new(shape::structure(schema, fields)?), defaults })
    }

    fn apply(&self, value: Struct, inserted: Vec<Value>) -> Part {
        let mut values = value.into_values();
        values.reserve_exact(inserted.len());
        self.defaults.fill(&mut values);
        values.extend(inserted);
        Part::structure(self.schema.clone(), values)
    }
}
