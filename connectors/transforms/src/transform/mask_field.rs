//! `MaskField`: fields lose what they hold.

use connector_api::config::{Check, Config, ConfigDef, Importance, Issue};
use connector_api::data::{Decimal, Struct, Text, Value, logical};
use connector_api::{Result, TransformRecord};

use crate::class::{Change, Names, names};
use crate::java::number::Literal;
use crate::keys;
use crate::nested::Nested;
use crate::part::{Entries, Part, entries, get, kind_of, put, structure, without_fields};
use crate::path::{self, FieldPath};
use crate::refusal::Refusal;
use crate::schema_cache::SchemaCache;
use crate::shape::Defaults;

pub(crate) struct MaskField {
    mask: Mask,
    places: Vec<(Nested, Fields)>,
}

/// The fields to mask in one struct or map.
struct Fields {
    names: Vec<Text>,
    replace_null: bool,
    plans: SchemaCache<Plan>,
}

/// What stands in a masked field.
enum Mask {
    /// Zero, false, empty.
    Nothing,
    /// A text, as what the field holds.
    Replacement(String),
}

struct Plan {
    /// The places of masked fields, and whether they are dates or times, which no replacement suits.
    masked: Vec<(usize, bool)>,
    defaults: Defaults,
}

impl Change for MaskField {
    const NAMES: Names = names!("MaskField");
    const DOC: &'static str = "Masks fields: with zero, false or nothing of their type, or with a replacement.";

    fn keys() -> ConfigDef {
        let replacement = keys::optional_text("replacement").importance(Importance::Low).check(Check::NonEmpty);
        ConfigDef::new()
            .key(keys::names("fields").doc("The fields to mask."))
            .key(replacement.doc("What to put there instead, for fields of numbers or text alone."))
            .key(keys::replace_null())
            .key(path::syntax_key())
    }

    fn validate(config: &Config) -> Vec<Issue> {
        path::issues(config, "fields", config.list("fields").iter().map(String::as_str))
    }

    fn new(config: &Config) -> Result<MaskField> {
        let replacement = config.optional("replacement");
        let mask = replacement.map_or(Mask::Nothing, |text| Mask::Replacement(text.to_owned()));
        let mut places: Vec<(Vec<String>, Fields)> = Vec::new();
        for text in config.list("fields") {
            let path = FieldPath::of(config, text).map_err(|why| keys::wrong("fields", why))?;
            let (around, name) = path.into_place();
            match places.iter_mut().find(|(known, _)| *known == around) {
                Some((_, fields)) => fields.names.push(name.into()),
                None => places.push((around, Fields::new(name.into(), config.boolean(keys::REPLACE_NULL)))),
            }
        }
        let places = places.into_iter().map(|(around, fields)| (Nested::new(around), fields)).collect();
        Ok(MaskField { mask, places })
    }

    fn change(&mut self, part: Part, _record: &mut TransformRecord) -> Result<Part, Refusal> {
        if part.value.is_null() {
            return Err(without_fields(&part.value));
        }
        let mask = &self.mask;
        self.places.iter_mut().try_fold(part, |part, (place, fields)| {
            place.change(part, &mut |part| if part.value.is_null() { Ok(part) } else { fields.mask(part, mask) })
        })
    }
}

impl Fields {
    fn new(name: Text, replace_null: bool) -> Fields {
        Fields { names: vec![name], replace_null, plans: SchemaCache::default() }
    }

    fn mask(&mut self, part: Part, mask: &Mask) -> Result<Part, Refusal> {
        let (fields, replace_null) = (&self.names, self.replace_null);
        match part {
            Part { schema: None, value } => Ok(Part::plain(Value::Map(mask_entries(entries(value)?, fields, mask)?))),
            Part { value, .. } => {
                let value = structure(value)?;
                let plan = self.plans.get(value.schema(), |schema| {
                    let places = fields.iter().filter_map(|name| schema.index_of(name));
                    let is_time =
                        |at: usize| schema.fields().get(at).is_some_and(|field| is_time(field.schema.name.as_deref()));
                    let masked = places.map(|at| (at, is_time(at))).collect();
                    Ok(Plan { masked, defaults: Defaults::of(schema, replace_null) })
                })?;
                plan.apply(value, mask)
            }
        }
    }
}

fn is_time(name: Option<&str>) -> bool {
    matches!(name, Some(logical::DATE | logical::TIME | logical::TIMESTAMP))
}

/// A field that is not there becomes null.
fn mask_entries(mut entries: Entries, fields: &[Text], mask: &Mask) -> Result<Entries, Refusal> {
    for name in fields {
        let value = mask.over(&get(&entries, name), false).map_err(|why| Refusal::field(name, why).remedy(REMEDY))?;
        put(&mut entries, name, value);
    }
    Ok(entries)
}

const REMEDY: &str = "Correct `fields` or `replacement`.";

impl Plan {
    fn apply(&self, value: Struct, mask: &Mask) -> Result<Part, Refusal> {
        let schema = value.schema().clone();
        if self.masked.is_empty() && self.defaults.is_empty() {
            return Ok(Part::typed(schema, Value::Struct(value)));
        }
        let mut values = value.into_values();
        self.defaults.fill(&mut values);
        for (at, is_time) in &self.masked {
            if let (Some(value), Some(field)) = (values.get_mut(*at), schema.fields().get(*at)) {
                let masked = mask.over(value, *is_time);
                *value = masked.map_err(|why| Refusal::field(&field.name, why).remedy(REMEDY))?;
            }
        }
        Ok(Part::structure(schema, values))
    }
}

impl Mask {
    /// What stands in place of a value. Null stays null. The error goes on after "the field ...".
    fn over(&self, value: &Value, is_time: bool) -> Result<Value, String> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let masked = match self {
            Mask::Nothing => zero(value),
            Mask::Replacement(_) if is_time => None,
            Mask::Replacement(text) => replaced(value, text),
        };
        masked.ok_or_else(|| match self {
            Mask::Nothing => format!("holds {}, which cannot be masked", kind_of(value)),
            Mask::Replacement(_) => format!("holds {}, for which `replacement` is none", kind_of(value)),
        })
    }
}

fn zero(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::String(_) => Value::String(Text::new()),
        Value::Decimal(_) => Value::Decimal(Decimal::new("0".into()).ok()?),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        Value::Null | Value::Bytes(_) | Value::Struct(_) => return None,
    })
}

/// A number that is too large for the field loses its upper bits, as in Kafka Connect.
fn replaced(value: &Value, text: &str) -> Option<Value> {
    let number = || Literal::parse(text);
    let whole = || number()?.truncated();
    Some(match value {
        Value::Int8(_) => Value::Int8(whole()? as i8),
        Value::Int16(_) => Value::Int16(whole()? as i16),
        Value::Int32(_) => Value::Int32(whole()? as i32),
        Value::Int64(_) => Value::Int64(whole()?),
        Value::Float32(_) => Value::Float32(number()?.float() as f32),
        Value::Float64(_) => Value::Float64(number()?.float()),
        Value::Decimal(_) => Value::Decimal(Decimal::new(number()?.plain().into()).ok()?),
        Value::String(_) => Value::String(text.into()),
        _ => return None,
    })
}
