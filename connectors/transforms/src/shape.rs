//! Schemas made out of others.

use connector_api::data::{Field, Kind, Schema, Value, logical};

use crate::refusal::Refusal;

/// A required schema of that kind with the name, version, text and parameters of another.
pub(crate) fn basics(of: &Schema, kind: Kind) -> Schema {
    Schema { optional: false, default: None, kind, ..of.clone() }
}

/// A struct of these fields with the name, version, text and parameters of another. Two fields of one name are refused.
pub(crate) fn structure(of: &Schema, fields: Vec<Field>) -> Result<Schema, Refusal> {
    if let Some(name) = repeated(&fields) {
        return Err(Refusal::field(name, "would be there twice").remedy("Rename or exclude one of the two first."));
    }
    Ok(basics(of, Kind::Struct(fields)))
}

fn repeated(fields: &[Field]) -> Option<&str> {
    let mut names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied())
}

/// Whether a schema is one of the four logical types of Kafka Connect.
pub(crate) fn is_logical(schema: &Schema) -> bool {
    [logical::DECIMAL, logical::DATE, logical::TIME, logical::TIMESTAMP].iter().any(|name| schema.is_logical(name))
}

/// The values of some places, each taken once.
pub(crate) fn picked(mut values: Vec<Value>, places: &[usize]) -> Vec<Value> {
    let mut take = |at: &usize| values.get_mut(*at).map(|value| std::mem::replace(value, Value::Null));
    places.iter().map(|at| take(at).unwrap_or(Value::Null)).collect()
}

/// The defaults that stand for nulls, by the places of their fields.
#[derive(Debug, Default)]
pub(crate) struct Defaults(Vec<(usize, Value)>);

impl Defaults {
    /// Those of a struct's fields; none if nulls are to stay.
    pub fn of(schema: &Schema, wanted: bool) -> Defaults {
        let fields = schema.fields().iter().enumerate().filter(|_| wanted);
        Defaults(fields.filter_map(|(at, field)| Some((at, field.schema.default.clone()?))).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A value, or what stands for it if it is null.
    pub fn in_place_of(&self, at: usize, value: Value) -> Value {
        match self.0.iter().find(|(place, _)| *place == at) {
            Some((_, default)) if value.is_null() => default.clone(),
            _ => value,
        }
    }

    /// Puts them in place of nulls.
    pub fn fill(&self, values: &mut [Value]) {
        for (at, default) in &self.0 {
            if let Some(value) = values.get_mut(*at).filter(|value| value.is_null()) {
                *value = default.clone();
            }
        }
    }
}
