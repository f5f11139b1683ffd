//! `TimestampConverter`: moments from one form to another.

mod form;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, Importance, Issue};
use connector_api::data::{Field, Kind, Schema, Struct, Text, Value};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::java::date::{Century, Pattern};
use crate::keys;
use crate::nested::Nested;
use crate::part::{Part, entries, get, put, structure};
use crate::path::{self, FieldPath};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::{self, Defaults};
use form::{FORMS, Form, PRECISIONS, Precision, Settings};

pub(crate) struct TimestampConverter {
    place: Nested,
    converter: Converter,
}

/// What is done in the struct or map that holds the field.
struct Converter {
    /// The field; empty for the key or value as a whole.
    field: Text,
    rule: Rule,
    replace_null: bool,
    plans: SchemaCache<Plan>,
}

struct Rule {
    to: Form,
    settings: Settings,
}

struct Plan {
    schema: Arc<Schema>,
    /// Where the field stands, if it is there, and the form that it has, if its type is that of a time.
    field: Option<(usize, Option<Form>)>,
    defaults: Defaults,
}

const REMEDY: &str = "Correct `field`, `format` or the data.";

impl Change for TimestampConverter {
    const NAMES: Names = names!("TimestampConverter");
    const DOC: &'static str =
        "Converts times between text, numbers since 1970 and Kafka Connect's own types. Null stays null.";

    fn keys() -> ConfigDef {
        let word = |name, preset: &'static str| ConfigKey::preset(name, ConfigType::String, preset);
        ConfigDef::new()
            .key(word("field", "").importance(Importance::High).doc("The field; empty for the key or value as a whole."))
            .key(
                keys::text("target.type")
                    .check(Check::By(|text| keys::one_of(text, &FORMS)))
                    .doc("`string`, `unix`, `Date`, `Time` or `Timestamp`, in this case of letters."),
            )
            .key(word("format", "").check(Check::By(Pattern::check)).doc(
                "The pattern of text, as in Java's `SimpleDateFormat`, in UTC and English: of the result if it is text, and of what \
                 is converted if that is.",
            ))
            .key(
                word("unix.precision", "milliseconds")
                    .importance(Importance::Low)
                    .check(Check::By(|text| keys::one_of(text, &PRECISIONS)))
                    .doc(
                        "The unit of numbers since 1970: `seconds`, `milliseconds`, `microseconds` or `nanoseconds`. What is below a \
                         millisecond is lost.",
                    ),
            )
            .key(keys::replace_null())
            .key(path::syntax_key())
    }

    fn validate(config: &Config) -> Vec<Issue> {
        let paths = config.optional("field").filter(|field| !field.is_empty());
        let issues = path::issues(config, "field", paths.into_iter());
        if !issues.is_empty() {
            return issues;
        }
        if config.text("target.type") == "string" && config.text("format").is_empty() {
            return vec![Issue::error("format", "`format` is not set, and the type `string` needs it.")];
        }
        Vec::new()
    }

    fn new(config: &Config) -> Result<TimestampConverter> {
        if let Some(issue) = Self::validate(config).into_iter().next() {
            return Err(keys::wrong(&issue.key, issue.message));
        }
        let pattern = match config.text("format") {
            "" => None,
            _ => Some(Pattern::new(config.text("format")).map_err(|why| keys::wrong("format", why))?),
        };
        let precision = Precision::named(config.text("unix.precision"));
        let settings = Settings { pattern, precision, century: Century::at(now()) };
        let (around, field) = match config.text("field") {
            "" => (Vec::new(), String::new()),
            text => FieldPath::of(config, text).map_err(|why| keys::wrong("field", why))?.into_place(),
        };
        let converter = Converter {
            field: field.into(),
            rule: Rule { to: Form::named(config.text("target.type")), settings },
            replace_null: config.boolean(keys::REPLACE_NULL),
            plans: SchemaCache::default(),
        };
        Ok(TimestampConverter { place: Nested::new(around), converter })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        self.place.change(part, &mut |part| self.converter.convert(part))
    }
}

impl Converter {
    fn convert(&mut self, part: Part) -> Result<Part, Refusal> {
        let (name, rule, replace_null) = (&self.field, &self.rule, self.replace_null);
        match part {
            Part { schema: None, value: Value::Null } => Ok(part),
            Part { schema: None, value } if name.is_empty() => {
                Ok(Part::plain(rule.plain(&value).map_err(|why| whole(&why))?))
            }
            Part { schema: None, value } => {
                let mut entries = entries(value)?;
                let value = rule.plain(&get(&entries, name)).map_err(|why| Refusal::field(name, why).remedy(REMEDY))?;
                put(&mut entries, name, value);
                Ok(Part::plain(Value::Map(entries)))
            }
            Part { schema: Some(schema), value } if name.is_empty() => {
                let plan = self.plans.get(&schema, |schema| Plan::whole(schema, rule.to))?;
                let value = match plan.field {
                    Some((_, Some(from))) => rule.convert(from, &value).map_err(|why| whole(&why))?,
                    _ => return Err(whole("is of a type that is no time")),
                };
                Ok(Part::typed(plan.schema.clone(), value))
            }
            Part { schema: Some(schema), value } => {
                let schema = if let Value::Struct(value) = &value { value.schema().clone() } else { schema };
                let plan = self.plans.get(&schema, |schema| Plan::new(schema, name, rule, replace_null))?;
                match value {
                    Value::Null => Ok(Part::typed(plan.schema.clone(), Value::Null)),
                    value => plan.apply(structure(value)?, name, rule),
                }
            }
        }
    }
}

/// The clock says where the years of two digits lie, as in Java: once, when the transform is made.
fn now() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or(0)
}

fn whole(why: &str) -> Refusal {
    Refusal::new(format!("it {why}")).remedy(REMEDY)
}

impl Rule {
    /// The error goes on after "the field ...".
    fn convert(&self, from: Form, value: &Value) -> Result<Value, String> {
        match value {
            Value::Null => Ok(Value::Null),
            value => self.to.write(from.read(value, &self.settings)?, &self.settings),
        }
    }

    /// The same for a value without a schema.
    fn plain(&self, value: &Value) -> Result<Value, String> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let from = Form::of_value(value);
        let from = from.ok_or_else(|| format!("holds {}, which is no time", crate::part::kind_of(value)))?;
        self.to.write_plain(from.read(value, &self.settings)?, &self.settings)
    }
}

impl Plan {
    fn whole(schema: &Arc<Schema>, to: Form) -> Result<Plan, Refusal> {
        let field = Form::of_schema(schema);
        Ok(Plan { schema: to.schema(schema.optional), field: Some((0, field)), defaults: Defaults::default() })
    }

    fn new(schema: &Arc<Schema>, name: &str, rule: &Rule, replace_null: bool) -> Result<Plan, Refusal> {
        let Kind::Struct(fields) = &schema.kind else {
            return Err(Refusal::new("it has a schema that is no struct, so it has no fields").remedy(REMEDY));
        };
        let mut fields = fields.clone();
        let mut found = None;
        if let Some(at) = schema.index_of(name)
            && let Some(field) = fields.get_mut(at)
        {
            found = Some((at, Form::of_schema(&field.schema)));
            *field = Field::new(field.name.clone(), rule.to.schema(field.schema.optional));
        }
        let mut new = shape::basics(schema, Kind::Struct(fields));
        new.optional = schema.optional;
        let mut plan = Plan { schema: Arc::new(new), field: found, defaults: Defaults::of(schema, replace_null) };
        if let Some(Value::Struct(default)) = schema.default.clone() {
            let default = plan.apply(default, name, rule)?.value;
            plan.schema = Arc::new(Schema { default: Some(default), ..Schema::clone(&plan.schema) });
        }
        Ok(plan)
    }

    fn apply(&self, value: Struct, name: &str, rule: &Rule) -> Result<Part, Refusal> {
        let mut values = value.into_values();
        self.defaults.fill(&mut values);
        if let Some((at, from)) = self.field
            && let Some(value) = values.get_mut(at)
        {
            let converted = match from {
                Some(from) => rule.convert(from, value),
                None => Err("is of a type that is no time".to_owned()),
            };
            *value = converted.map_err(|why| Refusal::field(name, why).remedy(REMEDY))?;
        }
        Ok(Part::structure(self.schema.clone(), values))
    }
}
